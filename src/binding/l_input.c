/* SPDX-License-Identifier: MIT */
#include "ports.h"

/*
 * Reading ports.  Each operation finds bytes, pushes them, then consumes them:
 * a memory error in between takes nothing.
 */

static struct qs_input *check_input(lua_State *L, struct qs_state *state) {
  return qs_check(L, state, 1, QS_TYPE_INPUT);
}

void qs_input_op_look(void *self) {
  qs_input_look(self);
}

int qs_input_op_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  return qs_input_wait(self, waiter, error);
}

void qs_describe_stream(lua_State *L, const struct qs_stream *stream,
                        struct qs_context *context) {
  char text[QS_ADDRESS_TEXT];
  if (stream == NULL) return;
  context->host = lua_pushstring(L, qs_address_text(&stream->peer, text));
  context->port = qs_address_port(&stream->peer);
}

void qs_input_op_describe(lua_State *L, void *self,
                          struct qs_context *context) {
  struct qs_input *input = self;
  qs_describe_stream(L, input->stream, context);
}

/* What a try found, as results; `count` bytes are consumed. */
static int deliver(lua_State *L, struct qs_input *input, enum qs_status status,
                   const struct qs_found *found) {
  switch (status) {
  case QS_DONE:
    lua_pushlstring(L, found->bytes, found->length);
    qs_input_consume(input, found->taken);
    return 1;
  case QS_EOF:
    lua_pushnil(L);
    return 1;
  case QS_AGAIN:
    return QS_OP_AGAIN;
  default:
    return QS_OP_FAILED;
  }
}

/* --- read_line --------------------------------------------------------------- */

/* Asked without one, as most often, it need not look at names. */
enum qs_line_end qs_check_line_end(lua_State *L, int index) {
  static const char *const names[] = {"linefeed", "return",  "return-linefeed",
                                      "any",      "any-one", NULL};
  if (lua_isnoneornil(L, index)) return QS_LINE_LINEFEED;
  return (enum qs_line_end)luaL_checkoption(L, index, NULL, names);
}

static void *line_check(lua_State *L, struct qs_state *state) {
  void *self = check_input(L, state);
  state->current->numbers[0] = qs_check_line_end(L, 2);
  return self;
}

QS_HOT static int line_attempt(lua_State *L, struct qs_state *state, void *self,
                               struct qs_error *error) {
  struct qs_input *input = self;
  struct qs_found found;
  if (qs_input_must_queue(state, input)) return QS_OP_AGAIN;
  enum qs_line_end end = (enum qs_line_end)state->current->numbers[0];
  enum qs_status status = qs_input_try_line(input, 0, end, &found, error);
  return deliver(L, input, status, &found);
}

const struct qs_operation qs_read_line = {
    .name = "port.read_line",
    .check = line_check,
    .look = qs_input_op_look,
    .attempt = line_attempt,
    .wait = qs_input_op_wait,
    .describe = qs_input_op_describe,
};

QS_HOT static int read_line(lua_State *L) {
  return qs_call(L, qs_state_of(L), &qs_read_line);
}

/* --- read_some ---------------------------------------------------------------- */

size_t qs_check_count(lua_State *L, int index, lua_Integer least) {
  lua_Integer count = luaL_checkinteger(L, index);
  luaL_argcheck(L, count >= least, index, "count out of range");
  return (size_t)count;
}

static void *some_check(lua_State *L, struct qs_state *state) {
  void *self = check_input(L, state);
  state->current->numbers[0] =
      lua_isnoneornil(L, 2) ? SIZE_MAX : qs_check_count(L, 2, 1);
  return self;
}

QS_HOT static int some_attempt(lua_State *L, struct qs_state *state, void *self,
                               struct qs_error *error) {
  struct qs_input *input = self;
  struct qs_found found;
  size_t most = state->current->numbers[0];
  if (qs_input_must_queue(state, input)) return QS_OP_AGAIN;
  enum qs_status status = qs_input_try_some(input, most, &found, error);
  return deliver(L, input, status, &found);
}

const struct qs_operation qs_read_some = {
    .name = "port.read_some",
    .check = some_check,
    .look = qs_input_op_look,
    .attempt = some_attempt,
    .wait = qs_input_op_wait,
    .describe = qs_input_op_describe,
};

QS_HOT static int read_some(lua_State *L) {
  return qs_call(L, qs_state_of(L), &qs_read_some);
}

/* --- read_bytes: what read_evt(n) waits for --------------------------------------- */

