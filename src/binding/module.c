/* SPDX-License-Identifier: MIT */
#include "binding.h"

/*
 * quayside.core: what the modules in lua/quayside are made of.  Not an
 * interface for programs.
 */

static const char state_key; /* registry key: keeps the state alive */

/* core.methods_of(name): where a type's methods are, for the modules to add
 * to. */
static int methods_of(lua_State *L) {
  luaL_getmetatable(L, luaL_checkstring(L, 1));
  luaL_argcheck(L, lua_istable(L, -1), 1, "no such type");
  lua_getfield(L, -1, "__index");
  return 1;
}

/* core.metatable_of(name) */
static int metatable_of(lua_State *L) {
  luaL_getmetatable(L, luaL_checkstring(L, 1));
  return 1;
}

static int open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"methods_of", methods_of},
      {"metatable_of", metatable_of},
      {NULL, NULL},
  };
  struct qs_state *state = qs_state_new(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
  qs_new_library(L, state, functions);
  qs_open_error(L, state);
  qs_open_lookup(L, state);
  qs_open_custodian(L, state);
  qs_open_thread(L, state);
  qs_open_watch(L, state);
  qs_open_event(L, state);
  qs_open_end_evt(L, state);
  qs_open_sync(L, state);
  qs_open_coroutine(L, state);
  qs_open_listener(L, state);
  qs_open_listener_evt(L, state);
  qs_open_connect(L, state);
  qs_open_input(L, state);
  qs_open_output(L, state);
  qs_open_port_evt(L, state);
  qs_open_udp(L, state);
  qs_open_address(L, state);
  qs_interrupt_open(L, state);
  return 1;
}

__attribute__((visibility("default"))) int luaopen_quayside_core(lua_State *L);

int luaopen_quayside_core(lua_State *L) {
  luaL_checkversion(L);
  return open(L);
}
