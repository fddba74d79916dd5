/* Limits of CPU, memory, processes, disks and devices in cgroup v2. */
#include <stdlib.h>
#include "cgroups.h"

/* Order of the parameters. */
enum {
  CPU, CPU_HARD_LIMIT, CPU_BURST, CPUSET_CPUS, CPUSET_MEMS, MEMORY, MEMORY_LOW, MEMORY_HIGH,
  MEMORY_OOM_GROUP, SWAP, SWAP_MB, PIDS_MAX, IO_WEIGHT, IO_MAX, HUGETLB_MAX, DEVICES, DEVICES_ALLOW
};

#define SPEC(name_, type_, initial_, maximum_, help_)                        \
  {.size = sizeof(tepui_parameter_spec), .type = TEPUI_PARAMETER_##type_,      \
   .name = TEPUI_TEXT(name_), .initial = TEPUI_TEXT(initial_),                 \
   .maximum = maximum_, .help = TEPUI_TEXT(help_)}

static const tepui_parameter_spec specs[] = {
    [CPU] = SPEC("cpu", BOOLEAN, "true", 0, "Share the CPU by what containers asked for."),
    [CPU_HARD_LIMIT] = SPEC("cpu_hard_limit", BOOLEAN, "true", 0,
                "Hold a container to the CPUs that it asked for, also when others idle."),
    [CPU_BURST] = SPEC("cpu_burst", DURATION, "0ms", 1000000000,
                "CPU time that a container may save up for a burst over its limit; at most one period of its limit."),
    [CPUSET_CPUS] = SPEC("cpuset_cpus", TEXT, "", 0,
                "CPUs that containers may run on, such as 2-7,10; empty for all."),
    [CPUSET_MEMS] = SPEC("cpuset_mems", TEXT, "", 0,
                "Memory nodes that containers may use, such as 0; empty for all."),
    [MEMORY] = SPEC("memory", BOOLEAN, "true", 0, "Bound the memory of containers."),
    [MEMORY_LOW] = SPEC("memory_low", BOOLEAN, "true", 0,
                "Protect the memory that a container asked for from reclaim for others."),
    [MEMORY_HIGH] = SPEC("memory_high_percent", INTEGER, "0", 100,
                "Slow a container down above this part of its memory limit, to reclaim; 0 for never."),
    [MEMORY_OOM_GROUP] = SPEC("memory_oom_group", BOOLEAN, "true", 0,
                "Kill all processes of a container that is out of memory, not just one."),
    [SWAP] = SPEC("swap", BOOLEAN, "false", 0, "Let containers swap."),
    [SWAP_MB] = SPEC("swap_mb", INTEGER, "0", 1000000000,
                "Swap that a container may use, in MB; 0 for no bound. Needs swap."),
    [PIDS_MAX] = SPEC("pids_max", TEXT, "4096", 0,
                "Processes and threads that a container may have, or \"unlimited\"."),
    [IO_WEIGHT] = SPEC("io_weight", INTEGER, "0", 10000,
                "Share of a busy disk against others' 100, from 1 to 10000; 0 leaves the kernel's."),
    [IO_MAX] = SPEC("io_max", TEXT, "", 0, "Limits by device: 8:0 rbps=1048576 wiops=100; /dev/sdb wbps=max."),
    [HUGETLB_MAX] = SPEC("hugetlb_max", TEXT, "", 0, "Limits of huge pages by their size: 2MB=67108864,1GB=0."),
    [DEVICES] = SPEC("devices", BOOLEAN, "false", 0,
                "Deny containers all devices but the usual ones (null, zero, full, random, tty, pts) and "
                "those of devices_allow."),
    [DEVICES_ALLOW] = SPEC("devices_allow", TEXT, "", 0,
                "Further devices that are allowed: /dev/fuse rw; c 10:229 rwm; b 8:* r. Needs devices."),
};

static int has_controller(const tepui_node *node, const char *name) {
  for (uint32_t i = 0; i < node->controller_count; i++)
    if (tepui_text_is(node->controllers[i], name)) return 1;
  return 0;
}

/* Without it a container would run unbounded while everybody believes that it is held. */
static tepui_status require_controller(const tepui_node *node, const char *name, tepui_error *error) {
  if (has_controller(node, name)) return TEPUI_OK;
  char found[256] = "";
  for (uint32_t i = 0; i < node->controller_count; i++) {
    size_t length = strlen(found);
    snprintf(found + length, sizeof found - length, "%s%.*s", i > 0 ? ", " : "", (int)node->controllers[i].length,
             node->controllers[i].bytes);
  }
  return tepui_fail(error, TEPUI_UNSUPPORTED,
                    "the cgroup v2 controller %s is missing (this agent can hand out: %s): see cgroup.controllers "
                    "and cgroup.subtree_control of the agent's cgroup, and whether %s is mounted as cgroup v1; "
                    "to run without limits use org.tepui.posix in place of this module",
                    name, found[0] != '\0' ? found : "none", name);
}

