/* SPDX-License-Identifier: MIT */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

static const char remembered; /* registry key of the weak table */

/* Runs last of all finalizers at lua_close, because its metatable is set
 * first. */
static int state_gc(lua_State *L) {
  struct qs_state *state = lua_touserdata(L, 1);
  qs_interrupt_close(state);
  if (state->orphan != NULL) {
    qs_stream_close_output(state->orphan, false);
    qs_stream_close_input(state->orphan);
  }
  qs_forget_spares(state);
  qs_resolver_free(state->resolver);
  qs_custodian_release(state->root);
  qs_loop_free(state->loop);
  memset(state, 0, sizeof *state);
  return 0;
}

static void make_weak_table(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &remembered);
}

struct qs_state *qs_state_new(lua_State *L) {
  static const struct qs_context context = {"quayside", NULL, -1};
  struct qs_error error;
  struct qs_state *state = lua_newuserdatauv(L, sizeof *state, 0);
  memset(state, 0, sizeof *state);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, state_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  make_weak_table(L);
  LIST_INIT(&state->dirty);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  state->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  state->loop = qs_loop_new(&error);
  if (state->loop != NULL) {
    state->loop->owner = state;
    state->root = qs_custodian_new(state->loop, NULL, &error);
    if (state->root != NULL)
      state->resolver = qs_resolver_new(state->loop, &error);
  }
  if (state->resolver == NULL) qs_raise(L, &context, &error);
  return state;
}

void qs_set_functions(lua_State *L, struct qs_state *state,
                      const luaL_Reg *functions) {
  lua_pushlightuserdata(L, state);
  luaL_setfuncs(L, functions, 1);
}

void qs_new_library(lua_State *L, struct qs_state *state,
                    const luaL_Reg *functions) {
  lua_newtable(L);
  qs_set_functions(L, state, functions);
}

void qs_new_type(lua_State *L, struct qs_state *state, enum qs_type type,
                 const char *name, const luaL_Reg *metamethods,
                 const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  state->metatables[type] = lua_topointer(L, -1);
  qs_set_functions(L, state, metamethods);
  qs_new_library(L, state, methods);
  lua_setfield(L, -2, "__index");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &state->metatables[type]);
}

void qs_push_metatable(lua_State *L, struct qs_state *state,
                       enum qs_type type) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state->metatables[type]);
}

void *qs_push_new(lua_State *L, struct qs_state *state, enum qs_type type,
                  size_t size, int values) {
  size_t marked = (size + 2 * sizeof(void *) - 1) / sizeof(void *);
  marked *= sizeof(void *);
  void *object = lua_newuserdatauv(L, marked, values);
  memset(object, 0, marked);
  *qs_mark_of(object, marked) = &state->metatables[type];
  state->sizes[type] = marked;
  qs_push_metatable(L, state, type);
  lua_setmetatable(L, -2);
  return object;
}

void qs_retire(lua_State *L) {
  *qs_mark_of(lua_touserdata(L, 1), lua_rawlen(L, 1)) = NULL;
}

int qs_raise_type(lua_State *L, struct qs_state *state, int index,
                  enum qs_type type) {
  qs_push_metatable(L, state, type);
  lua_getfield(L, -1, "__name");
  return luaL_typeerror(L, index, lua_tostring(L, -1));
}

void qs_remember(lua_State *L, const void *address, int index) {
  index = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &remembered);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, address);
  lua_pop(L, 1);
}

bool qs_recall(lua_State *L, const void *address) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &remembered);
  lua_rawgetp(L, -1, address);
  lua_remove(L, -2);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

double qs_check_seconds(lua_State *L, int index) {
  lua_Number seconds = luaL_checknumber(L, index);
  luaL_argcheck(L, seconds >= 0, index, "seconds must not be negative");
  return seconds;
}

uint16_t qs_check_port(lua_State *L, int index, lua_Integer least) {
  int is_integer = 0;
  lua_Integer port = lua_tointegerx(L, index, &is_integer);
  if (lua_type(L, index) != LUA_TNUMBER)
    luaL_typeerror(L, index, "integer port number");
  if (!is_integer)
    luaL_argerror(L, index, "port number has no integer representation");
  if (port < least || port > UINT16_MAX)
    luaL_argerror(
        L, index,
        lua_pushfstring(L, "port number %I not in %I..65535", port, least));
  return (uint16_t)port;
}

const char *qs_check_host(lua_State *L, int index) {
  size_t length;
  if (lua_type(L, index) != LUA_TSTRING) luaL_typeerror(L, index, "string");
  const char *host = lua_tolstring(L, index, &length);
  if (strlen(host) != length)
    luaL_argerror(L, index, "host name contains a NUL byte");
  return host;
}

const char *qs_opt_host(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? NULL : qs_check_host(L, index);
}
