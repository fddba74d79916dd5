/* Numbers for monitoring, from the files of a container's cgroup to the names of Mesos' ResourceStatistics. */
#include <stdlib.h>
#include "cgroups.h"

/* A line `key number` of a file, or a file that is just a number (no key). */
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
    {NULL, NULL, 0},
};

/* Mesos' rss is the memory that is no cache. */
static const source memory_stat[] = {
    {"anon", "mem_anon_bytes", 1},
    {"anon", "mem_rss_bytes", 1},
    {"file", "mem_file_bytes", 1},
    {"file", "mem_cache_bytes", 1},
    {"file_mapped", "mem_mapped_file_bytes", 1},
    {"unevictable", "mem_unevictable_bytes", 1},
    {NULL, NULL, 0},
};

/* Files of one number: the key is the name of the file. */
static const source numbers[] = {
    {"memory.current", "mem_total_bytes", 1},
    {"memory.swap.current", "mem_swap_bytes", 1},
    {"memory.max", "mem_limit_bytes", 1}, /* "max" is no number and so not reported */
    {NULL, NULL, 0},
};

static void report(const tepui_usage_sink *sink, const source *source, const char *number) {
  char *end;
  unsigned long long value = strtoull(number, &end, 10);
  if (end != number) sink->statistic(sink->context, tepui_text_of(source->field), (double)value * source->scale);
}

/* Reads a file as a terminated string; 0 if there is none. */
static int read_file(const tepui_usage_sink *sink, const char *file, char *buffer, size_t capacity) {
  uint64_t length = 0;
  if (sink->read(sink->context, tepui_text_of(file), buffer, capacity - 1, &length) != TEPUI_OK) return 0;
  buffer[length] = '\0';
  return 1;
}

static void report_keys(const tepui_usage_sink *sink, const char *file, const source *sources) {
  char buffer[4096];
  if (!read_file(sink, file, buffer, sizeof buffer)) return;
  for (const char *line = buffer; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
    for (const source *source = sources; source->key != NULL; source++) {
      size_t length = strlen(source->key);
      if (strncmp(line, source->key, length) == 0 && line[length] == ' ') report(sink, source, line + length + 1);
    }
  }
}

tepui_status cgroups_usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                           tepui_error *error) {
  (void)instance, (void)error;
  report_keys(sink, "cpu.stat", cpu_stat);
  report_keys(sink, "memory.stat", memory_stat);
  for (const source *source = numbers; source->key != NULL; source++) {
    char buffer[32];
    if (read_file(sink, source->key, buffer, sizeof buffer)) report(sink, source, buffer);
  }
  int64_t cpus = tepui_limit(container, "cpus", tepui_requested(container, "cpus", 0));
  if (cpus > 0 && cpus != TEPUI_UNLIMITED)
    sink->statistic(sink->context, tepui_text_of("cpus_limit"), (double)cpus / 1000);
  return TEPUI_OK;
}