static int boolean(const tepui_parameter *parameters, uint32_t index) {
  return TEPUI_AT(tepui_parameter, parameters, index)->integer != 0;
}

static int64_t integer(const tepui_parameter *parameters, uint32_t index) {
  return TEPUI_AT(tepui_parameter, parameters, index)->integer;
}

static tepui_text text(const tepui_parameter *parameters, uint32_t index) {
  return TEPUI_AT(tepui_parameter, parameters, index)->text;
}

static void read_numbers(cgroups *self, const tepui_parameter *parameters) {
  self->cpu = boolean(parameters, CPU);
  self->cpu_hard_limit = boolean(parameters, CPU_HARD_LIMIT);
  self->cpu_burst_us = integer(parameters, CPU_BURST) / 1000;
  self->memory = boolean(parameters, MEMORY);
  self->memory_low = boolean(parameters, MEMORY_LOW);
  self->memory_oom_group = boolean(parameters, MEMORY_OOM_GROUP);
  self->memory_high_percent = integer(parameters, MEMORY_HIGH);
  self->swap = boolean(parameters, SWAP);
  self->swap_bytes = integer(parameters, SWAP_MB) << 20;
}

static tepui_status read_texts(cgroups *self, const tepui_parameter *parameters, tepui_error *error) {
  tepui_status status = cgroups_parse_pids_max(text(parameters, PIDS_MAX), self, error);
  if (status == TEPUI_OK)
    status = cgroups_parse_cpu_list("cpuset_cpus", "cpuset.cpus", text(parameters, CPUSET_CPUS), self, error);
  if (status == TEPUI_OK)
    status = cgroups_parse_cpu_list("cpuset_mems", "cpuset.mems", text(parameters, CPUSET_MEMS), self, error);
  if (status == TEPUI_OK && integer(parameters, IO_WEIGHT) > 0) {
    char weight[24];
    snprintf(weight, sizeof weight, "%lld", (long long)integer(parameters, IO_WEIGHT));
    status = cgroups_add_line(self, "io.weight", weight, error);
  }
  if (status == TEPUI_OK) status = cgroups_parse_io_max(text(parameters, IO_MAX), self, error);
  if (status == TEPUI_OK) status = cgroups_parse_hugetlb_max(text(parameters, HUGETLB_MAX), self, error);
  if (status == TEPUI_OK && boolean(parameters, DEVICES)) {
    cgroups_add_usual_devices(self);
    status = cgroups_parse_devices_allow(text(parameters, DEVICES_ALLOW), self, error);
  }
  return status;
}

/* What a parameter without the one that it belongs to would silently not do. */
static tepui_status refuse_contradictions(const tepui_parameter *parameters, tepui_error *error) {
  if (integer(parameters, SWAP_MB) > 0 && !boolean(parameters, SWAP))
    return tepui_fail(error, TEPUI_INVALID, "swap_mb: needs \"swap\": true");
  if (text(parameters, DEVICES_ALLOW).length > 0 && !boolean(parameters, DEVICES))
    return tepui_fail(error, TEPUI_INVALID, "devices_allow: needs \"devices\": true");
  if (integer(parameters, CPU_BURST) > 0 && !boolean(parameters, CPU))
    return tepui_fail(error, TEPUI_INVALID, "cpu_burst: needs \"cpu\": true");
  return TEPUI_OK;
}

static tepui_status require_controllers(const cgroups *self, const tepui_node *node, tepui_error *error) {
  tepui_status status = TEPUI_OK;
  if (self->cpu) status = require_controller(node, "cpu", error);
  if (status == TEPUI_OK && self->memory) status = require_controller(node, "memory", error);
  for (uint32_t i = 0; status == TEPUI_OK && i < self->line_count; i++) {
    char controller[16];
    const char *file = self->lines[i].file;
    snprintf(controller, sizeof controller, "%.*s", (int)strcspn(file, "."), file);
    status = require_controller(node, controller, error);
  }
  return status;
}

static tepui_status fill(cgroups *self, const tepui_host *host, const tepui_node *node,
                         const tepui_parameter *parameters, tepui_error *error) {
  tepui_status status = refuse_contradictions(parameters, error);
  if (status != TEPUI_OK) return status;
  read_numbers(self, parameters);
  status = read_texts(self, parameters, error);
  if (status != TEPUI_OK) return status;
  if (!has_controller(node, "pids")) {
    tepui_log(host, TEPUI_LOG_WARNING, "the controller pids is missing: the number of processes is not limited");
    self->pids_max[0] = '\0';
  }
  return require_controllers(self, node, error);
}

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)parameter_count;
  cgroups *self = calloc(1, sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  tepui_status status = fill(self, host, node, parameters, error);
  if (status == TEPUI_OK)
    *instance = self;
  else
    free(self);
  return status;
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
    .summary = TEPUI_TEXT("Holds containers to their CPU, memory, processes and devices by cgroup v2."),
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
