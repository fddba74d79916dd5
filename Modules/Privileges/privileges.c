/* Capabilities of a container's command, and whether an exec can give more. */
#include <stdlib.h>
#include "tepui/tepui.h"

/* By number, as in capabilities(7). */
static const char *const names[] = {
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
};
enum { NAMES = sizeof names / sizeof *names };

#define DOCKERS                                                                                  \
  "audit_write,chown,dac_override,fowner,fsetid,kill,mknod,net_bind_service,net_raw,setfcap,setgid,setpcap,setuid," \
  "sys_chroot"

enum { BOUNDING, ROOT, OTHERS, NO_NEW_PRIVS, COUNT };

static const tepui_parameter_spec specs[COUNT] = {
    [BOUNDING] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("bounding"),
                  .initial = TEPUI_TEXT(DOCKERS),
                  .help = TEPUI_TEXT("The most that a process can gain: names by comma, all, or none.")},
    [ROOT] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("root"),
              .initial = TEPUI_TEXT(""),
              .help = TEPUI_TEXT("What a command of root has that asks for nothing; empty is all of bounding.")},
    [OTHERS] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_TEXT, .name = TEPUI_TEXT("others"),
                .initial = TEPUI_TEXT("none"),
                .help = TEPUI_TEXT("What a command of any other user has that asks for nothing.")},
    [NO_NEW_PRIVS] = {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_BOOLEAN,
                      .name = TEPUI_TEXT("no_new_privs"), .initial = TEPUI_TEXT("true"),
                      .help = TEPUI_TEXT("No exec gives privileges, as sudo would need it.")},
};

typedef struct privileges {
  uint64_t bounding, root, others;
  int no_new_privs;
} privileges;

static char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? (char)(letter + 'a' - 'A') : letter; }

static int is_same(const char *name, const char *start, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (name[i] == 0 || name[i] != lower(start[i])) return 0;
  return name[length] == 0;
}

/* The number of a capability, or -1. */
static int number_of(const char *start, const char *end) {
  if (end - start > 4 && is_same("cap_", start, 4)) start += 4;
  for (int number = 0; number < NAMES; number++)
    if (is_same(names[number], start, (size_t)(end - start))) return number;
  return -1;
}

static tepui_status parse(const tepui_parameter *parameter, uint64_t otherwise, uint64_t *set, tepui_error *error) {
  tepui_text text = parameter->text;
  *set = otherwise;
  if (text.length == 0) return TEPUI_OK;
  *set = tepui_text_is(text, "all") ? (1ull << NAMES) - 1 : 0;
  if (tepui_text_is(text, "all") || tepui_text_is(text, "none")) return TEPUI_OK;
  const char *start = text.bytes, *end = start + text.length;
  while (start < end) {
    const char *comma = memchr(start, ',', (size_t)(end - start));
    if (comma == NULL) comma = end;
    while (start < comma && *start == ' ') start++;
    int number = number_of(start, comma);
    if (number < 0)
      return tepui_fail(error, TEPUI_INVALID, "%.*s: \"%.*s\" is not a capability, such as net_raw",
                        (int)parameter->name.length, parameter->name.bytes, (int)(comma - start), start);
    *set |= 1ull << number;
    start = comma + 1;
  }
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameter_count;
  privileges made = {.no_new_privs = TEPUI_AT(tepui_parameter, parameters, NO_NEW_PRIVS)->integer != 0};
  tepui_status status = parse(TEPUI_AT(tepui_parameter, parameters, BOUNDING), 0, &made.bounding, error);
  if (status == TEPUI_OK) status = parse(TEPUI_AT(tepui_parameter, parameters, ROOT), made.bounding, &made.root, error);
  if (status == TEPUI_OK) status = parse(TEPUI_AT(tepui_parameter, parameters, OTHERS), 0, &made.others, error);
  if (status != TEPUI_OK) return status;
  if ((made.root | made.others) & ~made.bounding)
    return tepui_fail(error, TEPUI_INVALID, "root and others may hold only what bounding holds");
  privileges *self = malloc(sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  *self = made;
  *instance = self;
  return TEPUI_OK;
}

/* Fails with the names of what is asked for beyond what is allowed. */
static tepui_status refuse(const char *field, uint64_t excess, tepui_error *error) {
  char list[512] = "";
  size_t length = 0;
  for (int number = 0; number < 64 && length < sizeof list - 32; number++) {
    if (!(excess >> number & 1)) continue;
    const char *separator = length > 0 ? ", " : "";
    int added = number < NAMES ? snprintf(list + length, sizeof list - length, "%s%s", separator, names[number])
                               : snprintf(list + length, sizeof list - length, "%s%d", separator, number);
    length += (size_t)added;
  }
  return tepui_fail(error, TEPUI_INVALID, "the task asks for %s that this agent allows to nobody: %s", field, list);
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  const privileges *self = instance;
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;
  if (!TEPUI_HAS(sink, no_new_privileges))
    return tepui_fail(error, TEPUI_UNSUPPORTED, "the agent is older than this module");
  uint64_t bounding = self->bounding;
  if (container->flags & TEPUI_CONTAINER_ASKS_BOUNDING) bounding = container->bounding_capabilities;
  if (bounding & ~self->bounding) return refuse("bounding_capabilities", bounding & ~self->bounding, error);
  uint64_t root = self->root & bounding, others = self->others & bounding;
  if (container->flags & TEPUI_CONTAINER_ASKS_EFFECTIVE) root = others = container->effective_capabilities;
  if (root & ~bounding) return refuse("effective_capabilities", root & ~bounding, error);
  sink->capabilities(sink->context, bounding, root, others);
  if (self->no_new_privs) sink->no_new_privileges(sink->context);
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, free, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = COUNT,
    .id = TEPUI_TEXT("org.tepui.privileges"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Limits the capabilities of containers; sets no_new_privs."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
