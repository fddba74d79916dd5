/*
 * tepui/allocator.h - a policy: who is offered what.
 *
 * The master keeps the books and the policy decides. Once per allocation cycle the host calls `allocate` with a view of
 * the cluster and a sink. The policy goes through the free resources in the order that it thinks right and grants them:
 *
 *     for each agent in view->candidates
 *       for each claimant in view->active, the one that should have it first
 *         if tepui_may_offer(view, claimant, agent) and sink->grant(sink->context, agent, claimant, NULL) == TEPUI_OK
 *           go on with the next agent
 *
 * A claimant is a framework asking in one of its roles; a framework in two roles is two claimants. Each accepted grant
 * becomes an offer of that agent's resources to that framework.
 *
 * What the host does, so that a policy need not: it keeps refuse filters, suppressed roles, quotas, the minimum size of
 * an offer, the capabilities that an agent demands, and reservations (what is reserved for the claimant's role goes
 * along with a grant). The host checks every grant; one that is not possible is refused, counted under the module's
 * name and logged, and the cycle goes on.
 *
 * An allocator is a pure function of its parameters and of the views it has seen. It must not read a clock, a random
 * source, a file or the environment: time, seed and deadline are in the view. So each decision can be replayed.
 *
 * A policy that can say why somebody is offered something or nothing does so by an extension: explain.
 */
#ifndef TEPUI_ALLOCATOR_H
#define TEPUI_ALLOCATOR_H

#include "module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Ids of agents, frameworks, roles, claimants and kinds are dense numbers from 0, given by the host. An id belongs to
 * the same thing for as long as that thing exists, and may be given again afterwards. */
#define TEPUI_NONE UINT32_MAX

/* What `name` of the view can name. */
#define TEPUI_NAME_KIND 0
#define TEPUI_NAME_AGENT 1
#define TEPUI_NAME_FRAMEWORK 2
#define TEPUI_NAME_ROLE 3

/* A kind that must not count towards fair shares (flag --fair_sharing_excluded_resource_names). */
#define TEPUI_KIND_EXCLUDED_FROM_FAIRNESS 1u

/*
 * The cluster at the start of a cycle, in columns. A table of quantities has one row per id and `kinds` numbers a row,
 * in thousandths; a row of an id that is not in use is all zero.
 *
 * Columns marked live are kept up to date by the sink: when grant returns TEPUI_OK they already show its effect. So a
 * policy reads them anew instead of keeping books of its own.
 */
typedef struct tepui_allocation_view {
  uint32_t size;
  uint32_t kinds;     /* numbers per row; kinds 0 and 1 are always cpus and mem */
  uint32_t agents;    /* rows of the agent tables */
  uint32_t roles;     /* rows of the role tables; row 0 is the root, above all top-level roles */
  uint32_t claimants; /* rows of the claimant tables */
  uint32_t candidate_count;
  uint32_t active_count;
  uint32_t changed_agent_count;
  uint64_t cycle;      /* counts up by one */
  uint64_t seed;       /* for whatever randomness the policy wants; changes from cycle to cycle */
  int64_t now_ns;      /* nanoseconds on a clock that never goes back */
  int64_t deadline_ns; /* on the same clock: the cycle should end by then; a later end is logged and counted */

  const uint32_t *candidates;     /* agents with something to grant in this cycle, in an order free of bias; of more
                                     than a thousand or so a part, the others come in the next cycles */
  const uint32_t *active;         /* claimants that want offers, by id */
  const uint32_t *changed_agents; /* agents whose free or total amounts differ from the end of the last cycle */

  const uint32_t *kind_flags;   /* per kind: TEPUI_KIND_... */
  const int64_t *cluster_total; /* one row: all agents together */

  const int64_t *agent_total; /* table */
  const int64_t *agent_free;  /* table, live: neither used, nor offered, nor reserved */

  const uint32_t *role_parent;   /* per role; TEPUI_NONE for the root */
  const int64_t *role_weight;    /* per role, in thousandths: 1000 is the normal weight */
  const int64_t *role_allocated; /* table, live: used or offered in the role and in all roles below it */

  const uint32_t *claimant_framework; /* per claimant; TEPUI_NONE when the id is not in use */
  const uint32_t *claimant_role;      /* per claimant */
  const int64_t *claimant_allocated;  /* table, live: used or offered */

  /* Per claimant: NULL, or a set of agents that must not be granted to it, one bit per agent id, lowest bit first. */
  const uint64_t *const *claimant_blocked;

  void *context; /* pass it to name */

  /* [master] The name of something; empty for an unknown id. Borrowed until allocate returns. */
  tepui_text (*name)(void *context, uint32_t what, uint32_t id);

  /* Live, per agent, told of candidates: who may have what is free beyond agent_free, which goes along with a grant:
   * resources that are reserved or no plain amounts. TEPUI_NONE: there is nothing of the kind, or nobody; else only
   * claimants in this role and in the roles below it. Of several reservations, the lowest role above them all. */
  const uint32_t *agent_extra_role;
} tepui_allocation_view;

