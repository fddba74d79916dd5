/* Numbers for monitoring, from the files of a container's cgroup to the names of Mesos' ResourceStatistics; what Mesos
 * has no name for gets one of the same manner. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include "cgroups.h"

/* A line `key number` of a file, or a file that is just a number (the key is its name). */
typedef struct source {
  const char *key;
  const char *field;
  double scale;
} source;

static const source cpu_stat[] = {
    {"user_usec", "cpus_user_time_secs", 1e-6},
    {"system_usec", "cpus_system_time_secs", 1e-6},
    {"nr_periods", "cpus_nr_periods", 1},
    {"nr_throttled", "cpus_nr_throttled", 1},
    {"throttled_usec", "cpus_throttled_time_secs", 1e-6},
    {"nr_bursts", "cpus_nr_bursts", 1},
    {"burst_usec", "cpus_burst_time_secs", 1e-6},
    {NULL, NULL, 0},
};

/* Mesos' rss is the memory that is no cache. */
static const source memory_stat[] = {
    {"anon", "mem_anon_bytes", 1},
    {"anon", "mem_rss_bytes", 1},
    {"file", "mem_file_bytes", 1},
    {"file", "mem_cache_bytes", 1},
    {"kernel", "mem_kmem_usage_bytes", 1},
    {"sock", "mem_kmem_tcp_usage_bytes", 1},
    {"file_mapped", "mem_mapped_file_bytes", 1},
    {"unevictable", "mem_unevictable_bytes", 1},
    {NULL, NULL, 0},
};

static const source memory_events[] = {
    {"low", "mem_low_events", 1},   {"high", "mem_high_events", 1},          {"max", "mem_max_events", 1},
    {"oom", "mem_oom_events", 1},   {"oom_kill", "mem_oom_kill_events", 1},  {NULL, NULL, 0},
};

static const source pids_events[] = {{"max", "processes_max_events", 1}, {NULL, NULL, 0}};

/* "max" is no number and so not reported. */
static const source numbers[] = {
    {"memory.max", "mem_limit_bytes", 1},   {"memory.low", "mem_soft_limit_bytes", 1},
    {"memory.peak", "mem_peak_bytes", 1},   {"pids.max", "processes_limit", 1},
    {NULL, NULL, 0},
};

static void report(const tepui_usage_sink *sink, const char *field, double value) {
  sink->statistic(sink->context, tepui_text_of(field), value);
}

/* Reads a file as a terminated string; 0 if there is none. */
static uint64_t read_file(const tepui_usage_sink *sink, const char *file, char *buffer, size_t capacity) {
  uint64_t length = 0;
  if (sink->read(sink->context, tepui_text_of(file), buffer, capacity - 1, &length) != TEPUI_OK) return 0;
  buffer[length] = '\0';
  return length;
}

/* A file of one number; 0 if there is none. */
static int read_number(const tepui_usage_sink *sink, const char *file, double *number) {
  char buffer[32], *end;
  if (read_file(sink, file, buffer, sizeof buffer) == 0) return 0;
  *number = (double)strtoull(buffer, &end, 10);
  return end != buffer;
}

static void report_keys(const tepui_usage_sink *sink, const char *file, const source *sources) {
  char buffer[4096];
  if (read_file(sink, file, buffer, sizeof buffer) == 0) return;
  for (const char *line = buffer; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
    size_t length = strcspn(line, " \n");
    if (line[length] != ' ') continue;
    for (const source *source = sources; source->key != NULL; source++) {
      if (strncmp(line, source->key, length) != 0 || source->key[length] != '\0') continue;
      report(sink, source->field, (double)strtoull(line + length + 1, NULL, 10) * source->scale);
    }
  }
}

/* The amounts of ContainerInfo as Mesos tells them. */
static void report_cpus(const cgroups *self, const tepui_container *container, const tepui_usage_sink *sink) {
  int64_t request = tepui_requested(container, "cpus", 0);
  int64_t limit = tepui_limit(container, "cpus", self->cpu_hard_limit ? request : TEPUI_UNLIMITED);
  if (request > 0) report(sink, "cpus_soft_limit", (double)request / 1000);
  if (limit > 0 && limit != TEPUI_UNLIMITED) report(sink, "cpus_limit", (double)limit / 1000);
}

