/* An isolator that misbehaves on demand, by the parameter `behaviour`. */
#include <math.h>
#include <unistd.h>
#include "tepui/tepui.h"

#ifndef LIFECYCLE_SIZE
#define LIFECYCLE_SIZE sizeof(tepui_isolator_lifecycle)
#endif

static const tepui_parameter_spec specs[] = {{
    .size = sizeof specs[0],
    .type = TEPUI_PARAMETER_TEXT,
    .name = TEPUI_TEXT("behaviour"),
    .initial = TEPUI_TEXT("good"),
}};

static const tepui_host *the_host;
static char bytes[32];
static tepui_text behaviour;
static const tepui_plan_sink *kept_sink;

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)parameter_count;
  the_host = host;
  if (parameters->text.length >= sizeof bytes) return tepui_fail(error, TEPUI_INVALID, "too long");
  memcpy(bytes, parameters->text.bytes, parameters->text.length);
  behaviour = (tepui_text){bytes, parameters->text.length};
  tepui_text first = node->controller_count > 0 ? node->controllers[0] : tepui_text_of("none");
  tepui_log(host, TEPUI_LOG_INFO, "cpus %lld, memory %lld, first of %u controllers %.*s", (long long)node->cpus,
            (long long)node->memory_bytes, node->controller_count, (int)first.length, first.bytes);
  *instance = NULL;
  return TEPUI_OK;
}

static void destroy(void *instance) { (void)instance; }

static int is(const char *name) { return tepui_text_is(behaviour, name); }

static void plan_everything(const tepui_container *container, const tepui_plan_sink *sink) {
  char cpus[32];
  snprintf(cpus, sizeof cpus, "%lld/%lld", (long long)tepui_requested(container, "cpus", -1),
           (long long)tepui_limit(container, "mem", -1));
  sink->cgroup(sink->context, tepui_text_of("cpu.weight"), tepui_text_of(cpus));
  const tepui_watch watch = {.size = sizeof watch,
                             .limitation = TEPUI_LIMITATION_MEMORY,
                             .file = TEPUI_TEXT("memory.events"),
                             .key = TEPUI_TEXT("oom_kill"),
                             .resource = TEPUI_TEXT("mem")};
  sink->watch(sink->context, &watch);
  if (container->flags & TEPUI_CONTAINER_RUNNING) return;
  sink->environment(sink->context, tepui_text_of("WHO"), container->user);
  sink->rlimit(sink->context, tepui_text_of("nofile"), 10, UINT64_MAX);
  sink->namespaces(sink->context, TEPUI_NAMESPACE_MOUNT | TEPUI_NAMESPACE_PID);
  const tepui_mount mount = {.size = sizeof mount,
                             .flags = TEPUI_MOUNT_BIND | TEPUI_MOUNT_READ_ONLY,
                             .source = TEPUI_TEXT("/usr"),
                             .target = TEPUI_TEXT("/usr")};
  sink->mount(sink->context, &mount);
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  (void)instance;
  static const char not_text[] = {'a', '\0', (char)0xff};
  if (is("fail")) return tepui_fail(error, TEPUI_FAILED, "no room for %.*s", (int)container->id.length, container->id.bytes);
  if (is("hangs")) {
    char go[256];
    snprintf(go, sizeof go, "%.*s/go", (int)container->sandbox.length, container->sandbox.bytes);
    for (int i = 0; i < 6000 && access(go, F_OK) != 0; i++) usleep(10000);
  }
  if (is("good")) plan_everything(container, sink);
  if (is("kept sink")) kept_sink = sink;
  if (is("other cgroup")) sink->cgroup(sink->context, tepui_text_of("../memory.max"), tepui_text_of("1"));
  if (is("no controller")) sink->cgroup(sink->context, tepui_text_of("io.max"), tepui_text_of("1"));
  if (is("not text")) sink->cgroup(sink->context, tepui_text_of("cpu.max"), (tepui_text){not_text, sizeof not_text});
  if (is("null text")) sink->environment(sink->context, (tepui_text){NULL, 12}, tepui_text_of("1"));
  if (is("no limit")) sink->rlimit(sink->context, tepui_text_of("beer"), 1, 2);
  if (is("upside down")) sink->rlimit(sink->context, tepui_text_of("nofile"), 2, 1);
  if (is("odd namespaces")) sink->namespaces(sink->context, 1u << 30);
  if (is("relative mount")) {
    const tepui_mount mount = {.size = sizeof mount, .target = TEPUI_TEXT("/sandbox/../etc")};
    sink->mount(sink->context, &mount);
  }
  if (is("odd device")) {
    const tepui_device device = {.size = sizeof device, .access = 1, .kind = 7};
    sink->device(sink->context, &device);
  }
  if (is("idle device")) {
    const tepui_device device = {.size = sizeof device, .access = 0};
    sink->device(sink->context, &device);
  }
  if (is("negative device")) {
    const tepui_device device = {.size = sizeof device, .access = 1, .major = -2};
    sink->device(sink->context, &device);
  }
  if (is("relative disk")) {
    const tepui_disk disk = {.size = sizeof disk, .path = TEPUI_TEXT("sandbox"), .interval_ns = 1000000000};
    sink->disk(sink->context, &disk);
  }
  if (is("busy disk")) {
    const tepui_disk disk = {.size = sizeof disk, .path = TEPUI_TEXT("/sandbox")};
    sink->disk(sink->context, &disk);
  }
  if (is("null mount")) sink->mount(sink->context, NULL);
  if (is("small watch")) {
    const tepui_watch watch = {.size = 8};
    sink->watch(sink->context, &watch);
  }
  if (is("long name")) {
    char name[65];
    memset(name, 'x', sizeof name);
    sink->hostname(sink->context, (tepui_text){name, sizeof name});
  }
  if (is("too many capabilities")) sink->capabilities(sink->context, 1, 3, 0);
  if (is("odd mount")) {
    const tepui_mount mount = {.size = sizeof mount, .flags = 256, .target = TEPUI_TEXT("/mnt")};
    sink->mount(sink->context, &mount);
  }
  if (is("half an instruction")) sink->seccomp(sink->context, "1234567", 7, 0);
  if (is("no filter")) sink->seccomp(sink->context, NULL, 8, 0);
  if (is("odd filter")) sink->seccomp(sink->context, "12345678", 8, 1);
  if (is("privileges")) {
    sink->hostname(sink->context, tepui_text_of("mesa"));
    sink->capabilities(sink->context, 7, 3, 1);
    sink->no_new_privileges(sink->context);
    sink->seccomp(sink->context, "12345678", 8, 4);
  }
  if (is("wishes") && container->flags & TEPUI_CONTAINER_ASKS_EFFECTIVE && container->flags & TEPUI_CONTAINER_OWN_ROOT) {
    sink->capabilities(sink->context, container->effective_capabilities, container->bounding_capabilities, 0);
    sink->hostname(sink->context, container->hostname);
    sink->environment(sink->context, tepui_text_of("PROFILE"), container->seccomp_profile);
  }
  if (is("late variable")) sink->environment(sink->context, tepui_text_of("A"), tepui_text_of("1"));
  if (is("flood"))
    for (int i = 0; i < 5000; i++) sink->namespaces(sink->context, TEPUI_NAMESPACE_PID);
  return TEPUI_OK;
}

