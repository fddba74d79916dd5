/* Monitoring without containment: sums /proc over the processes of a container. Works on every Linux. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "tepui/tepui.h"

typedef struct process {
  long pid, parent, session;
  unsigned long user_ticks, system_ticks;
  long threads, resident_pages;
} process;

typedef struct processes {
  process *list; /* by pid */
  size_t count, capacity;
} processes;

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameters, (void)parameter_count, (void)error;
  *instance = NULL;
  return TEPUI_OK;
}

static void destroy(void *instance) { (void)instance; }

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  (void)instance, (void)container, (void)sink, (void)error;
  return TEPUI_OK;
}

/* Parses /proc/PID/stat, proc(5). A process that has ended meanwhile is nothing to report. */
static int read_process(long pid, process *process) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = '\0';
  /* The name of the program may hold spaces and brackets; the last bracket ends it. */
  const char *rest = strrchr(line, ')');
  if (rest == NULL) return 0;
  process->pid = pid;
  return sscanf(rest + 1, " %*c %ld %*d %ld %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld %*d %*u %*u %ld",
                &process->parent, &process->session, &process->user_ticks, &process->system_ticks, &process->threads,
                &process->resident_pages) == 6;
}

static int by_pid(const void *left, const void *right) {
  const process *a = left, *b = right;
  return (a->pid > b->pid) - (a->pid < b->pid);
}

static tepui_status read_all(processes *all, tepui_error *error) {
  DIR *directory = opendir("/proc");
  if (directory == NULL) return tepui_fail(error, TEPUI_FAILED, "/proc: %s", strerror(errno));
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char *end;
    long pid = strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end != '\0') continue;
    if (all->count == all->capacity) {
      size_t capacity = all->capacity > 0 ? all->capacity * 2 : 256;
      process *grown = realloc(all->list, capacity * sizeof *grown);
      if (grown == NULL) {
        closedir(directory);
        return tepui_fail(error, TEPUI_FAILED, "out of memory");
      }
      all->list = grown;
      all->capacity = capacity;
    }
    if (read_process(pid, &all->list[all->count])) all->count++;
  }
  closedir(directory);
  qsort(all->list, all->count, sizeof *all->list, by_pid);
  return TEPUI_OK;
}

/* Whether a process descends from `root` or is in the session that `root` leads. */
static int belongs(const processes *all, const process *process, long root) {
  /* No chain of parents is longer than the list; a list that was read while processes came and went may hold a ring. */
  for (size_t steps = 0; process != NULL && steps <= all->count; steps++) {
    if (process->pid == root || process->session == root) return 1;
    struct process parent = {.pid = process->parent};
    process = bsearch(&parent, all->list, all->count, sizeof parent, by_pid);
  }
  return 0;
}

static tepui_status usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                          tepui_error *error) {
  (void)instance;
  if (container->pid <= 0) return tepui_fail(error, TEPUI_INVALID, "the container has no process");
  processes all = {NULL, 0, 0};
  tepui_status status = read_all(&all, error);
  double user = 0, system = 0, resident = 0, threads = 0, count = 0;
  for (size_t i = 0; status == TEPUI_OK && i < all.count; i++) {
    const process *process = &all.list[i];
    if (!belongs(&all, process, container->pid)) continue;
    user += (double)process->user_ticks;
    system += (double)process->system_ticks;
    resident += (double)process->resident_pages;
    threads += (double)process->threads;
    count++;
  }
  free(all.list);
  if (status != TEPUI_OK) return status;

  double ticks = (double)sysconf(_SC_CLK_TCK);
  const struct {
    const char *field;
    double value;
  } statistics[] = {
      {"cpus_user_time_secs", user / ticks},
      {"cpus_system_time_secs", system / ticks},
      {"mem_rss_bytes", resident * (double)sysconf(_SC_PAGESIZE)},
      {"processes", count},
      {"threads", threads},
      {"cpus_limit", (double)tepui_requested(container, "cpus", 0) / 1000},
      {"mem_limit_bytes", (double)tepui_requested(container, "mem", 0) / 1000 * (1 << 20)},
  };
  for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++)
    sink->statistic(sink->context, tepui_text_of(statistics[i].field), statistics[i].value);
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};
static const tepui_isolator_usage usage_table = {sizeof usage_table, usage};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .id = TEPUI_TEXT("org.tepui.posix"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Measures containers by /proc; limits nothing."),
};

static const void *interface(tepui_text id) {
  if (tepui_text_is(id, TEPUI_ISOLATOR_1)) return &isolator;
  if (tepui_text_is(id, TEPUI_ISOLATOR_USAGE_1)) return &usage_table;
  return NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
