#ifndef CGROUPS_H
#define CGROUPS_H

#include "tepui/tepui.h"

#define MOST_LINES 32
#define LINE_LENGTH 128
#define MOST_DEVICES 64
#define CPU_LIST_LENGTH 256

/* What is written to a file of the cgroup, as it is. */
typedef struct cgroups_line {
  char file[40];
  char value[LINE_LENGTH];
} cgroups_line;

/* An instance: the parameters. It never changes after create. */
typedef struct cgroups {
  int cpu, cpu_hard_limit;
  int64_t cpu_burst_us;
  int memory, memory_low, memory_oom_group;
  int64_t memory_high_percent; /* 0 for none */
  int swap;
  int64_t swap_bytes; /* 0 for no bound */
  char pids_max[16];  /* as written to pids.max; empty without the controller */
  uint32_t line_count;
  cgroups_line lines[MOST_LINES]; /* the same for every container: cpuset, io, hugetlb */
  uint32_t device_count; /* 0 for no restriction */
  tepui_device devices[MOST_DEVICES];
} cgroups;

/* Parsers of parameters: each fills in its part of the instance, or refuses with the parameter's name. */
tepui_status cgroups_parse_pids_max(tepui_text text, cgroups *self, tepui_error *error);
tepui_status cgroups_parse_cpu_list(const char *name, const char *file, tepui_text text, cgroups *self,
                                    tepui_error *error);
tepui_status cgroups_parse_io_max(tepui_text text, cgroups *self, tepui_error *error);
tepui_status cgroups_parse_hugetlb_max(tepui_text text, cgroups *self, tepui_error *error);
tepui_status cgroups_parse_devices_allow(tepui_text text, cgroups *self, tepui_error *error);

/* Devices that programs take for granted. */
void cgroups_add_usual_devices(cgroups *self);

/* One more line that every container gets; refused when there is no room. */
tepui_status cgroups_add_line(cgroups *self, const char *file, const char *value, tepui_error *error);

tepui_status cgroups_plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                          tepui_error *error);

tepui_status cgroups_usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                           tepui_error *error);

#endif
