// @NAME@: the fullest agents first, so that the fewest are in use; claimants take turns.
#include <tepui/allocator.h>

#include <algorithm>
#include <new>

namespace {

// An instance of the policy. Nothing may be thrown out of a module, so this one does without exceptions.
struct Policy {
  const tepui_host *host;
};

// How much of its CPUs is in use, from 0 to 1.
double fullness(const tepui_allocation_view *view, uint32_t agent) {
  int64_t total = tepui_row(view, view->agent_total, agent)[0], free = tepui_row(view, view->agent_free, agent)[0];
  return total > 0 ? 1 - double(free) / double(total) : 0;
}

tepui_status create(const tepui_host *host, const tepui_parameter *, uint32_t, void **instance, tepui_error *error) {
  *instance = new (std::nothrow) Policy{host};
  return *instance ? TEPUI_OK : tepui_fail(error, TEPUI_FAILED, "out of memory");
}

void destroy(void *instance) { delete static_cast<Policy *>(instance); }

tepui_status allocate(void *, const tepui_allocation_view *view, const tepui_grant_sink *sink, tepui_error *error) {
  auto agents = new (std::nothrow) uint32_t[view->candidate_count];
  if (agents == nullptr) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  auto end = std::copy_n(view->candidates, view->candidate_count, agents);
  std::sort(agents, end, [view](uint32_t a, uint32_t b) {
    double left = fullness(view, a), right = fullness(view, b);
    return left != right ? left > right : a < b;
  });
  for (auto agent = agents; agent != end; agent++)
    for (uint32_t j = 0; j < view->active_count && tepui_has_any(view, *agent); j++) {
      uint32_t claimant = view->active[(view->cycle + j) % view->active_count];
      if (tepui_may_offer(view, claimant, *agent) && tepui_has_for(view, *agent, claimant))
        sink->grant(sink->context, *agent, claimant, nullptr);
    }
  delete[] agents;
  return TEPUI_OK;
}

const tepui_allocator allocator = {sizeof allocator, create, destroy, allocate};

const tepui_descriptor descriptor = {
    sizeof descriptor, 0, TEPUI_TEXT("@ID@"), TEPUI_TEXT(TEPUI_ALLOCATOR_1), TEPUI_TEXT("0.1.0"),
    TEPUI_TEXT("@AUTHOR@"), TEPUI_TEXT("Apache-2.0"), TEPUI_TEXT("Fills the fullest agents first."), nullptr};

const void *interface(tepui_text id) { return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : nullptr; }

}  // namespace

extern "C" tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
