/* Strict priority: the role with the higher number gets everything that it may be offered; the rest go without. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include "tepui/tepui.h"

typedef struct priority {
  char *role;
  int64_t value;
} priority;

typedef struct ranked {
  int64_t priority;
  uint32_t claimant;
} ranked;

typedef struct policy {
  priority *priorities;
  size_t priority_count;
  ranked *order; /* of one cycle */
  size_t order_capacity;
} policy;

static void destroy(void *instance) {
  policy *self = instance;
  for (size_t i = 0; i < self->priority_count; i++) free(self->priorities[i].role);
  free(self->priorities);
  free(self->order);
  free(self);
}

/* Adds `role=number`; the text of it ends at `end`. */
static tepui_status add_priority(policy *self, const char *start, const char *end, tepui_error *error) {
  const char *equals = memchr(start, '=', (size_t)(end - start));
  char number[24] = "", *rest = number;
  if (equals != NULL && equals > start && end - equals - 1 < (long)sizeof number)
    memcpy(number, equals + 1, (size_t)(end - equals - 1));
  errno = 0;
  int64_t value = strtoll(number, &rest, 10);
  if (number[0] == '\0' || *rest != '\0' || errno != 0)
    return tepui_fail(error, TEPUI_INVALID, "priorities: \"%.*s\" is not ROLE=INTEGER, such as prod=100",
                      (int)(end - start), start);

  priority *grown = realloc(self->priorities, (self->priority_count + 1) * sizeof *grown);
  if (grown == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  self->priorities = grown;
  char *role = strndup(start, (size_t)(equals - start));
  if (role == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  for (size_t i = 0; i < self->priority_count; i++) {
    if (strcmp(self->priorities[i].role, role) != 0) continue;
    tepui_fail(error, TEPUI_INVALID, "priorities: the role %s has two", role);
    free(role);
    return TEPUI_INVALID;
  }
  self->priorities[self->priority_count++] = (priority){role, value};
  return TEPUI_OK;
}

static tepui_status create(const tepui_host *host, const tepui_parameter *parameters, uint32_t parameter_count,
                           void **instance, tepui_error *error) {
  (void)host, (void)parameter_count;
  policy *self = calloc(1, sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  tepui_text list = parameters->text;
  const char *start = list.bytes, *all = list.bytes + list.length;
  while (list.length > 0) {
    const char *comma = memchr(start, ',', (size_t)(all - start));
    tepui_status status = add_priority(self, start, comma != NULL ? comma : all, error);
    if (status != TEPUI_OK) {
      destroy(self);
      return status;
    }
    if (comma == NULL) break;
    start = comma + 1;
  }
  *instance = self;
  return TEPUI_OK;
}

/* That of the role or of the nearest role above it that has one, else 0. A role's name is its path: prod/web/shop. */
static int64_t priority_of(const policy *self, tepui_text role) {
  int64_t value = 0;
  size_t longest = 0;
  for (size_t i = 0; i < self->priority_count; i++) {
    size_t length = strlen(self->priorities[i].role);
    if (length <= longest || length > role.length || memcmp(self->priorities[i].role, role.bytes, length) != 0) continue;
    if (length < role.length && role.bytes[length] != '/') continue;
    value = self->priorities[i].value;
    longest = length;
  }
  return value;
}

static int compare(const void *left, const void *right) {
  const ranked *a = left, *b = right;
  if (a->priority != b->priority) return a->priority > b->priority ? -1 : 1;
  return a->claimant < b->claimant ? -1 : 1;
}

/* Orders the claimants that want offers: highest priority first, among equals the oldest id. */
static tepui_status rank(policy *self, const tepui_allocation_view *view, tepui_error *error) {
  if (self->order_capacity < view->active_count) {
    ranked *grown = realloc(self->order, view->active_count * sizeof *grown);
    if (grown == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
    self->order = grown;
    self->order_capacity = view->active_count;
  }
  for (uint32_t i = 0; i < view->active_count; i++) {
    uint32_t claimant = view->active[i];
    tepui_text role = view->name(view->context, TEPUI_NAME_ROLE, view->claimant_role[claimant]);
    self->order[i] = (ranked){priority_of(self, role), claimant};
  }
  qsort(self->order, view->active_count, sizeof *self->order, compare);
  return TEPUI_OK;
}

static tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                             tepui_error *error) {
  policy *self = instance;
  tepui_status status = rank(self, view, error);
  if (status != TEPUI_OK) return status;
  for (uint32_t i = 0; i < view->candidate_count; i++) {
    uint32_t agent = view->candidates[i];
    for (uint32_t rank = 0; rank < view->active_count && tepui_has_any(view, agent); rank++) {
      uint32_t claimant = self->order[rank].claimant;
      /* The host may cut a grant to what a quota leaves, and keeps reservations apart: the rest is for the next. */
      if (tepui_may_offer(view, claimant, agent) && tepui_has_for(view, agent, claimant))
        sink->grant(sink->context, agent, claimant, NULL);
    }
  }
  return TEPUI_OK;
}

/* `self->order` belongs to one call; nothing else of the instance is written. */
static tepui_status explain(void *instance, const tepui_allocation_view *view, uint32_t claimant,
                            const tepui_reason_sink *sink, tepui_error *error) {
  policy *self = instance;
  tepui_status status = rank(self, view, error);
  if (status != TEPUI_OK) return status;
  int64_t own = priority_of(self, view->name(view->context, TEPUI_NAME_ROLE, view->claimant_role[claimant]));
  uint64_t higher = 0, before = 0;
  for (uint32_t i = 0; i < view->active_count && self->order[i].claimant != claimant; i++) {
    if (self->order[i].priority > own) higher++;
    else before++;
  }
  char words[96];
  snprintf(words, sizeof words, "claimants with a higher priority than its %lld", (long long)own);
  sink->reason(sink->context, tepui_text_of(words), higher);
  sink->reason(sink->context, tepui_text_of("claimants of the same priority that came before it"), before);
  return TEPUI_OK;
}

static const tepui_allocator allocator = {sizeof allocator, create, destroy, allocate};
static const tepui_allocator_explain explanation = {sizeof explanation, explain};

static const tepui_parameter_spec specs[] = {{
    .size = sizeof specs[0],
    .type = TEPUI_PARAMETER_TEXT,
    .name = TEPUI_TEXT("priorities"),
    .initial = TEPUI_TEXT(""),
    .help = TEPUI_TEXT("Priority by role: \"prod=100,dev=10\". Roles below inherit it; without one a role has 0."),
}};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = sizeof specs / sizeof *specs,
    .id = TEPUI_TEXT("org.tepui.strict-priority"),
    .kind = TEPUI_TEXT(TEPUI_ALLOCATOR_1),
    .version = TEPUI_TEXT("0.2.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Offers everything to the role with the highest priority first."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  if (tepui_text_is(id, TEPUI_ALLOCATOR_EXPLAIN_1)) return &explanation;
  return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
