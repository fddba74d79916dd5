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

/* Met and told, but no reason to end anything. */
static void note(const tepui_plan_sink *sink, tepui_watch watch) {
  watch.size = sizeof watch;
  watch.limitation = TEPUI_LIMITATION_NONE;
  sink->watch(sink->context, &watch);
}

static void plan_cpu(const cgroups *self, const tepui_container *container, const tepui_plan_sink *sink) {
  int64_t request = tepui_requested(container, "cpus", 0);
  /* 100 is the kernel's default weight and stands for one CPU; the range is the kernel's. */
  write_number(sink, "cpu.weight", clamp(request / 10, 1, 10000));

  int64_t limit = tepui_limit(container, "cpus", self->cpu_hard_limit && request > 0 ? request : TEPUI_UNLIMITED);
  char value[48];
  if (limit == TEPUI_UNLIMITED || limit > INT64_MAX / PERIOD_US) {
    snprintf(value, sizeof value, "max %d", PERIOD_US);
    write_text(sink, "cpu.max", value);
    return;
  }
  int64_t quota_us = clamp(limit * PERIOD_US / 1000, SMALLEST_QUOTA_US, INT64_MAX);
  snprintf(value, sizeof value, "%" PRId64 " %d", quota_us, PERIOD_US);
  write_text(sink, "cpu.max", value);
  /* The kernel takes no burst that is longer than the quota. */
  if (self->cpu_burst_us > 0) write_number(sink, "cpu.max.burst", clamp(self->cpu_burst_us, 0, quota_us));
  /* Now and then everybody is throttled; what is told is a second of it. */
  note(sink, (tepui_watch){.file = TEPUI_TEXT("cpu.stat"),
                           .key = TEPUI_TEXT("nr_throttled"),
                           .resource = TEPUI_TEXT("cpus"),
                           .limit_file = TEPUI_TEXT("cpu.max"),
                           .pressure_file = TEPUI_TEXT("cpu.pressure"),
                           .least = 10});
}

static void plan_swap(const cgroups *self, const tepui_plan_sink *sink) {
  if (self->swap && self->swap_bytes == 0) return;
  char value[24];
  snprintf(value, sizeof value, "%" PRId64, self->swap ? self->swap_bytes : 0);
  /* A kernel without swap has no such file, and keeps to it. */
  sink->cgroup_if_present(sink->context, tepui_text_of("memory.swap.max"), tepui_text_of(value));
}

static void plan_memory(const cgroups *self, const tepui_container *container, const tepui_plan_sink *sink) {
  int64_t request = tepui_requested(container, "mem", 0);
  int64_t limit = tepui_limit(container, "mem", request > 0 ? request : TEPUI_UNLIMITED);
  int64_t limit_bytes = limit == TEPUI_UNLIMITED ? INT64_MAX : clamp(bytes(limit), SMALLEST_MEMORY, INT64_MAX);
  /* For a running container the agent never lowers memory.max below what is in use: that would kill at once. */
  if (limit == TEPUI_UNLIMITED)
    write_text(sink, "memory.max", "max");
  else
    write_number(sink, "memory.max", limit_bytes);
  if (self->memory_high_percent > 0 && limit_bytes < INT64_MAX / 100)
    write_number(sink, "memory.high", limit_bytes * self->memory_high_percent / 100);
  if (self->memory_low) write_number(sink, "memory.low", bytes(request));
  plan_swap(self, sink);
  if (self->memory_oom_group) write_text(sink, "memory.oom.group", "1");

  tepui_watch watch = {
      .size = sizeof watch,
      .limitation = TEPUI_LIMITATION_MEMORY,
      .file = TEPUI_TEXT("memory.events"),
      .key = TEPUI_TEXT("oom_kill"),
      .resource = TEPUI_TEXT("mem"),
      .limit_file = TEPUI_TEXT("memory.max"),
      .peak_file = TEPUI_TEXT("memory.peak"),
      /* memory.events counts kills for limits of other groups too: of nested ones, of those above, of the machine. */
      .cause_file = TEPUI_TEXT("memory.events.local"),
      .cause_key = TEPUI_TEXT("oom"),
      .pressure_file = TEPUI_TEXT("memory.pressure"),
  };
  sink->watch(sink->context, &watch);
}

static void plan_pids(const cgroups *self, const tepui_plan_sink *sink) {
  if (self->pids_max[0] == '\0') return;
  write_text(sink, "pids.max", self->pids_max);
  note(sink, (tepui_watch){.file = TEPUI_TEXT("pids.events"),
                           .key = TEPUI_TEXT("max"),
                           .resource = TEPUI_TEXT("processes"),
                           .limit_file = TEPUI_TEXT("pids.max"),
                           .peak_file = TEPUI_TEXT("pids.peak")});
}

tepui_status cgroups_plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                          tepui_error *error) {
  (void)error;
  const cgroups *self = instance;
  if (self->cpu) plan_cpu(self, container, sink);
  if (self->memory) plan_memory(self, container, sink);
  plan_pids(self, sink);
  for (uint32_t i = 0; i < self->line_count; i++) write_text(sink, self->lines[i].file, self->lines[i].value);
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;
  for (uint32_t i = 0; i < self->device_count; i++) sink->device(sink->context, &self->devices[i]);
  return TEPUI_OK;
}
