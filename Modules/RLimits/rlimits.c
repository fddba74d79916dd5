/* Resource limits of setrlimit(2), the same for every container of an agent. */
#include <stdlib.h>
#include "tepui/tepui.h"

#define LIMITS(LIMIT)                                                                              \
  LIMIT("as", "Address space in bytes.")                                                           \
  LIMIT("core", "Size of a core file in bytes.")                                                   \
  LIMIT("cpu", "CPU time of a process in seconds.")                                                \
  LIMIT("data", "Data segment in bytes.")                                                          \
  LIMIT("fsize", "Size of a file that is written, in bytes.")                                      \
  LIMIT("memlock", "Memory that may be locked, in bytes.")                                         \
  LIMIT("msgqueue", "POSIX message queues in bytes.")                                              \
  LIMIT("nice", "20 minus the lowest nice value.")                                                 \
  LIMIT("nofile", "Open files of a process.")                                                      \
  LIMIT("nproc", "Processes of the user, on the whole machine.")                                   \
  LIMIT("rtprio", "Highest real-time priority.")                                                   \
  LIMIT("rttime", "Microseconds of real-time scheduling without a pause.")                         \
  LIMIT("sigpending", "Queued signals of the user.")                                               \
  LIMIT("stack", "Stack in bytes.")

#define SPEC(limit, text)                                                                          \
  {.size = sizeof(tepui_parameter_spec),                                                           \
   .type = TEPUI_PARAMETER_TEXT,                                                                   \
   .name = TEPUI_TEXT(limit),                                                                      \
   .initial = TEPUI_TEXT(""),                                                                      \
   .help = TEPUI_TEXT(text " A number, soft:hard, or unlimited; empty leaves the agent's own.")},

static const tepui_parameter_spec specs[] = {LIMITS(SPEC)};
enum { COUNT = sizeof specs / sizeof *specs };

typedef struct limit {
  int is_set;
  uint64_t soft, hard;
} limit;

typedef struct rlimits {
  limit limits[COUNT]; /* in the order of specs */
} rlimits;

/* A number or "unlimited", from `start` to `end`; 0 if it is neither. */
static int parse_one(const char *start, const char *end, uint64_t *value) {
  static const char unlimited[] = "unlimited";
  size_t length = (size_t)(end - start);
  if (length == sizeof unlimited - 1 && memcmp(start, unlimited, length) == 0) {
    *value = UINT64_MAX;
    return 1;
  }
  if (length == 0 || length > 18) return 0; /* 18 digits always fit */
  *value = 0;
  for (const char *digit = start; digit < end; digit++) {
    if (*digit < '0' || *digit > '9') return 0;
    *value = *value * 10 + (uint64_t)(*digit - '0');
  }
  return 1;
}

static tepui_status parse(const tepui_parameter *parameter, limit *limit, tepui_error *error) {
  const char *start = parameter->text.bytes, *end = start + parameter->text.length;
  if (start == end) return TEPUI_OK;
  const char *colon = memchr(start, ':', (size_t)(end - start));
  limit->is_set = parse_one(start, colon != NULL ? colon : end, &limit->soft);
  limit->hard = limit->soft;
  if (limit->is_set && colon != NULL) limit->is_set = parse_one(colon + 1, end, &limit->hard);
  if (!limit->is_set || limit->soft > limit->hard)
    return tepui_fail(error, TEPUI_INVALID,
                      "%.*s: \"%.*s\" is not a number, \"unlimited\", or two of them as soft:hard with soft the smaller",
                      (int)parameter->name.length, parameter->name.bytes, (int)(end - start), start);
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameter_count;
  rlimits *self = calloc(1, sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  for (uint32_t i = 0; i < COUNT; i++) {
    tepui_status status = parse(TEPUI_AT(tepui_parameter, parameters, i), &self->limits[i], error);
    if (status == TEPUI_OK) continue;
    free(self);
    return status;
  }
  *instance = self;
  return TEPUI_OK;
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  (void)error;
  const rlimits *self = instance;
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;
  for (uint32_t i = 0; i < COUNT; i++) {
    const limit *limit = &self->limits[i];
    if (limit->is_set) sink->rlimit(sink->context, specs[i].name, limit->soft, limit->hard);
  }
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, free, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = COUNT,
    .id = TEPUI_TEXT("org.tepui.rlimits"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Sets resource limits (ulimit) for containers."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
