/* An isolator that goes wrong where the name of a task says so. */
#include <string.h>
#include <unistd.h>
#include <tepui/isolator.h>

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameters, (void)parameter_count, (void)error;
  *instance = NULL;
  return TEPUI_OK;
}

static void destroy(void *instance) { (void)instance; }

static int is_for(const tepui_container *container, const char *fate) {
  size_t length = strlen(fate);
  return container->executor.length > length && memcmp(container->executor.bytes, fate, length) == 0;
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  (void)instance;
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;
  if (is_for(container, "planFails-")) return tepui_fail(error, TEPUI_FAILED, "not this one");
  if (is_for(container, "planHangs-")) usleep(400 * 1000);
  /* There is no such device. */
  if (is_for(container, "kernelRefuses-"))
    sink->cgroup(sink->context, tepui_text_of("io.max"), tepui_text_of("999:999 rbps=1"));
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor, .id = TEPUI_TEXT("org.example.chaos"), .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("1.0.0"), .author = TEPUI_TEXT("Tests"), .licence = TEPUI_TEXT("MIT"),
    .summary = TEPUI_TEXT("Goes wrong as tasks wish.")};

static const void *interface(tepui_text id) { return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL; }

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
