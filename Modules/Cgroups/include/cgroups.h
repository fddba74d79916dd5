#ifndef CGROUPS_H
#define CGROUPS_H

#include "tepui/tepui.h"

/* An instance: the parameters. It never changes after create. */
typedef struct cgroups {
  int cpu_hard_limit;
  int memory_low;
  int memory_oom_group;
  int swap;
  char pids_max[16]; /* as written to pids.max; empty without the controller */
} cgroups;

tepui_status cgroups_plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                          tepui_error *error);

tepui_status cgroups_usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                           tepui_error *error);

#endif
