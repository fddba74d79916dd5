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
  double before, after;  // what it held before and after it was last offered agents in use
  bool is_pondering;     // it holds just that still
  bool found_no_place;   // it gave back all of it
};

struct Policy {
  int64_t unused_agents;
  Customer *customers;  // by claimant
  uint32_t customer_count;
  uint32_t turn;  // the claimant to begin with: the only fairness here
};

struct Cycle {
  Policy *self;
  const tepui_allocation_view *view;
  const tepui_grant_sink *sink;
  const Bin *bins;
  uint32_t first;             // of view->active: whose turn it is
  uint32_t granted_in_use;    // agents
  int64_t unused_agents;      // that may still be granted
};

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

double holdings(const tepui_allocation_view *view, uint32_t claimant) {
  double sum = 0;
  for (uint32_t kind = 0; kind < view->kinds; kind++)
    sum += double(tepui_row(view, view->claimant_allocated, claimant)[kind]);
  return sum;
}

// Whether no agent in use is any good for the claimant: nobody could have one in this cycle, or it gave back all that it
// was offered of them, or it may have none.
bool needs_unused(const Cycle &cycle, uint32_t claimant) {
  if (cycle.granted_in_use == 0 || cycle.self->customers[claimant].found_no_place) return true;
  for (uint32_t i = 0; i < cycle.view->candidate_count && cycle.bins[i].fullness > 0; i++)
    if (tepui_may_offer(cycle.view, claimant, cycle.bins[i].agent)) return false;
  return true;
}

// Finds out what became of the last offers.
void greet(Customer &customer, double holds) {
  if (!customer.is_pondering) {
    customer.before = holds;
  } else if (holds != customer.after) {
    customer = {holds, 0, false, holds <= customer.before};
  }
}

// Offers an agent to one claimant after the other, until nothing of it is left.
void place(Cycle &cycle, const Bin &bin) {
  const tepui_allocation_view *view = cycle.view;
  for (uint32_t i = 0, start = cycle.first; i < view->active_count; i++) {
    uint32_t index = (start + i) % view->active_count, claimant = view->active[index];
    if (!tepui_may_offer(view, claimant, bin.agent) || !tepui_has_for(view, bin.agent, claimant)) continue;
    if (bin.fullness == 0 && !needs_unused(cycle, claimant)) continue;
    if (cycle.sink->grant(cycle.sink->context, bin.agent, claimant, nullptr) != TEPUI_OK) continue;
    cycle.first = index + 1;
    cycle.self->turn = claimant + 1;
    Customer &customer = cycle.self->customers[claimant];
    customer = {customer.before, holdings(view, claimant), bin.fullness > 0, false};
    if (bin.fullness > 0) cycle.granted_in_use++; else cycle.unused_agents--;
    if (!tepui_has_any(view, bin.agent)) return;
  }
}

tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                      tepui_error *error) {
  auto self = static_cast<Policy *>(instance);
  if (view->candidate_count == 0 || view->active_count == 0) return TEPUI_OK;
  auto bins = static_cast<Bin *>(malloc(view->candidate_count * sizeof(Bin)));
  if (bins == nullptr || !grow(self, view->claimants)) {
    free(bins);
    return tepui_fail(error, TEPUI_FAILED, "out of memory");
  }
  for (uint32_t i = 0; i < view->candidate_count; i++) {
    uint32_t agent = view->candidates[i];
    bins[i] = {fullness(tepui_row(view, view->agent_total, agent), tepui_row(view, view->agent_free, agent), view->kinds),
               agent};
  }
  qsort(bins, view->candidate_count, sizeof(Bin), compare);

  Cycle cycle = {self, view, sink, bins, 0, 0, self->unused_agents};
  for (uint32_t i = 0; i < view->active_count; i++) {
    greet(self->customers[view->active[i]], holdings(view, view->active[i]));
    if (view->active[i] < self->turn) cycle.first = i + 1;
  }
  for (uint32_t i = 0; i < view->candidate_count && (bins[i].fullness > 0 || cycle.unused_agents > 0); i++)
    place(cycle, bins[i]);
  free(bins);
  return TEPUI_OK;
}

void give(const tepui_reason_sink *sink, const char *words, uint64_t count) {
  sink->reason(sink->context, tepui_text_of(words), count);
}

tepui_status explain(void *instance, const tepui_allocation_view *view, uint32_t claimant,
                     const tepui_reason_sink *sink, tepui_error *) {
  auto self = static_cast<const Policy *>(instance);
  uint64_t in_use = 0, unused = 0;
  for (uint32_t agent = 0; agent < view->agents; agent++) {
    const int64_t *total = tepui_row(view, view->agent_total, agent), *free = tepui_row(view, view->agent_free, agent);
    if (!tepui_has_free(view, agent) || !tepui_may_offer(view, claimant, agent)) continue;
    if (fullness(total, free, view->kinds) > 0) in_use++; else unused++;
  }
  uint64_t before = 0;
  for (uint32_t i = 0; i < view->active_count; i++) {
    // From the one whose turn it is on, and then from the beginning.
    bool is_later = view->active[i] >= self->turn;
    if (claimant >= self->turn ? is_later && view->active[i] < claimant : is_later || view->active[i] < claimant)
      before++;
  }
  give(sink, "claimants whose turn is before it", before);
  give(sink, "agents in use with something free that it may have", in_use);
  give(sink, "agents in use by nobody that it may have once no place is left on the others", unused);
  if (claimant < self->customer_count && self->customers[claimant].found_no_place)
    give(sink, "gave back all that it was last offered of agents in use, so it may have one in use by nobody", 1);
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
const tepui_allocator_explain explanation = {sizeof explanation, explain};

const tepui_parameter_spec specs[] = {{
    sizeof specs[0], TEPUI_PARAMETER_INTEGER, TEPUI_TEXT("unused_agents"), TEPUI_TEXT("1"), 1, 1000000, nullptr, 0,
    TEPUI_TEXT("How many agents that nobody uses yet are offered in one cycle; more fill a cluster sooner."),
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
  if (tepui_text_is(id, TEPUI_ALLOCATOR_EXPLAIN_1)) return &explanation;
  return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : nullptr;
}

}  // namespace

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
