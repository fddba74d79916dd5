// @NAME@: lets no process of a container open more than a number of files.
#include <tepui/isolator.h>

#include <new>

namespace {

// An instance: the value of its parameter.
struct OpenFiles {
  uint64_t limit;
};

tepui_status create(const tepui_host *, const tepui_node *, const tepui_parameter *parameters, uint32_t,
                    void **instance, tepui_error *error) {
  *instance = new (std::nothrow) OpenFiles{uint64_t(TEPUI_AT(tepui_parameter, parameters, 0)->integer)};
  return *instance ? TEPUI_OK : tepui_fail(error, TEPUI_FAILED, "out of memory");
}

void destroy(void *instance) { delete static_cast<OpenFiles *>(instance); }

tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink, tepui_error *) {
  if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;  // nothing that changes later
  uint64_t limit = static_cast<const OpenFiles *>(instance)->limit;
  sink->rlimit(sink->context, tepui_text_of("nofile"), limit, limit);
  return TEPUI_OK;
}

const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};

const tepui_parameter_spec specs[] = {{
    sizeof specs[0], TEPUI_PARAMETER_INTEGER, TEPUI_TEXT("open_files"), TEPUI_TEXT("1024"), 3, 1000000, nullptr, 0,
    TEPUI_TEXT("How many files a process may have open."),
}};

const tepui_descriptor descriptor = {
    sizeof descriptor, 1, TEPUI_TEXT("@ID@"), TEPUI_TEXT(TEPUI_ISOLATOR_1), TEPUI_TEXT("0.1.0"),
    TEPUI_TEXT("@AUTHOR@"), TEPUI_TEXT("Apache-2.0"), TEPUI_TEXT("Limits the files that a process may have open."),
    specs};

const void *interface(tepui_text id) { return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : nullptr; }

}  // namespace

extern "C" tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
