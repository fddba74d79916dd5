/* One script of a policy in a Lua state of its own, bounded in memory and in work. */
#ifndef TEPUI_LUA_SCRIPT_H
#define TEPUI_LUA_SCRIPT_H

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include "tepui/tepui.h"

typedef struct script {
  lua_State *state;
  const tepui_host *host;            /* for print */
  size_t memory_used, memory_limit;  /* bytes */
  int64_t work_left;                 /* of this call; an instruction is one, and so are 64 bytes allocated */
  const tepui_allocation_view *view; /* of this cycle; NULL between cycles */
  const tepui_grant_sink *sink;      /* likewise */
} script;

typedef struct script_source {
  const char *name; /* "@first-fit.lua": for messages, the file's name behind an @ */
  const char *text;
  size_t length;
} script_source;

typedef struct script_bounds {
  size_t memory_bytes;
  int64_t work; /* of one call */
} script_bounds;

/* Runs the source, which must define `allocate`. NULL with a text in `problem` if it cannot be used. */
script *script_open(const script_source *source, const script_bounds *bounds, const tepui_host *host, char *problem,
                    size_t size);

void script_close(script *self);

/* Calls `allocate`. 0 with a text in `problem` if it ended with an error; grants made before stand. */
int script_run(script *self, const script_bounds *bounds, const tepui_allocation_view *view,
               const tepui_grant_sink *sink, char *problem, size_t size);

/* ---- Between the files of this module ------------------------------------------------------------------------ */

static inline script *script_of(lua_State *state) { return *(script **)lua_getextraspace(state); }

/* Takes `work` from what is left of the call; raises an error when nothing is left. */
void script_charge(lua_State *state, int64_t work);

/* Puts what a policy may use into the globals of a new state: nothing that reaches outside or differs from run to run. */
void script_open_world(lua_State *state);

/* Defines the proxies for agents, claimants, roles and their amounts, and `grant`. */
void script_open_view(lua_State *state);

/* Pushes the table that `allocate` gets. */
void script_push_view(lua_State *state);

#endif
