/*
 * The host's columns as a script sees them: agents, claimants, roles, and rows of amounts.
 *
 * A proxy is a light userdata: what it stands for in the upper half, an id in the lower. It takes no memory, is equal
 * to others for the same thing, and may be a key of a table. What it is asked for is read from the columns at that
 * moment, so amounts are live. A script may keep one for longer than the thing exists: every access is checked.
 */
#include "script.h"

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a proxy takes 64 bits");

typedef enum proxy_kind { AGENT = 1, CLAIMANT, ROLE, CLUSTER_TOTAL, AGENT_TOTAL, AGENT_FREE, CLAIMANT_ALLOCATED,
                          ROLE_ALLOCATED } proxy_kind;

static const char *const kind_names[] = {"", "agent", "claimant", "role", "amounts", "amounts", "amounts", "amounts",
                                         "amounts"};

static void push_proxy(lua_State *state, proxy_kind kind, uint32_t id) {
  lua_pushlightuserdata(state, (void *)((uintptr_t)kind << 32 | id));
}

static proxy_kind kind_of(lua_State *state, int index) { return (uintptr_t)lua_touserdata(state, index) >> 32; }
static uint32_t id_of(lua_State *state, int index) { return (uint32_t)(uintptr_t)lua_touserdata(state, index); }

static const tepui_allocation_view *view_of(lua_State *state) {
  const tepui_allocation_view *view = script_of(state)->view;
  if (view == NULL) luaL_error(state, "the cluster can be looked at only while allocate runs");
  return view;
}

/* The id of an argument that must be of a kind and exist. */
static uint32_t check_id(lua_State *state, int index, proxy_kind kind) {
  const tepui_allocation_view *view = view_of(state);
  uint32_t count = kind == AGENT ? view->agents : kind == CLAIMANT ? view->claimants : view->roles;
  luaL_argexpected(state, lua_islightuserdata(state, index) && kind_of(state, index) == kind, index, kind_names[kind]);
  luaL_argcheck(state, id_of(state, index) < count, index, "it does not exist any more");
  return id_of(state, index);
}

static void push_text(lua_State *state, tepui_text text) {
  lua_pushlstring(state, text.bytes != NULL ? text.bytes : "", text.bytes != NULL ? (size_t)text.length : 0);
}

static void push_name(lua_State *state, uint32_t what, uint32_t id) {
  const tepui_allocation_view *view = view_of(state);
  push_text(state, view->name(view->context, what, id));
}

/* ---- Amounts ------------------------------------------------------------------------------------------------- */

/* Index of the kind with the name at `index`, or -1. */
static lua_Integer kind_index(lua_State *state, int index) {
  index = lua_absindex(state, index);
  lua_getfield(state, LUA_REGISTRYINDEX, "kinds");
  lua_pushvalue(state, index);
  lua_Integer kind = lua_rawget(state, -2) == LUA_TNUMBER ? lua_tointeger(state, -1) : -1;
  lua_pop(state, 2);
  return kind;
}

/* In units of the resource; 0 for a kind that the cluster does not have. */
static void push_amount(lua_State *state, proxy_kind row, uint32_t id) {
  const tepui_allocation_view *view = view_of(state);
  lua_Integer kind = kind_index(state, 2);
  const int64_t *table = row == CLUSTER_TOTAL   ? view->cluster_total
                         : row == AGENT_TOTAL   ? view->agent_total
                         : row == AGENT_FREE    ? view->agent_free
                         : row == ROLE_ALLOCATED ? view->role_allocated
                                                 : view->claimant_allocated;
  uint32_t rows = row == CLUSTER_TOTAL                        ? 1
                  : row == AGENT_TOTAL || row == AGENT_FREE   ? view->agents
                  : row == ROLE_ALLOCATED                     ? view->roles
                                                              : view->claimants;
  lua_pushnumber(state, kind < 0 || id >= rows ? 0 : (lua_Number)tepui_row(view, table, id)[kind] / 1000);
}

