/* Which profile a container gets. Compiling one takes milliseconds, so compiled ones are kept. */
#include "seccomp_module.h"

#include <stdlib.h>

#define NAME_LIMIT 128
#define PATH_LIMIT 4096
#define KEPT_LIMIT 32

/* Docker's default set: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot
 * mknod audit_write setfcap. */
#define USUAL_CAPABILITIES 0xa80425fbull

enum { CONFIG_DIR, PROFILE_NAME, ALLOW_UNCONFINED, COUNT };

static const tepui_parameter_spec specs[COUNT] = {
    [CONFIG_DIR] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT,
                    .name = TEPUI_TEXT("config_dir"), .initial = TEPUI_TEXT(""),
                    .help = TEPUI_TEXT("Directory of profiles, which tasks may name.")},
    [PROFILE_NAME] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT,
                      .name = TEPUI_TEXT("profile_name"), .initial = TEPUI_TEXT(""),
                      .help = TEPUI_TEXT("The one for tasks that name none; empty is the built-in one.")},
    [ALLOW_UNCONFINED] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_BOOLEAN,
                          .name = TEPUI_TEXT("allow_unconfined"), .initial = TEPUI_TEXT("false"),
                          .help = TEPUI_TEXT("Tasks may ask for no filter.")},
};

typedef struct kept {
  char name[NAME_LIMIT]; /* empty: the built-in one */
  conditions conditions;
  filter filter;
} kept;

typedef struct seccomp_isolator {
  char directory[PATH_LIMIT - NAME_LIMIT - 1];
  char standard[NAME_LIMIT];
  int allows_unconfined;
  uint32_t kept_count;
  kept kept[KEPT_LIMIT];
} seccomp_isolator;

static void destroy(void *instance) {
  seccomp_isolator *self = instance;
  for (uint32_t i = 0; i < self->kept_count; i++) free(self->kept[i].filter.bytes);
  free(self);
}

/* One file in the directory. */
static int is_name(tepui_text text) {
  if (text.length == 0 || text.length >= NAME_LIMIT || tepui_text_is(text, ".") || tepui_text_is(text, "..")) return 0;
  return memchr(text.bytes, '/', text.length) == NULL;
}

static tepui_status compile_named(
    const seccomp_isolator *self, const char *name, const conditions *conditions, filter *filter, tepui_error *error) {
  if (*name == 0) return compile_builtin(filter, error);
  char path[PATH_LIMIT];
  snprintf(path, sizeof path, "%s/%s", self->directory, name);
  return compile_file(path, conditions, filter, error);
}

/* The filter of a profile, compiled once. */
static tepui_status find(
    seccomp_isolator *self, const char *name, conditions conditions, const filter **found, tepui_error *error) {
  /* The built-in profile depends on nothing. */
  if (*name == 0) conditions.capabilities = 0;
  for (uint32_t i = 0; i < self->kept_count; i++) {
    const kept *one = &self->kept[i];
    if (strcmp(one->name, name) != 0 || one->conditions.capabilities != conditions.capabilities) continue;
    *found = &one->filter;
    return TEPUI_OK;
  }
  filter made = {0};
  tepui_status status = compile_named(self, name, &conditions, &made, error);
  if (status != TEPUI_OK) return status;
  /* The latest one makes room; the first is the one of most tasks. */
  uint32_t place = self->kept_count < KEPT_LIMIT ? self->kept_count++ : KEPT_LIMIT - 1;
  kept *one = &self->kept[place];
  free(one->filter.bytes);
  snprintf(one->name, sizeof one->name, "%s", name);
  one->conditions = conditions;
  one->filter = made;
  *found = &one->filter;
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameter_count;
  tepui_text directory = TEPUI_AT(tepui_parameter, parameters, CONFIG_DIR)->text;
  tepui_text standard = TEPUI_AT(tepui_parameter, parameters, PROFILE_NAME)->text;
  seccomp_isolator *self = calloc(1, sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  self->allows_unconfined = TEPUI_AT(tepui_parameter, parameters, ALLOW_UNCONFINED)->integer != 0;
  tepui_status status = TEPUI_OK;
  if (directory.length >= sizeof self->directory || (directory.length > 0 && *directory.bytes != '/'))
    status = tepui_fail(error, TEPUI_INVALID, "config_dir must be an absolute path");
  else if (standard.length > 0 && (directory.length == 0 || !is_name(standard)))
    status = tepui_fail(error, TEPUI_INVALID, "profile_name must be the name of a file in config_dir");
  if (status == TEPUI_OK) {
    if (directory.length > 0) memcpy(self->directory, directory.bytes, directory.length);
    if (standard.length > 0) memcpy(self->standard, standard.bytes, standard.length);
    /* A profile that cannot be used shows at the start. */
    const filter *found;
    status = find(self, self->standard, (conditions){USUAL_CAPABILITIES}, &found, error);
  }
  if (status == TEPUI_OK)
    *instance = self;
  else
    destroy(self);
  return status;
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  seccomp_isolator *self = instance;
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;
  if (!TEPUI_HAS(sink, seccomp)) return tepui_fail(error, TEPUI_UNSUPPORTED, "the agent is older than this module");
  if (container->flags & TEPUI_CONTAINER_ASKS_UNCONFINED) {
    if (self->allows_unconfined) return TEPUI_OK;
    return tepui_fail(error, TEPUI_INVALID, "the task asks for no filter, which allow_unconfined=false keeps from it");
  }
  char name[NAME_LIMIT] = "";
  tepui_text asked = container->seccomp_profile;
  if (asked.length > 0 && (self->directory[0] == 0 || !is_name(asked)))
    return tepui_fail(error, TEPUI_INVALID, "the task asks for the profile \"%.*s\", which is no file in config_dir",
                      (int)asked.length, asked.bytes);
  if (asked.length > 0)
    memcpy(name, asked.bytes, asked.length);
  else
    memcpy(name, self->standard, sizeof name);
  conditions conditions = {USUAL_CAPABILITIES};
  if (container->flags & TEPUI_CONTAINER_ASKS_EFFECTIVE) conditions.capabilities = container->effective_capabilities;
  const filter *filter = NULL;
  tepui_status status = find(self, name, conditions, &filter, error);
  if (status == TEPUI_OK) sink->seccomp(sink->context, filter->bytes, filter->length, 0);
  return status;
}

static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = COUNT,
    .id = TEPUI_TEXT("org.tepui.seccomp"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Filters the system calls of containers by profiles in Docker's form."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
