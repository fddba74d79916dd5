// Bin packing: the fewest agents in use. It offers the fullest agents first, and one that nobody uses yet only to who
// found no place on those in use.
#include <stdlib.h>
#include "tepui/tepui.h"

namespace {

struct Bin {
  double fullness;  // of its tightest kind: 0 when nobody uses it, 1 when that kind is used up
  uint32_t agent;
};

struct Customer {
  double holds, held;  // now, and when it was last offered an agent in use
  bool was_asked, found_no_place;
  int64_t unused_agents;  // that it may still be offered in this cycle
};

struct Policy {
  int64_t unused_agents;
  Customer *customers;  // by claimant
  uint32_t customer_count;
  uint32_t turn;  // the claimant to begin with: the only fairness here
};

bool is_empty(const int64_t *row, uint32_t kinds) {
  for (uint32_t kind = 0; kind < kinds; kind++)
    if (row[kind] > 0) return false;
  return true;
}

double fullness(const int64_t *total, const int64_t *free, uint32_t kinds) {
  double most = 0;
  for (uint32_t kind = 0; kind < kinds; kind++) {
    double used = total[kind] > free[kind] ? 1 - double(free[kind]) / double(total[kind]) : 0;
    if (used > most) most = used;
  }
  return most;
}

// Fullest first; among equals always the same first, so that work gathers there.
int compare(const void *left, const void *right) {
  auto a = static_cast<const Bin *>(left), b = static_cast<const Bin *>(right);
  if (a->fullness != b->fullness) return a->fullness > b->fullness ? -1 : 1;
  return a->agent < b->agent ? -1 : a->agent > b->agent;
}

bool grow(Policy *self, uint32_t count) {
  if (count <= self->customer_count) return true;
  auto grown = static_cast<Customer *>(realloc(self->customers, count * sizeof(Customer)));
  if (grown == nullptr) return false;
  memset(grown + self->customer_count, 0, (count - self->customer_count) * sizeof(Customer));
  self->customers = grown;
  self->customer_count = count;
  return true;
}

// A claimant that was offered agents in use and holds no more since: none of them was of use to it.
void greet(Policy *self, const tepui_allocation_view *view, uint32_t claimant) {
  Customer &customer = self->customers[claimant];
  customer.holds = 0;
  for (uint32_t kind = 0; kind < view->kinds; kind++)
    customer.holds += double(tepui_row(view, view->claimant_allocated, claimant)[kind]);
  customer.found_no_place = customer.was_asked && customer.holds <= customer.held;
  customer.was_asked = false;
  customer.unused_agents = self->unused_agents;
}

// Offers an agent to one claimant after the other, until nothing of it is left.
void place(Policy *self, const tepui_allocation_view *view, const tepui_grant_sink *sink, const Bin &bin, uint32_t *first) {
  for (uint32_t i = 0, start = *first; i < view->active_count; i++) {
    uint32_t index = (start + i) % view->active_count, claimant = view->active[index];
    Customer &customer = self->customers[claimant];
    if (!tepui_may_offer(view, claimant, bin.agent) || (bin.fullness == 0 && customer.unused_agents == 0)) continue;
    if (sink->grant(sink->context, bin.agent, claimant, nullptr) != TEPUI_OK) continue;
    *first = index + 1;
    self->turn = claimant + 1;
    if (bin.fullness == 0) {
      customer.unused_agents--;
    } else {
      customer.was_asked = true;
      customer.held = customer.holds;
      if (!customer.found_no_place) customer.unused_agents = 0;
    }
    if (is_empty(tepui_row(view, view->agent_free, bin.agent), view->kinds)) return;
  }
}

tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink, tepui_error *error) {
  auto self = static_cast<Policy *>(instance);
  if (view->candidate_count == 0 || view->active_count == 0) return TEPUI_OK;
  auto bins = static_cast<Bin *>(malloc(view->candidate_count * sizeof(Bin)));
  if (bins == nullptr || !grow(self, view->claimants)) {
    free(bins);
    return tepui_fail(error, TEPUI_FAILED, "out of memory");
  }
  uint32_t first = 0;
  for (uint32_t i = 0; i < view->active_count; i++) {
    greet(self, view, view->active[i]);
    if (view->active[i] < self->turn) first = i + 1;
  }
  for (uint32_t i = 0; i < view->candidate_count; i++) {
    uint32_t agent = view->candidates[i];
    bins[i] = {fullness(tepui_row(view, view->agent_total, agent), tepui_row(view, view->agent_free, agent), view->kinds),
               agent};
  }
  qsort(bins, view->candidate_count, sizeof(Bin), compare);
  for (uint32_t i = 0; i < view->candidate_count; i++) place(self, view, sink, bins[i], &first);
  free(bins);
  return TEPUI_OK;
}

tepui_status create(const tepui_host *, const tepui_parameter *parameters, uint32_t, void **instance,
                    tepui_error *error) {
  auto self = static_cast<Policy *>(calloc(1, sizeof(Policy)));
  if (self == nullptr) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  self->unused_agents = parameters->integer;
  *instance = self;
  return TEPUI_OK;
}

void destroy(void *instance) {
  free(static_cast<Policy *>(instance)->customers);
  free(instance);
}

const tepui_allocator allocator = {sizeof allocator, create, destroy, allocate};

const tepui_parameter_spec specs[] = {{
    sizeof specs[0], TEPUI_PARAMETER_INTEGER, TEPUI_TEXT("unused_agents"), TEPUI_TEXT("1"), 1, 1000000, nullptr, 0,
    TEPUI_TEXT("How many agents that nobody uses yet a claimant is offered in one cycle; more fill a cluster sooner."),
}};

const tepui_descriptor descriptor = {
    sizeof descriptor,
    sizeof specs / sizeof *specs,
    TEPUI_TEXT("org.tepui.binpack"),
    TEPUI_TEXT(TEPUI_ALLOCATOR_1),
    TEPUI_TEXT("0.1.0"),
    TEPUI_TEXT("The Tepui authors"),
    TEPUI_TEXT("Apache-2.0"),
    TEPUI_TEXT("Fills the fullest agents first, so that the fewest are in use."),
    specs,
};

const void *interface(tepui_text id) {
  return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : nullptr;
}

}  // namespace

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