static int bytes_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  struct qs_input *input = self;
  struct qs_found found;
  size_t count = state->current->numbers[0];
  if (qs_input_must_queue(state, input)) return QS_OP_AGAIN;
  enum qs_status status = qs_input_try_bytes(input, 0, count, &found, error);
  return deliver(L, input, status, &found);
}

const struct qs_operation qs_read_bytes = {
    .name = "port.read",
    .look = qs_input_op_look,
    .attempt = bytes_attempt,
    .describe = qs_input_op_describe,
};

/* --- peek ------------------------------------------------------------------------ */

static void *peek_check(lua_State *L, struct qs_state *state) {
  void *self = check_input(L, state);
  size_t *numbers = state->current->numbers;
  numbers[0] = qs_check_count(L, 2, 0);
  numbers[1] = lua_isnoneornil(L, 3) ? 0 : qs_check_count(L, 3, 0);
  return self;
}

/* Takes nothing, so it need not queue. */
static int peek_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_input *input = self;
  const size_t *numbers = state->current->numbers;
  struct qs_found found;
  enum qs_status status =
      qs_input_try_bytes(input, numbers[1], numbers[0], &found, error);
  found.taken = 0;
  return deliver(L, input, status, &found);
}

/* Behind those who read, but hearing of every arrival. */
static int peek_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  waiter->takes = false;
  return qs_input_wait(self, waiter, error);
}

const struct qs_operation qs_peek = {
    .name = "port.peek",
    .check = peek_check,
    .look = qs_input_op_look,
    .attempt = peek_attempt,
    .wait = peek_wait,
    .describe = qs_input_op_describe,
};

static int peek(lua_State *L) {
  return qs_call(L, qs_state_of(L), &qs_peek);
}

/* --- the rest ------------------------------------------------------------------------ */

static int ready(lua_State *L) {
  lua_pushboolean(L, qs_input_is_ready(check_input(L, qs_state_of(L))));
  return 1;
}

static int close_input(lua_State *L) {
  qs_input_close(check_input(L, qs_state_of(L)));
  return 0;
}

static int input_release(lua_State *L) {
  qs_input_close(lua_touserdata(L, 1));
  return 0;
}

static int input_gc(lua_State *L) {
  input_release(L);
  qs_retire(L);
  return 0;
}

static int is_closed(lua_State *L) {
  lua_pushboolean(L, check_input(L, qs_state_of(L))->stream == NULL);
  return 1;
}

static size_t limit_field(lua_State *L, const char *name, size_t present) {
  lua_Integer limit;
  int is_integer;
  if (lua_getfield(L, 2, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return present;
  }
  limit = lua_tointegerx(L, -1, &is_integer);
  luaL_argcheck(L, is_integer && limit > 0, 2,
                "a limit is a positive integer number of bytes");
  lua_pop(L, 1);
  return (size_t)limit;
}

/* input:set_limit{line = bytes, all = bytes} */
static int set_limit(lua_State *L) {
  struct qs_input *input = check_input(L, qs_state_of(L));
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t line = limit_field(L, "line", input->line_limit);
  size_t all = limit_field(L, "all", input->all_limit);
  input->line_limit = line;
  input->all_limit = all;
  return 0;
}

static int is_input(lua_State *L) {
  lua_pushboolean(L, qs_to(L, qs_state_of(L), 1, QS_TYPE_INPUT) != NULL);
  return 1;
}

static int input_tostring(lua_State *L) {
  struct qs_input *input = lua_touserdata(L, 1);
  char text[QS_ADDRESS_TEXT];
  if (input->stream == NULL)
    lua_pushliteral(L, "input port (closed)");
  else
    lua_pushfstring(L, "input port (%s port %d)",
                    qs_address_text(&input->stream->peer, text),
                    (int)qs_address_port(&input->stream->peer));
  return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", input_gc},
    {"__close", input_release},
    {"__tostring", input_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"ready", ready},
    {"close", close_input},
    {"abandon", close_input},
    {"is_closed", is_closed},
    {"buffer_mode", qs_input_buffer_mode},
    {"setvbuf", qs_input_setvbuf},
    {"set_limit", set_limit},
    {"read", qs_read},
    {"read_line", read_line},
    {"read_some", read_some},
    {"peek", peek},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"is_input", is_input},
    {NULL, NULL},
};

void qs_open_input(lua_State *L, struct qs_state *state) {
  qs_new_type(L, state, QS_TYPE_INPUT, "quayside.input", metamethods, methods);
  qs_set_functions(L, state, functions);
}
