/* The script's world: the libraries of Lua without what reads files, clocks or the environment, what differs from run to
 * run (the order of pairs, addresses, random seeds), and what could work for ever without an instruction being counted
 * (patterns, coroutines, finalizers, pcall around an endless loop). */
#include "script.h"

/* A number, a string, a boolean or a proxy: what has a value of its own, the same in every run. */
static int has_value(lua_State *state, int index) {
  int type = lua_type(state, index);
  return type == LUA_TNIL || type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN ||
         type == LUA_TLIGHTUSERDATA;
}

/* Lua's own gives the address of a table or function, which differs from run to run. */
static int to_string(lua_State *state) {
  luaL_checkany(state, 1);
  if (has_value(state, 1)) luaL_tolstring(state, 1, NULL);
  else lua_pushstring(state, luaL_typename(state, 1));
  return 1;
}

static int format(lua_State *state) {
  const char *text = luaL_checkstring(state, 1);
  if (strstr(text, "%p") != NULL) return luaL_argerror(state, 1, "%p differs from run to run");
  for (int index = 2; index <= lua_gettop(state); index++)
    if (!has_value(state, index)) return luaL_argerror(state, index, "no value that has a text");
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, lua_gettop(state) - 1, 1);
  return 1;
}

static int print(lua_State *state) {
  luaL_Buffer line;
  int count = lua_gettop(state);
  luaL_buffinit(state, &line);
  for (int index = 1; index <= count; index++) {
    if (index > 1) luaL_addchar(&line, ' ');
    lua_pushcfunction(state, to_string);
    lua_pushvalue(state, index);
    lua_call(state, 1, 1);
    luaL_addvalue(&line);
  }
  luaL_pushresult(&line);
  tepui_log(script_of(state)->host, TEPUI_LOG_INFO, "%s", lua_tostring(state, -1));
  return 0;
}

/* Finalizers run where instructions are not counted. */
static int set_metatable(lua_State *state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  if (lua_istable(state, 2) && (lua_pushstring(state, "__gc"), lua_rawget(state, 2)) != LUA_TNIL)
    return luaL_argerror(state, 2, "__gc is not offered here");
  lua_settop(state, 2);
  lua_setmetatable(state, 1);
  return 1;
}

/* ---- Order --------------------------------------------------------------------------------------------------- */

static int is_less(lua_State *state, int left, int right, int has_function) {
  if (!has_function) return lua_compare(state, left, right, LUA_OPLT);
  lua_pushvalue(state, 2);
  lua_pushvalue(state, left < 0 ? left - 1 : left);
  lua_pushvalue(state, right < 0 ? right - 2 : right);
  lua_call(state, 2, 1);
  int less = lua_toboolean(state, -1);
  lua_pop(state, 1);
  return less;
}

/* Merges two neighbouring sorted runs of table `from` into table `to`. */
static void merge(lua_State *state, int from, int to, lua_Integer start, lua_Integer middle, lua_Integer end,
                  int has_function) {
  lua_Integer left = start, right = middle;
  for (lua_Integer out = start; out < end; out++) {
    int takes_right = left >= middle;
    if (left < middle && right < end) {
      lua_rawgeti(state, from, right);
      lua_rawgeti(state, from, left);
      takes_right = is_less(state, -2, -1, has_function);
      lua_pop(state, 2);
    }
    lua_rawgeti(state, from, takes_right ? right++ : left++);
    lua_rawseti(state, to, out);
  }
}

/* table.sort, but stable, and always with the same comparisons: Lua's own reads the clock to choose a pivot. */
static int sort(lua_State *state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  int has_function = !lua_isnoneornil(state, 2);
  if (has_function) luaL_checktype(state, 2, LUA_TFUNCTION);
  lua_settop(state, 2);
  lua_Integer end = (lua_Integer)lua_rawlen(state, 1) + 1;
  lua_createtable(state, end > 100000000 ? 0 : (int)end, 0);
  int from = 1, to = 3;
  for (lua_Integer width = 1; width < end - 1; width *= 2) {
    script_charge(state, end);
    for (lua_Integer start = 1; start < end; start += 2 * width) {
      lua_Integer middle = start + width < end ? start + width : end;
      merge(state, from, to, start, middle, middle + width < end ? middle + width : end, has_function);
    }
    int other = from;
    from = to;
    to = other;
  }
  for (lua_Integer index = 1; from != 1 && index < end; index++) {
    lua_rawgeti(state, from, index);
    lua_rawseti(state, 1, index);
  }
  return 0;
}

static int next_key(lua_State *state) {
  lua_Integer index = lua_tointeger(state, lua_upvalueindex(2));
  while (lua_rawgeti(state, lua_upvalueindex(1), ++index) != LUA_TNIL) {
    lua_pushvalue(state, -1);
    /* A key may have been removed meanwhile. */
    if (lua_rawget(state, 1) != LUA_TNIL) {
      lua_pushinteger(state, index);
      lua_replace(state, lua_upvalueindex(2));
      return 2;
    }
    lua_pop(state, 2);
  }
  return 1;
}