/* The row of an id in a table of quantities. */
static inline const int64_t *tepui_row(const tepui_allocation_view *view, const int64_t *table, uint32_t id) {
  return table + (size_t)id * view->kinds;
}

/* Whether the host would let `claimant` have something of `agent`. */
static inline int tepui_may_offer(const tepui_allocation_view *view, uint32_t claimant, uint32_t agent) {
  const uint64_t *blocked = view->claimant_blocked[claimant];
  return blocked == NULL || (blocked[agent / 64] >> (agent % 64) & 1) == 0;
}

/* Whether plain amounts are free on `agent`, which anybody may have. */
static inline int tepui_has_free(const tepui_allocation_view *view, uint32_t agent) {
  for (uint32_t kind = 0; kind < view->kinds; kind++)
    if (tepui_row(view, view->agent_free, agent)[kind] > 0) return 1;
  return 0;
}

/* Whether anything is left on `agent`: a grant need not take all, for the host may cut it, or keep back what is
 * reserved for others. */
static inline int tepui_has_any(const tepui_allocation_view *view, uint32_t agent) {
  return tepui_has_free(view, agent) || view->agent_extra_role[agent] != TEPUI_NONE;
}

/* Whether `agent` has anything for `claimant`, be it only what is reserved for its role. */
static inline int tepui_has_for(const tepui_allocation_view *view, uint32_t agent, uint32_t claimant) {
  if (tepui_has_free(view, agent)) return 1;
  uint32_t role = view->claimant_role[claimant];
  for (uint32_t step = 0; step < view->roles && role < view->roles; step++, role = view->role_parent[role])
    if (role == view->agent_extra_role[agent]) return 1;
  return 0;
}

typedef struct tepui_grant_sink {
  uint32_t size;
  void *context;

  /*
   * [master] Grants resources of an agent to a claimant. `amounts` is a row of quantities, or NULL for all that is free
   * there. Resources that are not numbers (ports) go with the first grant of an agent in a cycle.
   *
   * TEPUI_OK: granted; the live columns show it.
   * TEPUI_REFUSED: not granted and nobody's fault, such as less than the minimum size of an offer.
   *   Another claimant may still get it; asking again for the same in this cycle is pointless.
   * TEPUI_INVALID: the policy asked for what can never be: more than is free, negative amounts, an unknown id, a
   *   blocked agent, an inactive claimant. Counted and logged under the module's name.
   */
  tepui_status (*grant)(void *context, uint32_t agent, uint32_t claimant, const int64_t *amounts);
} tepui_grant_sink;

/* The table behind TEPUI_ALLOCATOR_1. */
typedef struct tepui_allocator {
  uint32_t size;

  /* [start] Makes an instance. `host` lives as long as the instance, all else until create returns. A status other
   * than TEPUI_OK keeps the master from starting, with the text. */
  tepui_status (*create)(const tepui_host *host, const tepui_parameter *parameters, uint32_t parameter_count,
                         void **instance, tepui_error *error);

  /* [master] Ends an instance. */
  void (*destroy)(void *instance);

  /* [master] One cycle. A status other than TEPUI_OK is logged and counted; grants made before it stand. */
  tepui_status (*allocate)(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                           tepui_error *error);
} tepui_allocator;

/* ---- Extension: explain -------------------------------------------------------------------------------------- */

#define TEPUI_ALLOCATOR_EXPLAIN_1 "tepui.allocator.explain/1"

typedef struct tepui_reason_sink {
  uint32_t size;
  void *context;

  /*
   * [master] Adds a reason in the policy's own words, for an operator: a few words without a line break, and the number
   * that they speak of, as in ("claimants before it", 3).
   *
   * TEPUI_OK: taken. TEPUI_REFUSED: there are 32 already. TEPUI_INVALID: it is empty, longer than 200 bytes or no text;
   * counted under the module's name.
   */
  tepui_status (*reason)(void *context, tepui_text words, uint64_t count);
} tepui_reason_sink;

/* Why a claimant stands where it stands. Only what is the policy's: the host itself tells of filters, quotas and the
 * other things that it keeps. */
typedef struct tepui_allocator_explain {
  uint32_t size;

  /* [master] Called between cycles when somebody asks, for a claimant that wants offers, with a view of this moment
   * that has no candidates. It must leave the instance as it is: what was asked may never change what is granted. A
   * status other than TEPUI_OK is shown with its text; reasons given before it stand. */
  tepui_status (*explain)(void *instance, const tepui_allocation_view *view, uint32_t claimant,
                          const tepui_reason_sink *sink, tepui_error *error);
} tepui_allocator_explain;

#ifdef __cplusplus
}
#endif
#endif