/* ---- Fields -------------------------------------------------------------------------------------------------- */

static int may_have(lua_State *state) {
  uint32_t claimant = check_id(state, 1, CLAIMANT), agent = check_id(state, 2, AGENT);
  const tepui_allocation_view *view = view_of(state);
  lua_pushboolean(state, tepui_may_offer(view, claimant, agent) && tepui_has_for(view, agent, claimant));
  return 1;
}

static int is(const char *left, const char *right) { return strcmp(left, right) == 0; }

static int agent_field(lua_State *state, const char *key) {
  uint32_t agent = check_id(state, 1, AGENT);
  if (is(key, "free")) return push_proxy(state, AGENT_FREE, agent), 1;
  if (is(key, "total")) return push_proxy(state, AGENT_TOTAL, agent), 1;
  if (is(key, "has_any")) return lua_pushboolean(state, tepui_has_any(view_of(state), agent)), 1;
  if (is(key, "name")) return push_name(state, TEPUI_NAME_AGENT, agent), 1;
  return 0;
}

static int claimant_field(lua_State *state, const char *key) {
  uint32_t claimant = check_id(state, 1, CLAIMANT);
  if (is(key, "may_have")) return lua_pushcfunction(state, may_have), 1;
  if (is(key, "allocated")) return push_proxy(state, CLAIMANT_ALLOCATED, claimant), 1;
  if (is(key, "role")) return push_proxy(state, ROLE, view_of(state)->claimant_role[claimant]), 1;
  if (is(key, "name")) return push_name(state, TEPUI_NAME_FRAMEWORK, view_of(state)->claimant_framework[claimant]), 1;
  return 0;
}

static int role_field(lua_State *state, const char *key) {
  uint32_t role = check_id(state, 1, ROLE);
  if (is(key, "name")) return push_name(state, TEPUI_NAME_ROLE, role), 1;
  if (is(key, "weight")) return lua_pushnumber(state, (lua_Number)view_of(state)->role_weight[role] / 1000), 1;
  if (is(key, "allocated")) return push_proxy(state, ROLE_ALLOCATED, role), 1;
  if (is(key, "parent")) {
    uint32_t parent = view_of(state)->role_parent[role];
    if (parent < view_of(state)->roles) push_proxy(state, ROLE, parent);
    else lua_pushnil(state);
    return 1;
  }
  return 0;
}

static int get_field(lua_State *state) {
  proxy_kind kind = kind_of(state, 1);
  if (kind >= CLUSTER_TOTAL) return push_amount(state, kind, id_of(state, 1)), 1;
  const char *key = lua_type(state, 2) == LUA_TSTRING ? lua_tostring(state, 2) : "";
  if (is(key, "id")) return lua_pushinteger(state, id_of(state, 1)), 1;
  int found = kind == AGENT ? agent_field(state, key) : kind == CLAIMANT ? claimant_field(state, key) : role_field(state, key);
  return found ? 1 : luaL_error(state, "%s has no field '%s'", kind_names[kind], luaL_tolstring(state, 2, NULL));
}

static int set_field(lua_State *state) {
  return luaL_error(state, "%s cannot be changed", kind_names[kind_of(state, 1)]);
}

static int proxy_text(lua_State *state) {
  lua_pushfstring(state, "%s %I", kind_names[kind_of(state, 1)], (LUAI_UACINT)id_of(state, 1));
  return 1;
}

/* ---- Grants -------------------------------------------------------------------------------------------------- */

