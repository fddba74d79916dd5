/* Namespaces of a container's own, and the mounts that make sense of them. */
#include <stdlib.h>
#include "tepui/tepui.h"

#define BINDS_LIMIT 64

static const tepui_text networks[] = {TEPUI_TEXT("host"), TEPUI_TEXT("none")};
static const tepui_text tmp_places[] = {TEPUI_TEXT("sandbox"), TEPUI_TEXT("tmpfs"), TEPUI_TEXT("host")};
static const tepui_text names[] = {TEPUI_TEXT("host"), TEPUI_TEXT("container")};

#define BOOLEAN(key, value, text)                                                                  \
  {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_BOOLEAN, .name = TEPUI_TEXT(key), \
   .initial = TEPUI_TEXT(value), .help = TEPUI_TEXT(text)}
enum { MOUNT, PID, IPC, UTS, CGROUP, NETWORK, TMP, SHM_SIZE, HOSTNAME, BINDS, ALLOW_SHARING, COUNT };

static const tepui_parameter_spec specs[COUNT] = {
    [MOUNT] = BOOLEAN("mount", "true", "Own mounts."),
    [PID] = BOOLEAN("pid", "true", "Own processes; needs mount."),
    [IPC] = BOOLEAN("ipc", "true", "Own System V and POSIX IPC."),
    [UTS] = BOOLEAN("uts", "true", "Own host's name."),
    [CGROUP] = BOOLEAN("cgroup", "false", "The container's cgroup is the root of all that it sees."),
    [NETWORK] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("network"),
                 .initial = TEPUI_TEXT("host"), .allowed = networks, .allowed_count = 2,
                 .help = TEPUI_TEXT("The host's network, or none.")},
    [TMP] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("tmp"),
             .initial = TEPUI_TEXT("sandbox"), .allowed = tmp_places, .allowed_count = 3,
             .help = TEPUI_TEXT("What /tmp is: a directory of the sandbox, a tmpfs, or the host's.")},
    [SHM_SIZE] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_INTEGER, .name = TEPUI_TEXT("shm_size"),
                  .initial = TEPUI_TEXT("64"), .minimum = 1, .maximum = 1 << 20,
                  .help = TEPUI_TEXT("Of /dev/shm in MB, for tasks that ask for no size.")},
    [HOSTNAME] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("hostname"),
                  .initial = TEPUI_TEXT("host"), .allowed = names, .allowed_count = 2,
                  .help = TEPUI_TEXT("The machine's name, or the beginning of the container's id.")},
    [BINDS] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("binds"),
               .initial = TEPUI_TEXT(""),
               .help = TEPUI_TEXT("Host paths that containers see read-only, by comma: /usr or /opt/x:/opt.")},
    [ALLOW_SHARING] = BOOLEAN("allow_sharing", "false", "Tasks may ask for the host's pid and ipc namespaces."),
};

typedef struct bind {
  tepui_text source, target;
} bind;

typedef struct namespaces {
  const tepui_host *host;
  uint32_t flags;
  int tmp_in_sandbox, tmp_is_tmpfs, named_by_id, allows_sharing, warned;
  int64_t shm_mb;
  uint32_t bind_count;
  bind binds[BINDS_LIMIT];
  char *texts; /* that the binds point into */
} namespaces;

static void destroy(void *instance) {
  namespaces *self = instance;
  free(self->texts);
  free(self);
}

static tepui_text part(const char *start, const char *end) { return (tepui_text){start, (uint64_t)(end - start)}; }