static void report_memory(const tepui_usage_sink *sink) {
  double current, swap;
  report_keys(sink, "memory.stat", memory_stat);
  report_keys(sink, "memory.events", memory_events);
  if (!read_number(sink, "memory.current", &current)) return;
  report(sink, "mem_total_bytes", current);
  if (!read_number(sink, "memory.swap.current", &swap)) return;
  report(sink, "mem_swap_bytes", swap);
  report(sink, "mem_total_memsw_bytes", current + swap);
}

/* Lines of a list, of which each is a process or a thread. What is too long to be counted is not told. */
static void report_count(const tepui_usage_sink *sink, const char *file, const char *field) {
  char buffer[32768];
  uint64_t length = read_file(sink, file, buffer, sizeof buffer);
  if (length == 0 || length == sizeof buffer - 1) return;
  double count = 0;
  for (uint64_t i = 0; i < length; i++) count += buffer[i] == '\n';
  report(sink, field, count);
}

/* Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6". */
static void report_io(const tepui_usage_sink *sink) {
  static const struct {
    const char *key, *member;
  } counters[] = {
      {"rbytes=", "io_service_bytes/READ"}, {"wbytes=", "io_service_bytes/WRITE"},
      {"dbytes=", "io_service_bytes/DISCARD"}, {"rios=", "io_serviced/READ"},
      {"wios=", "io_serviced/WRITE"}, {"dios=", "io_serviced/DISCARD"},
  };
  char buffer[4096], field[96], *line_end, *word_end;
  if (read_file(sink, "io.stat", buffer, sizeof buffer) == 0) return;
  for (char *line = strtok_r(buffer, "\n", &line_end); line != NULL; line = strtok_r(NULL, "\n", &line_end)) {
    const char *device = strtok_r(line, " ", &word_end);
    for (const char *word; device != NULL && (word = strtok_r(NULL, " ", &word_end)) != NULL;) {
      for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        size_t length = strlen(counters[i].key);
        if (strncmp(word, counters[i].key, length) != 0) continue;
        snprintf(field, sizeof field, "blkio_statistics/%s/%s", device, counters[i].member);
        report(sink, field, (double)strtoull(word + length, NULL, 10));
      }
    }
  }
}

/* Pressure stall information: lines "some avg10=0.12 avg60=0.00 avg300=0.00 total=12345" and "full ...". */
static void report_pressure(const tepui_usage_sink *sink, const char *file, const char *resource) {
  static const struct {
    const char *key, *suffix;
    double scale;
  } figures[] = {
      {"avg10=", "avg10", 1}, {"avg60=", "avg60", 1}, {"avg300=", "avg300", 1}, {"total=", "total_secs", 1e-6}};
  char buffer[256], field[64], *line_end, *word_end;
  if (read_file(sink, file, buffer, sizeof buffer) == 0) return;
  for (char *line = strtok_r(buffer, "\n", &line_end); line != NULL; line = strtok_r(NULL, "\n", &line_end)) {
    const char *kind = strtok_r(line, " ", &word_end);
    for (const char *word; kind != NULL && (word = strtok_r(NULL, " ", &word_end)) != NULL;) {
      for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        size_t length = strlen(figures[i].key);
        if (strncmp(word, figures[i].key, length) != 0) continue;
        snprintf(field, sizeof field, "pressure_%s_%s_%s", resource, kind, figures[i].suffix);
        report(sink, field, strtod(word + length, NULL) * figures[i].scale);
      }
    }
  }
}

tepui_status cgroups_usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                           tepui_error *error) {
  (void)error;
  report_keys(sink, "cpu.stat", cpu_stat);
  report_cpus(instance, container, sink);
  report_memory(sink);
  for (const source *source = numbers; source->key != NULL; source++) {
    double number;
    if (read_number(sink, source->key, &number)) report(sink, source->field, number * source->scale);
  }
  report_count(sink, "cgroup.procs", "processes");
  report_count(sink, "cgroup.threads", "threads");
  report_keys(sink, "pids.events", pids_events);
  report_io(sink);
  report_pressure(sink, "cpu.pressure", "cpu");
  report_pressure(sink, "memory.pressure", "mem");
  report_pressure(sink, "io.pressure", "io");
  return TEPUI_OK;
}