static int rank(int type) {
  return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : type == LUA_TLIGHTUSERDATA ? 2 : 3;
}

/* Numbers, then strings, then proxies by id, then booleans. */
static int key_is_less(lua_State *state) {
  int left = lua_type(state, 1), right = lua_type(state, 2), less;
  if (left != right) less = rank(left) < rank(right);
  else if (left == LUA_TLIGHTUSERDATA) less = (uintptr_t)lua_touserdata(state, 1) < (uintptr_t)lua_touserdata(state, 2);
  else if (left == LUA_TBOOLEAN) less = lua_toboolean(state, 1) < lua_toboolean(state, 2);
  else less = lua_compare(state, 1, 2, LUA_OPLT);
  lua_pushboolean(state, less);
  return 1;
}

/* pairs, but in an order that is the same in every run, which that of Lua's own is not. */
static int pairs(lua_State *state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  lua_settop(state, 1);
  lua_pushcfunction(state, sort);
  lua_newtable(state);
  lua_Integer count = 0;
  for (lua_pushnil(state); lua_next(state, 1) != 0;) {
    lua_pop(state, 1);
    if (!has_value(state, -1))
      return luaL_error(state, "pairs: the table has a %s as a key, which has no order", luaL_typename(state, -1));
    lua_pushvalue(state, -1);
    lua_rawseti(state, 3, ++count);
  }
  script_charge(state, count);
  lua_pushvalue(state, 3);
  lua_insert(state, 2);
  lua_pushcfunction(state, key_is_less);
  lua_call(state, 2, 0);
  lua_pushinteger(state, 0);
  lua_pushcclosure(state, next_key, 2);
  lua_insert(state, 1);
  return 2;
}

/* ---- Libraries ----------------------------------------------------------------------------------------------- */

/* A library function, charged for the length of its first argument. */
static int charged(lua_State *state) {
  if (lua_gettop(state) > lua_tointeger(state, lua_upvalueindex(2))) script_charge(state, (int64_t)lua_rawlen(state, 1));
  return lua_tocfunction(state, lua_upvalueindex(1))(state);
}

/* Copies functions of the library on top of the stack into the table at `target`; with up to `free_arguments` arguments
 * they cost nothing but their instruction. */
static void pick(lua_State *state, int target, const char *const *names, int free_arguments) {
  for (; *names != NULL; names++) {
    lua_getfield(state, -1, *names);
    lua_pushinteger(state, free_arguments);
    lua_pushcclosure(state, charged, 2);
    lua_setfield(state, target, *names);
  }
}

static void set(lua_State *state, const char *name, lua_CFunction function) {
  lua_pushcfunction(state, function);
  lua_setfield(state, -2, name);
}

static void open_base(lua_State *state) {
  static const char *const removed[] = {"collectgarbage", "dofile", "load", "loadfile", "next", "pcall", "xpcall",
                                        "warn", NULL};
  luaL_requiref(state, LUA_GNAME, luaopen_base, 1);
  for (const char *const *name = removed; *name != NULL; name++) {
    lua_pushnil(state);
    lua_setfield(state, -2, *name);
  }
  set(state, "pairs", pairs);
  set(state, "print", print);
  set(state, "setmetatable", set_metatable);
  set(state, "tostring", to_string);
  lua_pop(state, 1);
}

static void open_table(lua_State *state) {
  lua_newtable(state);
  int target = lua_gettop(state);
  luaL_requiref(state, LUA_TABLIBNAME, luaopen_table, 0);
  pick(state, target, (const char *const[]){"concat", "unpack", NULL}, 0);
  pick(state, target, (const char *const[]){"remove", NULL}, 1);
  pick(state, target, (const char *const[]){"insert", NULL}, 2);
  lua_pop(state, 1);
  set(state, "sort", sort);
  lua_setglobal(state, LUA_TABLIBNAME);
}

static void open_string(lua_State *state) {
  lua_newtable(state);
  int target = lua_gettop(state);
  luaL_requiref(state, LUA_STRLIBNAME, luaopen_string, 0);
  pick(state, target, (const char *const[]){"byte", "char", "len", "lower", "rep", "reverse", "sub", "upper", NULL}, 0);
  lua_getfield(state, -1, "format");
  lua_pushcclosure(state, format, 1);
  lua_setfield(state, target, "format");
  /* Methods of strings come from the same table. */
  lua_pushliteral(state, "");
  lua_getmetatable(state, -1);
  lua_pushvalue(state, target);
  lua_setfield(state, -2, "__index");
  lua_settop(state, target);
  lua_setglobal(state, LUA_STRLIBNAME);
}

/* math.randomseed stays in the registry for the module itself. */
static void open_math(lua_State *state) {
  luaL_requiref(state, LUA_MATHLIBNAME, luaopen_math, 1);
  lua_getfield(state, -1, "randomseed");
  lua_setfield(state, LUA_REGISTRYINDEX, "randomseed");
  lua_pushnil(state);
  lua_setfield(state, -2, "randomseed");
  lua_pop(state, 1);
}

void script_open_world(lua_State *state) {
  open_base(state);
  open_table(state);
  open_string(state);
  open_math(state);
}