static tepui_status parse_binds(namespaces *self, tepui_text text, tepui_error *error) {
  if (text.length == 0) return TEPUI_OK;
  self->texts = malloc(text.length);
  if (self->texts == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  memcpy(self->texts, text.bytes, text.length);
  const char *start = self->texts, *end = start + text.length;
  while (start < end) {
    const char *comma = memchr(start, ',', (size_t)(end - start));
    if (comma == NULL) comma = end;
    const char *colon = memchr(start, ':', (size_t)(comma - start));
    bind one = {part(start, colon != NULL ? colon : comma), part(colon != NULL ? colon + 1 : start, comma)};
    if (one.source.length == 0 || *one.source.bytes != '/' || one.target.length == 0 || *one.target.bytes != '/')
      return tepui_fail(error, TEPUI_INVALID, "binds: \"%.*s\" is not an absolute path, or two of them as /from:/to",
                        (int)(comma - start), start);
    if (self->bind_count == BINDS_LIMIT) return tepui_fail(error, TEPUI_INVALID, "binds: more than %d", BINDS_LIMIT);
    self->binds[self->bind_count++] = one;
    start = comma + 1;
  }
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)node, (void)parameter_count;
  const tepui_parameter *values[COUNT];
  for (uint32_t i = 0; i < COUNT; i++) values[i] = TEPUI_AT(tepui_parameter, parameters, i);
  namespaces *self = calloc(1, sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  self->host = host;
  self->flags = (values[MOUNT]->integer ? TEPUI_NAMESPACE_MOUNT : 0) | (values[PID]->integer ? TEPUI_NAMESPACE_PID : 0) |
                (values[IPC]->integer ? TEPUI_NAMESPACE_IPC : 0) | (values[UTS]->integer ? TEPUI_NAMESPACE_UTS : 0) |
                (values[CGROUP]->integer ? TEPUI_NAMESPACE_CGROUP : 0) |
                (tepui_text_is(values[NETWORK]->text, "none") ? TEPUI_NAMESPACE_NETWORK : 0);
  self->tmp_in_sandbox = tepui_text_is(values[TMP]->text, "sandbox");
  self->tmp_is_tmpfs = tepui_text_is(values[TMP]->text, "tmpfs");
  self->named_by_id = tepui_text_is(values[HOSTNAME]->text, "container");
  self->allows_sharing = values[ALLOW_SHARING]->integer != 0;
  self->shm_mb = values[SHM_SIZE]->integer;
  tepui_status status = parse_binds(self, values[BINDS]->text, error);
  int needs_mount = values[PID]->integer || self->bind_count > 0;
  if (status == TEPUI_OK && needs_mount && !values[MOUNT]->integer)
    status = tepui_fail(error, TEPUI_INVALID, "pid and binds need mount: a container needs a /proc of its own processes");
  if (status == TEPUI_OK)
    *instance = self;
  else
    destroy(self);
  return status;
}

static void add(const tepui_plan_sink *sink, uint32_t flags, const char *type, tepui_text source, tepui_text target,
                const char *options) {
  const tepui_mount mount = {.size = sizeof mount, .flags = flags, .type = tepui_text_of(type), .source = source,
                             .target = target, .options = tepui_text_of(options)};
  sink->mount(sink->context, &mount);
}

static int lies_in_tmp(tepui_text path) { return path.length > 5 && memcmp(path.bytes, "/tmp/", 5) == 0; }

static void plan_tmp(namespaces *self, const tepui_container *container, const tepui_plan_sink *sink) {
  if (!self->tmp_in_sandbox && !self->tmp_is_tmpfs) return;
  int is_hidden = lies_in_tmp(container->sandbox) && !(container->flags & TEPUI_CONTAINER_OWN_ROOT);
  if (is_hidden) {
    if (!self->warned)
      tepui_log(self->host, TEPUI_LOG_WARNING, "containers share the host's /tmp, because their sandboxes lie in it");
    self->warned = 1;
    return;
  }
  uint32_t safe = TEPUI_MOUNT_NO_SUID | TEPUI_MOUNT_NO_DEVICES;
  if (self->tmp_is_tmpfs)
    add(sink, safe, "tmpfs", tepui_text_of("tmpfs"), tepui_text_of("/tmp"), "mode=1777");
  else
    add(sink, safe | TEPUI_MOUNT_BIND | TEPUI_MOUNT_FROM_SANDBOX | TEPUI_MOUNT_FOR_ALL, "", tepui_text_of("tmp"),
        tepui_text_of("/tmp"), "");
}

static void plan_mounts(namespaces *self, const tepui_container *container, const tepui_plan_sink *sink, uint32_t flags) {
  uint32_t safe = TEPUI_MOUNT_NO_SUID | TEPUI_MOUNT_NO_DEVICES | TEPUI_MOUNT_NO_EXECUTE;
  for (uint32_t i = 0; i < self->bind_count; i++)
    add(sink, TEPUI_MOUNT_BIND | TEPUI_MOUNT_RECURSIVE | TEPUI_MOUNT_READ_ONLY, "", self->binds[i].source,
        self->binds[i].target, "");
  if (flags & TEPUI_NAMESPACE_PID) add(sink, safe, "proc", tepui_text_of("proc"), tepui_text_of("/proc"), "");
  if (flags & TEPUI_NAMESPACE_IPC || container->parent.length > 0) {
    char options[64];
    int64_t bytes = container->shm_bytes > 0 ? container->shm_bytes : self->shm_mb << 20;
    snprintf(options, sizeof options, "mode=1777,size=%lld", (long long)bytes);
    add(sink, safe, "tmpfs", tepui_text_of("tmpfs"), tepui_text_of("/dev/shm"), options);
  }
  plan_tmp(self, container, sink);
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  namespaces *self = instance;
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;
  if (!TEPUI_HAS(sink, hostname)) return tepui_fail(error, TEPUI_UNSUPPORTED, "the agent is older than this module");
  uint32_t flags = self->flags;
  uint32_t shared = (container->flags & TEPUI_CONTAINER_ASKS_HOST_PID ? TEPUI_NAMESPACE_PID : 0) |
                    (container->flags & TEPUI_CONTAINER_ASKS_HOST_IPC ? TEPUI_NAMESPACE_IPC : 0);
  if ((shared & flags) != 0 && !self->allows_sharing)
    return tepui_fail(error, TEPUI_INVALID,
                      "the task asks for the host's %s namespace, which allow_sharing=false keeps from it",
                      shared & flags & TEPUI_NAMESPACE_PID ? "pid" : "ipc");
  flags &= ~shared;
  /* Tasks of a pod have these in common. */
  if (container->parent.length > 0) flags &= ~(TEPUI_NAMESPACE_IPC | TEPUI_NAMESPACE_UTS | TEPUI_NAMESPACE_NETWORK);
  sink->namespaces(sink->context, flags);
  if (flags & TEPUI_NAMESPACE_MOUNT) plan_mounts(self, container, sink, flags);
  if (!(flags & TEPUI_NAMESPACE_UTS)) return TEPUI_OK;
  tepui_text name = container->hostname;
  if (name.length == 0 && self->named_by_id)
    name = (tepui_text){container->id.bytes, container->id.length < 12 ? container->id.length : 12};
  if (name.length > 64)
    return tepui_fail(error, TEPUI_INVALID, "the task asks for a host's name of %d bytes; it may have 64",
                      (int)name.length);
  if (name.length > 0) sink->hostname(sink->context, name);
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = COUNT,
    .id = TEPUI_TEXT("org.tepui.namespaces"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Gives containers their own mounts, processes, IPC and host's name."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
