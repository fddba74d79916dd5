/* What goes into the files of a container's cgroup. Documentation/admin-guide/cgroup-v2.rst of the kernel has them. */
#include <inttypes.h>
#include "cgroups.h"

#define PERIOD_US 100000
#define SMALLEST_QUOTA_US 1000 /* the kernel refuses less */
#define SMALLEST_MEMORY ((int64_t)32 << 20) /* less does not even start a shell with its libraries reliably */

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

/* From thousandths of 2^20 bytes. */
static int64_t bytes(int64_t amount) {
  if (amount > INT64_MAX >> 20) return INT64_MAX;
  return amount / 1000 * (1 << 20) + amount % 1000 * (1 << 20) / 1000;
}

static void write_text(const tepui_plan_sink *sink, const char *file, const char *value) {
  sink->cgroup(sink->context, tepui_text_of(file), tepui_text_of(value));
}

static void write_number(const tepui_plan_sink *sink, const char *file, int64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, value);
  write_text(sink, file, text);
}

static void plan_cpu(const cgroups *self, const tepui_container *container, const tepui_plan_sink *sink) {
  int64_t request = tepui_requested(container, "cpus", 0);
  /* 100 is the kernel's default weight and stands for one CPU; the range is the kernel's. */
  write_number(sink, "cpu.weight", clamp(request / 10, 1, 10000));

  int64_t limit = tepui_limit(container, "cpus", self->cpu_hard_limit && request > 0 ? request : TEPUI_UNLIMITED);
  char value[48];
  if (limit == TEPUI_UNLIMITED || limit > INT64_MAX / PERIOD_US)
    snprintf(value, sizeof value, "max %d", PERIOD_US);
  else
    snprintf(value, sizeof value, "%" PRId64 " %d", clamp(limit * PERIOD_US / 1000, SMALLEST_QUOTA_US, INT64_MAX),
             PERIOD_US);
  write_text(sink, "cpu.max", value);
}

static void plan_memory(const cgroups *self, const tepui_container *container, const tepui_plan_sink *sink) {
  int64_t request = tepui_requested(container, "mem", 0);
  int64_t limit = tepui_limit(container, "mem", request > 0 ? request : TEPUI_UNLIMITED);
  /* For a running container the agent never lowers memory.max below what is in use: that would kill at once. */
  if (limit == TEPUI_UNLIMITED)
    write_text(sink, "memory.max", "max");
  else
    write_number(sink, "memory.max", clamp(bytes(limit), SMALLEST_MEMORY, INT64_MAX));
  if (self->memory_low) write_number(sink, "memory.low", bytes(request));
  if (!self->swap) write_text(sink, "memory.swap.max", "0");
  if (self->memory_oom_group) write_text(sink, "memory.oom.group", "1");

  tepui_watch watch = {
      .size = sizeof watch,
      .limitation = TEPUI_LIMITATION_MEMORY,
      .file = TEPUI_TEXT("memory.events"),
      .key = TEPUI_TEXT("oom_kill"),
      .resource = TEPUI_TEXT("mem"),
      .limit_file = TEPUI_TEXT("memory.max"),
      .peak_file = TEPUI_TEXT("memory.peak"),
  };
  sink->watch(sink->context, &watch);
}

tepui_status cgroups_plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                          tepui_error *error) {
  (void)error;
  const cgroups *self = instance;
  plan_cpu(self, container, sink);
  plan_memory(self, container, sink);
  if (self->pids_max[0] != '\0') write_text(sink, "pids.max", self->pids_max);
  return TEPUI_OK;
}
