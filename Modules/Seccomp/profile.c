/* Profiles in the JSON form of Docker, which Mesos took over. */
#define _GNU_SOURCE
#include "seccomp_module.h"

#include <errno.h>
#include <jansson.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/utsname.h>

typedef struct profile {
  scmp_filter_ctx context;
  const conditions *conditions;
  const char *path;
  uint32_t default_action;
  uint32_t default_errno;
  tepui_error *error;
} profile;

#define REFUSE(profile, ...) tepui_fail((profile)->error, TEPUI_INVALID, __VA_ARGS__)

static const char *text(const json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static int action_of(const char *name, uint32_t number, uint32_t *action) {
  const struct {
    const char *name;
    uint32_t action;
  } actions[] = {
      {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
      {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(number)},
      {"SCMP_ACT_KILL", SCMP_ACT_KILL},
      {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
      {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
      {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
      {"SCMP_ACT_LOG", SCMP_ACT_LOG},
      {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(number)},
  };
  for (size_t i = 0; name != NULL && i < sizeof actions / sizeof *actions; i++) {
    if (strcmp(actions[i].name, name) != 0) continue;
    *action = actions[i].action;
    return 1;
  }
  return 0;
}

static int comparison_of(const char *name, enum scmp_compare *comparison) {
  const struct {
    const char *name;
    enum scmp_compare comparison;
  } all[] = {
      {"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
  };
  for (size_t i = 0; name != NULL && i < sizeof all / sizeof *all; i++) {
    if (strcmp(all[i].name, name) != 0) continue;
    *comparison = all[i].comparison;
    return 1;
  }
  return 0;
}

/* Docker's name of this architecture. */
static const char *own_architecture(void) {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
  return "";
#endif
}

static int holds(const json_t *list, const char *word) {
  size_t index;
  const json_t *one;
  json_array_foreach((json_t *)list, index, one) {
    if (json_is_string(one) && strcmp(json_string_value(one), word) == 0) return 1;
  }
  return 0;
}

static int capability_number(const char *name) {
  static const char *const names[] = {
      "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
      "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
      "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
      "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
      "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
      "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
      "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return (int)i;
  return -1;
}

/* Whether the container has a capability of the list, or all of them. */
static int has_capabilities(const profile *profile, const json_t *list, int all) {
  size_t index;
  const json_t *one;
  json_array_foreach((json_t *)list, index, one) {
    int number = json_is_string(one) ? capability_number(json_string_value(one)) : -1;
    int has = number >= 0 && (profile->conditions->capabilities >> number & 1);
    if (has != all) return has;
  }
  return all;
}

/* "4.8": whether the kernel is of that version or later. */
static int has_kernel(const char *version) {
  struct utsname machine;
  int wanted[2] = {0, 0}, own[2] = {0, 0};
  if (uname(&machine) != 0 || sscanf(version, "%d.%d", &wanted[0], &wanted[1]) < 1) return 0;
  sscanf(machine.release, "%d.%d", &own[0], &own[1]);
  return own[0] > wanted[0] || (own[0] == wanted[0] && own[1] >= wanted[1]);
}

/* Whether a rule is for this container on this machine. */
static int applies(const profile *profile, const json_t *rule) {
  const json_t *includes = json_object_get(rule, "includes"), *excludes = json_object_get(rule, "excludes");
  const json_t *list = json_object_get(includes, "caps");
  if (json_array_size(list) > 0 && !has_capabilities(profile, list, 1)) return 0;
  list = json_object_get(includes, "arches");
  if (json_array_size(list) > 0 && !holds(list, own_architecture())) return 0;
  const char *kernel = text(includes, "minKernel");
  if (kernel != NULL && *kernel != 0 && !has_kernel(kernel)) return 0;
  list = json_object_get(excludes, "caps");
  if (json_array_size(list) > 0 && has_capabilities(profile, list, 0)) return 0;
  list = json_object_get(excludes, "arches");
  if (json_array_size(list) > 0 && holds(list, own_architecture())) return 0;
  kernel = text(excludes, "minKernel");
  return !(kernel != NULL && *kernel != 0 && has_kernel(kernel));
}

/* SCMP_ARCH_X86_64 in profiles, x86_64 in the library: its token, or 0 if there is none. */
static uint32_t architecture(const char *name) {
  static const char prefix[] = "SCMP_ARCH_";
  char lower[32];
  if (name == NULL) return 0;
  if (strncmp(name, prefix, sizeof prefix - 1) == 0) name += sizeof prefix - 1;
  size_t length = strlen(name);
  if (length >= sizeof lower) return 0;
  for (size_t i = 0; i <= length; i++)
    lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
  return seccomp_arch_resolve_name(lower);
}

static tepui_status add_architecture(const profile *profile, const char *name) {
  uint32_t token = architecture(name);
  if (token == 0)
    return REFUSE(profile, "%s: unknown architecture \"%s\"", profile->path, name != NULL ? name : "");
  int error = seccomp_arch_add(profile->context, token);
  if (error != 0 && error != -EEXIST)
    return REFUSE(profile, "%s: architecture %s: %s", profile->path, name, strerror(-error));
  return TEPUI_OK;
}

static tepui_status add_architectures(const profile *profile, const json_t *root) {
  tepui_status status = TEPUI_OK;
  size_t index;
  const json_t *one, *sub;
  json_array_foreach(json_object_get(root, "architectures"), index, one) {
    if (status == TEPUI_OK) status = add_architecture(profile, json_string_value(one));
  }
  json_array_foreach(json_object_get(root, "archMap"), index, one) {
    /* Only the entry of this machine counts. */
    if (architecture(text(one, "architecture")) != seccomp_arch_native()) continue;
    size_t position;
    json_array_foreach(json_object_get(one, "subArchitectures"), position, sub) {
      if (status == TEPUI_OK) status = add_architecture(profile, json_string_value(sub));
    }
  }
  return status;
}

static tepui_status read_arguments(
    const profile *profile, const json_t *list, struct scmp_arg_cmp arguments[6], unsigned *count) {
  size_t index;
  const json_t *one;
  *count = 0;
  json_array_foreach((json_t *)list, index, one) {
    json_int_t number = json_integer_value(json_object_get(one, "index"));
    enum scmp_compare comparison;
    if (number < 0 || number > 5 || *count == 6 || !comparison_of(text(one, "op"), &comparison))
      return REFUSE(profile, "%s: an argument that has no index from 0 to 5 or no known op", profile->path);
    uint64_t value = (uint64_t)json_integer_value(json_object_get(one, "value"));
    uint64_t second = (uint64_t)json_integer_value(json_object_get(one, "valueTwo"));
    arguments[(*count)++] = (struct scmp_arg_cmp){(unsigned)number, comparison, value, second};
  }
  return TEPUI_OK;
}

/* Rules on one argument twice are alternatives, as in Docker; libseccomp would take them together. */
static int add_rule(const profile *profile, uint32_t action, int number, const struct scmp_arg_cmp *arguments,
                    unsigned count) {
  for (unsigned i = 0; i < count; i++)
    for (unsigned j = i + 1; j < count; j++)
      if (arguments[i].arg == arguments[j].arg) {
        int error = 0;
        for (unsigned k = 0; k < count && error == 0; k++)
          error = seccomp_rule_add_array(profile->context, action, number, 1, &arguments[k]);
        return error;
      }
  return seccomp_rule_add_array(profile->context, action, number, count, arguments);
}

static tepui_status add_call(const profile *profile, uint32_t action, const char *name,
                             const struct scmp_arg_cmp *arguments, unsigned count) {
  if (name == NULL) return REFUSE(profile, "%s: a name of a system call is not a text", profile->path);
  int number = seccomp_syscall_resolve_name(name);
  /* Profiles name calls of all kernels and architectures. */
  if (number == __NR_SCMP_ERROR) return TEPUI_OK;
  int error = add_rule(profile, action, number, arguments, count);
  if (error == 0 || error == -EEXIST) return TEPUI_OK;
  return REFUSE(profile, "%s: rule for %s: %s", profile->path, name, strerror(-error));
}

static tepui_status add_syscalls(const profile *profile, const json_t *rule) {
  uint32_t action, number = profile->default_errno;
  const json_t *own = json_object_get(rule, "errnoRet");
  if (json_is_integer(own)) number = (uint32_t)json_integer_value(own);
  if (!action_of(text(rule, "action"), number, &action))
    return REFUSE(profile, "%s: a rule without a known action, such as SCMP_ACT_ALLOW", profile->path);
  if (!applies(profile, rule) || action == profile->default_action) return TEPUI_OK;
  struct scmp_arg_cmp arguments[6];
  unsigned count;
  tepui_status status = read_arguments(profile, json_object_get(rule, "args"), arguments, &count);
  size_t index;
  const json_t *name;
  json_array_foreach(json_object_get(rule, "names"), index, name) {
    if (status == TEPUI_OK) status = add_call(profile, action, json_string_value(name), arguments, count);
  }
  const json_t *single = json_object_get(rule, "name");
  if (status == TEPUI_OK && single != NULL)
    status = add_call(profile, action, json_string_value(single), arguments, count);
  return status;
}

static tepui_status compile(profile *profile, const json_t *root, filter *filter) {
  tepui_status status = add_architectures(profile, root);
  const json_t *rules = json_object_get(root, "syscalls"), *rule;
  size_t index;
  json_array_foreach((json_t *)rules, index, rule) {
    if (status == TEPUI_OK) status = add_syscalls(profile, rule);
  }
  return status == TEPUI_OK ? export_filter(profile->context, filter, profile->error) : status;
}

tepui_status compile_file(const char *path, const conditions *conditions, filter *filter, tepui_error *error) {
  json_error_t problem;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
  if (root == NULL) {
    int is_missing = problem.line < 0;
    return is_missing ? tepui_fail(error, TEPUI_INVALID, "profile %s: %s", path, problem.text)
                      : tepui_fail(error, TEPUI_INVALID, "profile %s, line %d: %s", path, problem.line, problem.text);
  }
  profile profile = {.conditions = conditions, .path = path, .default_errno = EPERM, .error = error};
  const json_t *number = json_object_get(root, "defaultErrnoRet");
  if (json_is_integer(number)) profile.default_errno = (uint32_t)json_integer_value(number);
  tepui_status status = TEPUI_OK;
  if (!action_of(text(root, "defaultAction"), profile.default_errno, &profile.default_action))
    status = tepui_fail(error, TEPUI_INVALID, "profile %s has no known defaultAction, such as SCMP_ACT_ERRNO", path);
  if (status == TEPUI_OK) profile.context = seccomp_init(profile.default_action);
  if (status == TEPUI_OK && profile.context == NULL) status = tepui_fail(error, TEPUI_FAILED, "libseccomp does not start");
  if (status == TEPUI_OK) status = compile(&profile, root, filter);
  if (profile.context != NULL) seccomp_release(profile.context);
  json_decref(root);
  return status;
}
