/* @NAME@: lets no process of a container open more than a number of files. */
#include <stdlib.h>
#include <tepui/isolator.h>

static const tepui_parameter_spec specs[] = {{
    .size = sizeof specs[0],
    .type = TEPUI_PARAMETER_INTEGER,
    .name = TEPUI_TEXT("open_files"),
    .initial = TEPUI_TEXT("1024"),
    .minimum = 3,
    .maximum = 1000000,
    .help = TEPUI_TEXT("How many files a process may have open."),
}};

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameter_count;
  int64_t *limit = malloc(sizeof *limit);
  if (limit == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  *limit = TEPUI_AT(tepui_parameter, parameters, 0)->integer;
  *instance = limit;
  return TEPUI_OK;
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  (void)error;
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK; /* nothing that changes later */
  uint64_t limit = (uint64_t) * (const int64_t *)instance;
  sink->rlimit(sink->context, tepui_text_of("nofile"), limit, limit);
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, free, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = 1,
    .id = TEPUI_TEXT("@ID@"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("@AUTHOR@"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Limits the files that a process may have open."),
    .parameters = specs,
};

static const void *interface(tepui_text id) { return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL; }

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
