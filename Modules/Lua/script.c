/* One script: a Lua state with the world and the view in it, and bounds that hold for everything that runs there. */
#include "script.h"
#include <stdlib.h>

#define INSTRUCTIONS_PER_HOOK 1000
#define BYTES_PER_WORK 64

/* Bounds memory, and takes allocations for work: a loop that makes long strings has few instructions. */
static void *allocate(void *context, void *memory, size_t old_size, size_t size) {
  script *self = context;
  if (memory == NULL) old_size = 0; /* it is a type then */
  if (size == 0) {
    free(memory);
    self->memory_used -= old_size;
    return NULL;
  }
  if (size > old_size) {
    self->work_left -= (int64_t)((size - old_size) / BYTES_PER_WORK);
    if (self->memory_used - old_size + size > self->memory_limit || self->work_left < 0) return NULL;
  }
  void *result = realloc(memory, size);
  if (result != NULL) self->memory_used = self->memory_used - old_size + size;
  return result;
}

void script_charge(lua_State *state, int64_t work) {
  script *self = script_of(state);
  self->work_left -= work;
  if (self->work_left >= 0) return;
  self->work_left = INSTRUCTIONS_PER_HOOK; /* for the text of the error, after which nothing runs */
  luaL_where(state, 0);
  if (lua_rawlen(state, -1) == 0) luaL_where(state, 1); /* in a function of a library */
  lua_pushliteral(state, "it takes more instructions than instruction_limit allows");
  lua_concat(state, 2);
  lua_error(state);
}

static void count_instructions(lua_State *state, lua_Debug *place) {
  (void)place;
  script_charge(state, INSTRUCTIONS_PER_HOOK);
}

static void seed_random(lua_State *state, uint64_t seed) {
  lua_getfield(state, LUA_REGISTRYINDEX, "randomseed");
  lua_pushinteger(state, (lua_Integer)seed);
  lua_call(state, 1, 0);
}

/* Argument: the source, a light userdata. Runs the file, which defines `allocate`. */
static int open_script(lua_State *state) {
  const script_source *source = lua_touserdata(state, 1);
  script_open_world(state);
  script_open_view(state);
  seed_random(state, 0);
  if (luaL_loadbufferx(state, source->text, source->length, source->name, "t") != LUA_OK) return lua_error(state);
  lua_call(state, 0, 0);
  if (lua_getglobal(state, "allocate") != LUA_TFUNCTION)
    return luaL_error(state, "%s: it defines no function allocate(view)", source->name + 1);
  return 0;
}

static int run_cycle(lua_State *state) {
  seed_random(state, script_of(state)->view->seed);
  if (lua_getglobal(state, "allocate") != LUA_TFUNCTION) return luaL_error(state, "allocate is no function any more");
  script_push_view(state);
  lua_call(state, 1, 0);
  return 0;
}

/* Calls a function with at most one argument under the bounds; its error, if any, goes into `problem`. */
static int call(script *self, lua_CFunction function, const void *argument, int64_t work, char *problem, size_t size) {
  lua_State *state = self->state;
  self->work_left = work;
  lua_pushcfunction(state, function);
  lua_pushlightuserdata(state, (void *)argument);
  int status = lua_pcall(state, 1, 0, 0);
  if (status != LUA_OK) {
    const char *text = lua_type(state, -1) == LUA_TSTRING ? lua_tostring(state, -1) : "it raised an error that is no text";
    if (status == LUA_ERRMEM)
      text = self->work_left < 0 ? "it takes more instructions than instruction_limit allows"
                                 : "it needs more memory than memory_limit_mb allows";
    snprintf(problem, size, "%s", text);
  }
  lua_settop(state, 0);
  self->work_left = work; /* for the collector */
  if (status != LUA_OK) lua_gc(state, LUA_GCCOLLECT);
  return status == LUA_OK;
}

void script_close(script *self) {
  if (self == NULL) return;
  lua_close(self->state);
  free(self);
}

script *script_open(const script_source *source, const script_bounds *bounds, const tepui_host *host, char *problem,
                    size_t size) {
  script *self = calloc(1, sizeof *self);
  if (self != NULL) {
    self->host = host;
    self->memory_limit = bounds->memory_bytes;
    self->work_left = bounds->work;
    self->state = lua_newstate(allocate, self);
  }
  if (self == NULL || self->state == NULL) {
    free(self);
    snprintf(problem, size, "out of memory");
    return NULL;
  }
  *(script **)lua_getextraspace(self->state) = self;
  lua_sethook(self->state, count_instructions, LUA_MASKCOUNT, INSTRUCTIONS_PER_HOOK);
  if (call(self, open_script, source, bounds->work, problem, size)) return self;
  script_close(self);
  return NULL;
}

int script_run(script *self, const script_bounds *bounds, const tepui_allocation_view *view,
               const tepui_grant_sink *sink, char *problem, size_t size) {
  self->view = view;
  self->sink = sink;
  int done = call(self, run_cycle, NULL, bounds->work, problem, size);
  self->view = NULL;
  self->sink = NULL;
  return done;
}
