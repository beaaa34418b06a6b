/* SPDX-License-Identifier: MIT */
#include "binding.h"

#include <errno.h>

static const char error_metatable; /* registry key */

static void set_string(lua_State *L, const char *key, const char *value) {
  if (value == NULL || value[0] == '\0') return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

void qs_push_kind(lua_State *L, const char *kind, const char *code,
                  const char *message) {
  lua_createtable(L, 0, 8);
  set_string(L, "kind", kind);
  set_string(L, "code", code);
  set_string(L, "message", message);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &error_metatable);
  lua_setmetatable(L, -2);
}

void qs_push_error(lua_State *L, const struct qs_context *context,
                   const struct qs_error *error) {
  char code[16];
  char words[128];
  char address[QS_ADDRESS_TEXT];
  qs_push_kind(L, "network", qs_error_code(error, code),
               qs_error_words(error, words, sizeof words));
  set_string(L, "op", context->op);
  if (context->host != NULL) {
    lua_pushstring(L, context->host); /* the empty name, too */
    lua_setfield(L, -2, "hostname");
  }
  if (context->port >= 0) set_integer(L, "port", context->port);
  if (error->kind == QS_ERROR_POSIX) set_integer(L, "errno", error->code);
  set_string(L, "address", qs_address_text(&error->address, address));
}

int qs_raise(lua_State *L, const struct qs_context *context,
             const struct qs_error *error) {
  qs_push_error(L, context, error);
  return lua_error(L);
}

int qs_raise_closed(lua_State *L, const char *op) {
  struct qs_context context = {op, NULL, -1};
  struct qs_error error;
  qs_error_state(&error, QS_ERROR_CLOSED, op);
  return qs_raise(L, &context, &error);
}

int qs_raise_kill(lua_State *L) {
  qs_push_kind(L, "kill", "kill", "the thread has been killed");
  return lua_error(L);
}

int qs_raise_break(lua_State *L, enum qs_break kind) {
  static const char *const codes[] = {"", "break", "hang-up", "terminate"};
  static const char *const words[] = {"", "user break", "hang-up", "terminate"};
  qs_push_kind(L, "break", codes[kind], words[kind]);
  return lua_error(L);
}

bool qs_is_out_of_descriptors(const struct qs_error *error) {
  return error->kind == QS_ERROR_POSIX &&
         (error->code == EMFILE || error->code == ENFILE);
}

/* core.error_metatable: error.lua adds the methods. */
void qs_open_error(lua_State *L, struct qs_state *state) {
  (void)state;
  lua_createtable(L, 0, 4);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &error_metatable);
  lua_setfield(L, -2, "error_metatable");
}
