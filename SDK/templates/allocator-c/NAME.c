/* @NAME@: the fullest agents first, so that the fewest are in use; claimants take turns. */
#include <stdlib.h>
#include <tepui/allocator.h>

static const tepui_allocation_view *now; /* of the cycle that runs: two calls never overlap */

/* How much of its CPUs is in use, from 0 to 1. */
static double fullness(uint32_t agent) {
  int64_t total = tepui_row(now, now->agent_total, agent)[0], free = tepui_row(now, now->agent_free, agent)[0];
  return total > 0 ? 1 - (double)free / (double)total : 0;
}

static int fuller_first(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  double more = fullness(b) - fullness(a);
  return more > 0 ? 1 : more < 0 ? -1 : (a > b) - (a < b);
}

static tepui_status create(const tepui_host *host, const tepui_parameter *parameters, uint32_t parameter_count,
                           void **instance, tepui_error *error) {
  (void)host, (void)parameters, (void)parameter_count, (void)error;
  *instance = NULL; /* nothing to remember between cycles */
  return TEPUI_OK;
}

static void destroy(void *instance) { (void)instance; }

static tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                             tepui_error *error) {
  (void)instance;
  if (view->candidate_count == 0 || view->active_count == 0) return TEPUI_OK;
  uint32_t *agents = malloc(view->candidate_count * sizeof *agents);
  if (agents == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  memcpy(agents, view->candidates, view->candidate_count * sizeof *agents);
  now = view;
  qsort(agents, view->candidate_count, sizeof *agents, fuller_first);
  for (uint32_t i = 0; i < view->candidate_count; i++)
    for (uint32_t j = 0; j < view->active_count && tepui_has_any(view, agents[i]); j++) {
      uint32_t claimant = view->active[(view->cycle + j) % view->active_count];
      if (tepui_may_offer(view, claimant, agents[i]) && tepui_has_for(view, agents[i], claimant))
        sink->grant(sink->context, agents[i], claimant, NULL);
    }
  free(agents);
  return TEPUI_OK;
}

static const tepui_allocator allocator = {sizeof allocator, create, destroy, allocate};
static const tepui_descriptor descriptor = {
    .size = sizeof descriptor, .id = TEPUI_TEXT("@ID@"), .kind = TEPUI_TEXT(TEPUI_ALLOCATOR_1),
    .version = TEPUI_TEXT("0.1.0"), .author = TEPUI_TEXT("@AUTHOR@"), .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Fills the fullest agents first.")};

static const void *interface(tepui_text id) { return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : NULL; }

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
