/* Limits of CPU, memory and processes in cgroup v2. */
#include <stdlib.h>
#include "tepui/tepui.h"
#include "cgroups.h"

/* Order of the parameters. */
enum { CPU_HARD_LIMIT, MEMORY_LOW, MEMORY_OOM_GROUP, SWAP, PIDS_MAX };

static const tepui_parameter_spec specs[] = {
    [CPU_HARD_LIMIT] = {.size = sizeof specs[0],
                        .type = TEPUI_PARAMETER_BOOLEAN,
                        .name = TEPUI_TEXT("cpu_hard_limit"),
                        .initial = TEPUI_TEXT("true"),
                        .help = TEPUI_TEXT("Hold a container to the CPUs that it asked for, also when others idle.")},
    [MEMORY_LOW] = {.size = sizeof specs[0],
                    .type = TEPUI_PARAMETER_BOOLEAN,
                    .name = TEPUI_TEXT("memory_low"),
                    .initial = TEPUI_TEXT("true"),
                    .help = TEPUI_TEXT("Protect the memory that a container asked for from reclaim for others.")},
    [MEMORY_OOM_GROUP] = {.size = sizeof specs[0],
                          .type = TEPUI_PARAMETER_BOOLEAN,
                          .name = TEPUI_TEXT("memory_oom_group"),
                          .initial = TEPUI_TEXT("true"),
                          .help = TEPUI_TEXT("Kill all processes of a container that is out of memory, not just one.")},
    [SWAP] = {.size = sizeof specs[0],
              .type = TEPUI_PARAMETER_BOOLEAN,
              .name = TEPUI_TEXT("swap"),
              .initial = TEPUI_TEXT("false"),
              .help = TEPUI_TEXT("Let containers swap.")},
    [PIDS_MAX] = {.size = sizeof specs[0],
                  .type = TEPUI_PARAMETER_TEXT,
                  .name = TEPUI_TEXT("pids_max"),
                  .initial = TEPUI_TEXT("4096"),
                  .help = TEPUI_TEXT("Processes and threads that a container may have, or \"unlimited\".")},
};

static int has_controller(const tepui_node *node, const char *name) {
  for (uint32_t i = 0; i < node->controller_count; i++)
    if (tepui_text_is(node->controllers[i], name)) return 1;
  return 0;
}

/* Without these two a container would run unbounded while everybody believes that it is held. */
static tepui_status require_controllers(const tepui_node *node, tepui_error *error) {
  char found[256] = "";
  for (uint32_t i = 0; i < node->controller_count; i++) {
    size_t length = strlen(found);
    snprintf(found + length, sizeof found - length, "%s%.*s", i > 0 ? ", " : "", (int)node->controllers[i].length,
             node->controllers[i].bytes);
  }
  const char *required[] = {"cpu", "memory"};
  for (size_t i = 0; i < sizeof required / sizeof *required; i++)
    if (!has_controller(node, required[i]))
      return tepui_fail(error, TEPUI_UNSUPPORTED,
                        "the cgroup v2 controller %s is missing (this agent can hand out: %s): see cgroup.controllers "
                        "and cgroup.subtree_control of the agent's cgroup, and whether %s is mounted as cgroup v1; "
                        "to run without limits use org.tepui.posix in place of this module",
                        required[i], found[0] != '\0' ? found : "none", required[i]);
  return TEPUI_OK;
}

/* "unlimited" or a number from 1 on. */
static tepui_status parse_pids_max(tepui_text text, char *value, size_t capacity, tepui_error *error) {
  if (tepui_text_is(text, "unlimited")) {
    snprintf(value, capacity, "max");
    return TEPUI_OK;
  }
  int is_number = text.length > 0 && text.length <= 9 && text.bytes[0] != '0';
  for (uint64_t i = 0; is_number && i < text.length; i++) is_number = text.bytes[i] >= '0' && text.bytes[i] <= '9';
  if (!is_number)
    return tepui_fail(error, TEPUI_INVALID, "pids_max: \"%.*s\" is neither a number from 1 to 999999999 nor \"unlimited\"",
                      (int)text.length, text.bytes);
  snprintf(value, capacity, "%.*s", (int)text.length, text.bytes);
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)parameter_count;
  tepui_status status = require_controllers(node, error);
  if (status != TEPUI_OK) return status;
  cgroups limits = {
      .cpu_hard_limit = TEPUI_AT(tepui_parameter, parameters, CPU_HARD_LIMIT)->integer != 0,
      .memory_low = TEPUI_AT(tepui_parameter, parameters, MEMORY_LOW)->integer != 0,
      .memory_oom_group = TEPUI_AT(tepui_parameter, parameters, MEMORY_OOM_GROUP)->integer != 0,
      .swap = TEPUI_AT(tepui_parameter, parameters, SWAP)->integer != 0,
  };
  status = parse_pids_max(TEPUI_AT(tepui_parameter, parameters, PIDS_MAX)->text, limits.pids_max,
                          sizeof limits.pids_max, error);
  if (status != TEPUI_OK) return status;
  if (!has_controller(node, "pids")) {
    tepui_log(host, TEPUI_LOG_WARNING, "the controller pids is missing: the number of processes is not limited");
    limits.pids_max[0] = '\0';
  }
  cgroups *self = malloc(sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  *self = limits;
  *instance = self;
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, free, cgroups_plan};
static const tepui_isolator_usage usage = {sizeof usage, cgroups_usage};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = sizeof specs / sizeof *specs,
    .id = TEPUI_TEXT("org.tepui.cgroups"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Holds containers to their CPU, memory and processes by cgroup v2."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  if (tepui_text_is(id, TEPUI_ISOLATOR_1)) return &isolator;
  if (tepui_text_is(id, TEPUI_ISOLATOR_USAGE_1)) return &usage;
  return NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
