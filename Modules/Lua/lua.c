/* A policy that is a Lua script: read from a file, and read again when the file changes. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "script.h"

#define MAX_SCRIPT_BYTES (1 << 20)

/* Without a script: every framework in turn. */
static const char built_in[] =
    "local turn = 0\n"
    "function allocate(view)\n"
    "  local claimants = view.claimants\n"
    "  for _, agent in ipairs(view.candidates) do\n"
    "    for step = 1, #claimants do\n"
    "      local claimant = claimants[(turn + step) % #claimants + 1]\n"
    "      if claimant:may_have(agent) and grant(agent, claimant) and not agent.has_any then\n"
    "        turn = turn + step\n"
    "        break\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n";

typedef struct policy {
  const tepui_host *host;
  script_bounds bounds;
  char *path; /* NULL: the built-in script */
  struct stat seen; /* the file when it was last read, or tried to be */
  script *current;
  script *proven; /* the one before, until `current` has got through a cycle */
  char problem[200]; /* of the file as it is now; empty when it is in use */
} policy;

static void destroy(void *instance) {
  policy *self = instance;
  script_close(self->current);
  script_close(self->proven);
  free(self->path);
  free(self);
}

/* The text of the file; NULL with the problem if there is none. */
static char *read_file(policy *self, size_t *length) {
  int file = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  char *text = NULL;
  if (file < 0) {
    snprintf(self->problem, sizeof self->problem, "%s: %s", self->path, strerror(errno));
    if (stat(self->path, &self->seen) != 0) self->seen.st_ino = 0;
    return NULL;
  }
  if (fstat(file, &self->seen) != 0 || !S_ISREG(self->seen.st_mode) || self->seen.st_size > MAX_SCRIPT_BYTES) {
    snprintf(self->problem, sizeof self->problem, "%s: it must be a file of at most 1 MB", self->path);
  } else if ((text = malloc((size_t)self->seen.st_size + 1)) == NULL) {
    snprintf(self->problem, sizeof self->problem, "out of memory");
  } else {
    ssize_t count = read(file, text, (size_t)self->seen.st_size);
    *length = count > 0 ? (size_t)count : 0;
  }
  close(file);
  return text;
}

/* The script of the file; NULL with the problem if it cannot be used. */
static script *open_file(policy *self) {
  size_t length = 0;
  char *text = read_file(self, &length);
  if (text == NULL) return NULL;
  const char *slash = strrchr(self->path, '/');
  char name[256];
  snprintf(name, sizeof name, "@%s", slash != NULL ? slash + 1 : self->path);
  script_source source = {name, text, length};
  script *opened = script_open(&source, &self->bounds, self->host, self->problem, sizeof self->problem);
  free(text);
  return opened;
}

static int is_changed(const policy *self) {
  struct stat now;
  if (self->path == NULL || stat(self->path, &now) != 0) return 0; /* a file that is gone is not a change yet */
  const struct stat *then = &self->seen;
  return now.st_ino != then->st_ino || now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
         now.st_mtim.tv_nsec != then->st_mtim.tv_nsec || now.st_ctim.tv_sec != then->st_ctim.tv_sec ||
         now.st_ctim.tv_nsec != then->st_ctim.tv_nsec;
}

static void reload(policy *self) {
  script *opened = open_file(self);
  if (opened == NULL) {
    tepui_log(self->host, TEPUI_LOG_ERROR, "the changed script is not used, the last good one goes on: %s", self->problem);
    return;
  }
  tepui_log(self->host, TEPUI_LOG_INFO, "%s has changed and decides from now on", self->path);
  self->problem[0] = '\0';
  if (self->proven == NULL) self->proven = self->current;
  else script_close(self->current);
  self->current = opened;
}

static tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                             tepui_error *error) {
  policy *self = instance;
  if (is_changed(self)) reload(self);
  char problem[sizeof self->problem];
  if (script_run(self->current, &self->bounds, view, sink, problem, sizeof problem)) {
    script_close(self->proven);
    self->proven = NULL;
    return TEPUI_OK;
  }
  if (self->proven == NULL) return tepui_fail(error, TEPUI_FAILED, "%s", problem);
  /* Its first cycle: the change was a mistake. */
  memcpy(self->problem, problem, sizeof problem);
  tepui_log(self->host, TEPUI_LOG_ERROR, "the changed script fails, the last good one goes on: %s", problem);
  script_close(self->current);
  self->current = self->proven;
  self->proven = NULL;
  if (script_run(self->current, &self->bounds, view, sink, problem, sizeof problem)) return TEPUI_OK;
  return tepui_fail(error, TEPUI_FAILED, "%s", problem);
}

/* What a script decides by is its own; but whether it is the file's can be told. */
static tepui_status explain(void *instance, const tepui_allocation_view *view, uint32_t claimant,
                            const tepui_reason_sink *sink, tepui_error *error) {
  policy *self = instance;
  (void)view, (void)claimant, (void)error;
  char words[sizeof self->problem];
  if (self->problem[0] == '\0') return TEPUI_OK;
  snprintf(words, sizeof words, "an older script decides, for the changed one fails: %.140s", self->problem);
  for (char *byte = words; *byte != '\0'; byte++)
    if (*byte == '\n') *byte = ' ';
  sink->reason(sink->context, tepui_text_of(words), 1);
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_parameter *parameters, uint32_t parameter_count,
                           void **instance, tepui_error *error) {
  (void)parameter_count;
  policy *self = calloc(1, sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  tepui_text path = TEPUI_AT(tepui_parameter, parameters, 0)->text;
  self->host = host;
  self->bounds.memory_bytes = (size_t)TEPUI_AT(tepui_parameter, parameters, 1)->integer << 20;
  self->bounds.work = TEPUI_AT(tepui_parameter, parameters, 2)->integer;
  if (path.length == 0) {
    script_source source = {"=(built-in script)", built_in, sizeof built_in - 1};
    self->current = script_open(&source, &self->bounds, host, self->problem, sizeof self->problem);
  } else if ((self->path = strndup(path.bytes, path.length)) != NULL) {
    self->current = open_file(self);
  }
  if (self->current == NULL) {
    tepui_fail(error, TEPUI_INVALID, "script: %s", self->problem);
    destroy(self);
    return TEPUI_INVALID;
  }
  *instance = self;
  return TEPUI_OK;
}

static const tepui_allocator allocator = {sizeof allocator, create, destroy, allocate};
static const tepui_allocator_explain explanation = {sizeof explanation, explain};

static const tepui_parameter_spec specs[] = {
    {
        .size = sizeof specs[0],
        .type = TEPUI_PARAMETER_TEXT,
        .name = TEPUI_TEXT("script"),
        .initial = TEPUI_TEXT(""),
        .help = TEPUI_TEXT("Path of the script. Empty: a built-in one that lets frameworks take turns."),
    },
    {
        .size = sizeof specs[0],
        .type = TEPUI_PARAMETER_INTEGER,
        .name = TEPUI_TEXT("memory_limit_mb"),
        .initial = TEPUI_TEXT("64"),
        .minimum = 1,
        .maximum = 16384,
        .help = TEPUI_TEXT("How much memory the script may hold; a cycle that needs more fails."),
    },
    {
        .size = sizeof specs[0],
        .type = TEPUI_PARAMETER_INTEGER,
        .name = TEPUI_TEXT("instruction_limit"),
        .initial = TEPUI_TEXT("50000000"),
        .minimum = 100000,
        .maximum = 100000000000,
        .help = TEPUI_TEXT("Instructions of Lua that a cycle may take; one that takes more is ended."),
    },
};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = sizeof specs / sizeof *specs,
    .id = TEPUI_TEXT("org.tepui.lua"),
    .kind = TEPUI_TEXT(TEPUI_ALLOCATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Decides by a Lua script, which may be changed while the master runs."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  if (tepui_text_is(id, TEPUI_ALLOCATOR_EXPLAIN_1)) return &explanation;
  return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