/* A table {cpus = 2, mem = 512} as a row of thousandths. */
static const int64_t *check_amounts(lua_State *state, int index) {
  if (lua_isnoneornil(state, index)) return NULL;
  luaL_checktype(state, index, LUA_TTABLE);
  uint32_t kinds = view_of(state)->kinds;
  int64_t *row = lua_newuserdatauv(state, (kinds + 1) * sizeof *row, 0);
  memset(row, 0, kinds * sizeof *row);
  for (lua_pushnil(state); lua_next(state, index) != 0; lua_pop(state, 1)) {
    lua_Integer kind = kind_index(state, -2);
    lua_Number amount = lua_tonumber(state, -1) * 1000;
    if (kind < 0) luaL_argerror(state, index, "it names a kind that the cluster does not have");
    if (!lua_isnumber(state, -1) || !(amount >= 0 && amount < 9e18))
      luaL_argerror(state, index, "an amount must be a number from 0");
    row[kind] = (int64_t)amount;
  }
  return row;
}

/* grant(agent, claimant [, amounts]): true, or false and "refused" or "invalid". */
static int grant(lua_State *state) {
  uint32_t agent = check_id(state, 1, AGENT), claimant = check_id(state, 2, CLAIMANT);
  const int64_t *amounts = check_amounts(state, 3);
  const tepui_grant_sink *sink = script_of(state)->sink;
  if (sink == NULL) return luaL_error(state, "nothing can be granted now");
  tepui_status status = sink->grant(sink->context, agent, claimant, amounts);
  lua_pushboolean(state, status == TEPUI_OK);
  if (status == TEPUI_OK) return 1;
  lua_pushstring(state, status == TEPUI_REFUSED ? "refused" : "invalid");
  return 2;
}

void script_open_view(lua_State *state) {
  static const luaL_Reg methods[] = {
      {"__index", get_field}, {"__newindex", set_field}, {"__tostring", proxy_text}, {NULL, NULL}};
  push_proxy(state, AGENT, 0);
  luaL_newlib(state, methods);
  lua_pushliteral(state, "proxy");
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  lua_pop(state, 1);
  lua_register(state, "grant", grant);
}

/* ---- The view ------------------------------------------------------------------------------------------------ */

/* The names of the kinds as a list; their indices stay in the registry. */
static void push_kinds(lua_State *state) {
  const tepui_allocation_view *view = view_of(state);
  static const char *const always[] = {"cpus", "mem"};
  lua_createtable(state, (int)view->kinds, 0);
  lua_createtable(state, 0, (int)view->kinds);
  for (uint32_t kind = 0; kind < view->kinds; kind++) {
    if (kind < 2) lua_pushstring(state, always[kind]);
    else push_name(state, TEPUI_NAME_KIND, kind);
    lua_pushvalue(state, -1);
    lua_rawseti(state, -4, (lua_Integer)kind + 1);
    lua_pushinteger(state, kind);
    lua_rawset(state, -3);
  }
  lua_setfield(state, LUA_REGISTRYINDEX, "kinds");
}

static void push_list(lua_State *state, proxy_kind kind, const uint32_t *ids, uint32_t count) {
  lua_createtable(state, (int)count, 0);
  for (uint32_t index = 0; index < count; index++) {
    push_proxy(state, kind, ids[index]);
    lua_rawseti(state, -2, (lua_Integer)index + 1);
  }
}

void script_push_view(lua_State *state) {
  const tepui_allocation_view *view = view_of(state);
  lua_createtable(state, 0, 7);
  push_kinds(state);
  lua_setfield(state, -2, "kinds");
  push_list(state, AGENT, view->candidates, view->candidate_count);
  lua_setfield(state, -2, "candidates");
  push_list(state, CLAIMANT, view->active, view->active_count);
  lua_setfield(state, -2, "claimants");
  push_proxy(state, CLUSTER_TOTAL, 0);
  lua_setfield(state, -2, "total");
  lua_pushinteger(state, (lua_Integer)view->cycle);
  lua_setfield(state, -2, "cycle");
  lua_pushinteger(state, (lua_Integer)view->seed);
  lua_setfield(state, -2, "seed");
  lua_pushnumber(state, (lua_Number)view->now_ns / 1e9);
  lua_setfield(state, -2, "now");
}
