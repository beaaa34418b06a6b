/* SPDX-License-Identifier: MIT */
#include "ports.h"

/*
 * Buffer modes of ports.
 *
 * Source: the Racket reference, file-stream-buffer-mode; setvbuf has the names
 * of Lua's files.
 */

/* --- reading ports ---------------------------------------------------------- */

static struct qs_input *check_input(lua_State *L, struct qs_state *state) {
  return qs_check(L, state, 1, QS_TYPE_INPUT);
}

/* input:buffer_mode([mode]) -> mode */
int qs_input_buffer_mode(lua_State *L) {
  static const char *const modes[] = {"none", "block", NULL};
  struct qs_input *input = check_input(L, qs_state_of(L));
  if (!lua_isnoneornil(L, 2)) {
    bool is_unbuffered = luaL_checkoption(L, 2, NULL, modes) == 0;
    if (input->stream == NULL) return qs_raise_closed(L, "port.buffer_mode");
    input->is_unbuffered = is_unbuffered;
  }
  if (input->stream == NULL) return qs_raise_closed(L, "port.buffer_mode");
  lua_pushstring(L, input->is_unbuffered ? "none" : "block");
  return 1;
}

/* input:setvbuf("no" | "full") -> true */
int qs_input_setvbuf(lua_State *L) {
  static const char *const modes[] = {"no", "full", NULL};
  struct qs_input *input = check_input(L, qs_state_of(L));
  bool is_unbuffered = luaL_checkoption(L, 2, NULL, modes) == 0;
  if (input->stream == NULL) return qs_raise_closed(L, "port.setvbuf");
  input->is_unbuffered = is_unbuffered;
  lua_pushboolean(L, 1);
  return 1;
}

/* --- writing ports ---------------------------------------------------------- */

static struct qs_output *check_output(lua_State *L, struct qs_state *state) {
  return qs_check(L, state, 1, QS_TYPE_OUTPUT);
}

static const char *const mode_names[] = {
    [QS_MODE_NONE] = "none",
    [QS_MODE_LINE] = "line",
    [QS_MODE_BLOCK] = "block",
    [QS_MODE_AUTO] = "auto",
    NULL,
};

/* Stack: port, mode.  The new mode holds from here on; what was buffered under
 * the old one goes out, unless the new one would have kept it. */
static int mode_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_output *output = self;
  int mode = (int)lua_tointeger(L, 2);
  enum qs_status status = qs_output_check_turn(state, output, error);
  if (status == QS_FAILED) return QS_OP_FAILED;
  output->mode = (unsigned char)mode;
  if (status == QS_DONE && mode != QS_MODE_BLOCK)
    status = qs_output_try_flush(output, error);
  if (status == QS_DONE) lua_pushvalue(L, 3);
  return qs_outcome(status, 1);
}

static void *mode_check(lua_State *L, struct qs_state *state) {
  void *self = check_output(L, state);
  int mode = luaL_checkoption(L, 2, NULL, mode_names);
  lua_settop(L, 1);
  lua_pushinteger(L, mode);
  lua_pushstring(L, mode_names[mode]);
  return self;
}

static const struct qs_operation set_mode = {
    .name = "port.buffer_mode",
    .check = mode_check,
    .attempt = mode_attempt,
    .wait = qs_output_op_wait,
    .describe = qs_output_op_describe,
};

/* output:buffer_mode([mode]) -> mode */
int qs_output_buffer_mode(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_output *output = check_output(L, state);
  if (!lua_isnoneornil(L, 2)) {
    mode_check(L, state);
    return qs_operate(L, state, &set_mode, output);
  }
  if (output->stream == NULL) return qs_raise_closed(L, "port.buffer_mode");
  lua_pushstring(L, mode_names[output->mode]);
  return 1;
}

/* output:setvbuf("no" | "line" | "full") -> true */
static void *setvbuf_check(lua_State *L, struct qs_state *state) {
  static const char *const names[] = {"no", "line", "full", NULL};
  void *self = check_output(L, state);
  int mode = luaL_checkoption(L, 2, NULL, names);
  lua_settop(L, 1);
  lua_pushinteger(L, mode); /* the first three of enum qs_buffer_mode */
  lua_pushboolean(L, 1);
  return self;
}

static const struct qs_operation setvbuf_operation = {
    .name = "port.setvbuf",
    .check = setvbuf_check,
    .attempt = mode_attempt,
    .wait = qs_output_op_wait,
    .describe = qs_output_op_describe,
};

int qs_output_setvbuf(lua_State *L) {
  return qs_call(L, qs_state_of(L), &setvbuf_operation);
}