static tepui_status usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                          tepui_error *error) {
  (void)instance, (void)container, (void)error;
  if (kept_sink != NULL && kept_sink->cgroup(kept_sink->context, tepui_text_of("cpu.weight"), tepui_text_of("1")) == TEPUI_INVALID)
    sink->statistic(sink->context, tepui_text_of("kept_sink_is_shut"), 1);
  char text[8];
  uint64_t length = 0;
  tepui_status status = sink->read(sink->context, tepui_text_of("memory.current"), text, sizeof text, &length);
  if (status == TEPUI_OK) sink->statistic(sink->context, tepui_text_of("mem_total_bytes"), (double)length);
  if (sink->read(sink->context, tepui_text_of("missing"), text, sizeof text, &length) == TEPUI_UNSUPPORTED)
    sink->statistic(sink->context, tepui_text_of("processes"), 1);
  if (sink->read(sink->context, tepui_text_of("../memory.current"), text, sizeof text, &length) == TEPUI_INVALID)
    sink->statistic(sink->context, tepui_text_of("threads"), 2);
  sink->statistic(sink->context, tepui_text_of("cpus_limit"), NAN);
  return TEPUI_OK;
}

static tepui_status prepare(void *instance, const tepui_container *container, tepui_error *error) {
  (void)instance;
  if (is("fail")) return tepui_fail(error, TEPUI_FAILED, "not ready");
  tepui_log(the_host, TEPUI_LOG_INFO, "prepare %.*s", (int)container->id.length, container->id.bytes);
  return TEPUI_OK;
}

static tepui_status cleanup(void *instance, const tepui_container *container, tepui_error *error) {
  (void)instance, (void)error;
  tepui_log(the_host, TEPUI_LOG_INFO, "cleanup %.*s", (int)container->id.length, container->id.bytes);
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};
static const tepui_isolator_usage usage_table = {sizeof usage_table, usage};
static const tepui_isolator_lifecycle lifecycle = {
    .size = (uint32_t)(LIFECYCLE_SIZE), .prepare = prepare, .cleanup = cleanup};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = 1,
    .id = TEPUI_TEXT("org.example.isolator"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("1.0.0"),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  if (tepui_text_is(id, TEPUI_ISOLATOR_1)) return &isolator;
  if (tepui_text_is(id, TEPUI_ISOLATOR_USAGE_1)) return &usage_table;
  if (tepui_text_is(id, TEPUI_ISOLATOR_LIFECYCLE_1)) return &lifecycle;
  return NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
