/* SPDX-License-Identifier: MIT */
#include "ports.h"

#include <string.h>

/* Writing ports. */

static struct qs_output *check_output(lua_State *L, struct qs_state *state) {
  return qs_check(L, state, 1, QS_TYPE_OUTPUT);
}

int qs_output_op_wait(void *self, struct qs_waiter *waiter,
                      struct qs_error *error) {
  return qs_output_wait(self, waiter, error);
}

void qs_output_op_describe(lua_State *L, void *self,
                           struct qs_context *context) {
  struct qs_output *output = self;
  qs_describe_stream(L, output->stream, context);
}

enum qs_status qs_output_check_turn(const struct qs_state *state,
                                    const struct qs_output *output,
                                    struct qs_error *error) {
  bool has_begun = state->current->waiter.queue == &output->writers;
  if (output->stream == NULL || (output->is_closing && !has_begun)) {
    qs_error_state(error, QS_ERROR_CLOSED, "write");
    return QS_FAILED;
  }
  return qs_queue_is_turn(&output->writers, state->current) ? QS_DONE
                                                            : QS_AGAIN;
}

/* --- write --------------------------------------------------------------------- */

/* Where it is, in the numbers of the thread: in which argument, how far in
 * it. */
enum { ARGUMENT, PROGRESS };

static void *write_check(lua_State *L, struct qs_state *state) {
  void *self = check_output(L, state);
  size_t *numbers = state->current->numbers;
  for (int i = lua_gettop(L); i > 1; i--) {
    /* A number becomes its string, in place. */
    if (lua_type(L, i) != LUA_TSTRING) luaL_checkstring(L, i);
  }
  numbers[ARGUMENT] = 2;
  numbers[PROGRESS] = 0;
  return self;
}

static enum qs_status write_arguments(lua_State *L, size_t *numbers,
                                      struct qs_output *output,
                                      struct qs_error *error) {
  size_t last = (size_t)lua_gettop(L);
  for (; numbers[ARGUMENT] <= last; numbers[ARGUMENT]++) {
    size_t size;
    const char *bytes = lua_tolstring(L, (int)numbers[ARGUMENT], &size);
    enum qs_status status =
        qs_output_try_write(output, bytes, size, &numbers[PROGRESS], error);
    if (status != QS_DONE) return status;
    numbers[PROGRESS] = 0;
  }
  return QS_DONE;
}

static bool has_linefeed(lua_State *L) {
  for (int i = lua_gettop(L); i > 1; i--) {
    size_t size;
    const char *bytes = lua_tolstring(L, i, &size);
    if (memchr(bytes, '\n', size) != NULL) return true;
  }
  return false;
}

static enum qs_status send_by_mode(lua_State *L, struct qs_state *state,
                                   struct qs_output *output,
                                   struct qs_error *error) {
  switch (output->mode) {
  case QS_MODE_AUTO:
    qs_output_mark(output, &state->dirty);
    return QS_DONE;
  case QS_MODE_NONE:
    return qs_output_try_flush(output, error);
  case QS_MODE_LINE:
    return has_linefeed(L) ? qs_output_try_flush(output, error) : QS_DONE;
  default:
    return QS_DONE;
  }
}

static int write_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  struct qs_output *output = self;
  enum qs_status status = qs_output_check_turn(state, output, error);
  if (status == QS_DONE)
    status = write_arguments(L, state->current->numbers, output, error);
  if (status == QS_DONE) status = send_by_mode(L, state, output, error);
  return qs_outcome(status, QS_OP_OBJECT);
}

static const struct qs_operation write_operation = {
    .name = "port.write",
    .check = write_check,
    .attempt = write_attempt,
    .wait = qs_output_op_wait,
    .describe = qs_output_op_describe,
};

QS_HOT static int write(lua_State *L) {
  return qs_call(L, qs_state_of(L), &write_operation);
}

/* --- write_some ------------------------------------------------------------------ */

enum { SOME_BYTES = 2, SOME_FIRST, SOME_LAST };

/* As string.sub, but a range outside the string is an error. */
static void *some_check(lua_State *L, struct qs_state *state) {
  size_t size;
  void *self = check_output(L, state);
  size_t *numbers = state->current->numbers;
  luaL_checklstring(L, SOME_BYTES, &size);
  lua_Integer first = luaL_optinteger(L, SOME_FIRST, 1);
  lua_Integer last = luaL_optinteger(L, SOME_LAST, (lua_Integer)size);
  luaL_argcheck(L, first >= 1 && first <= (lua_Integer)size + 1, SOME_FIRST,
                "range outside the string");
  luaL_argcheck(L, last >= first - 1 && last <= (lua_Integer)size, SOME_LAST,
                "range outside the string");
  lua_settop(L, SOME_BYTES);
  numbers[0] = (size_t)first - 1;
  numbers[1] = (size_t)(last - first + 1);
  return self;
}

static int some_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_output *output = self;
  const size_t *numbers = state->current->numbers;
  const char *bytes = lua_tostring(L, -1) + numbers[0];
  size_t taken = 0;
  enum qs_status status = qs_output_check_turn(state, output, error);
  if (status == QS_DONE && numbers[1] > 0)
    status = qs_output_try_write_some(output, bytes, numbers[1], &taken, error);
  if (status == QS_DONE) lua_pushinteger(L, (lua_Integer)taken);
  return qs_outcome(status, 1);
}

const struct qs_operation qs_write_some = {
    .name = "port.write_some",
    .check = some_check,
    .attempt = some_attempt,
    .wait = qs_output_op_wait,
    .describe = qs_output_op_describe,
};

static int write_some(lua_State *L) {
  return qs_call(L, qs_state_of(L), &qs_write_some);
}

/* --- flush ------------------------------------------------------------------------ */

static void *flush_check(lua_State *L, struct qs_state *state) {
  return check_output(L, state);
}

static int flush_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  struct qs_output *output = self;
  (void)L;
  enum qs_status status = qs_output_check_turn(state, output, error);
  if (status == QS_DONE) status = qs_output_try_flush(output, error);
  return qs_outcome(status, QS_OP_OBJECT);
}

const struct qs_operation qs_flush = {
    .name = "port.flush",
    .check = flush_check,
    .attempt = flush_attempt,
    .wait = qs_output_op_wait,
    .describe = qs_output_op_describe,
};

QS_HOT static int flush(lua_State *L) {
  return qs_call(L, qs_state_of(L), &qs_flush);
}

/* --- close and abandon ------------------------------------------------------------------ */

/* Stack: port, sends_fin.  New writes are refused from the first attempt on;
 * then those that had begun have their turn, then what is left is flushed.  A
 * failure is told once and closes the port all the same. */
static int close_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  struct qs_output *output = self;
  if (output->stream == NULL) return 0;
  output->is_closing = true;
  if (!qs_queue_is_turn(&output->writers, state->current)) return QS_OP_AGAIN;
  bool sends_fin = lua_toboolean(L, 2);
  enum qs_status status = sends_fin ? qs_output_try_end(output, error)
                                    : qs_output_try_flush(output, error);
  if (status == QS_AGAIN) return QS_OP_AGAIN;
  qs_output_close(output, sends_fin);
  return qs_outcome(status, 0);
}

static const struct qs_operation close_operation = {
    .name = "port.close",
    .attempt = close_attempt,
    .wait = qs_output_op_wait,
    .describe = qs_output_op_describe,
};

/* Where nobody can wait, one attempt to send must do; in a thread being killed
 * not even that. */
static void close_at_once(const struct qs_state *state,
                          struct qs_output *output, bool sends_fin) {
  struct qs_error unused;
  if (output->stream != NULL && !state->current->is_dying)
    qs_output_try_flush(output, &unused);
  qs_output_close(output, sends_fin);
}

static int end_output(lua_State *L, bool sends_fin) {
  struct qs_state *state = qs_state_of(L);
  struct qs_output *output = check_output(L, state);
  if (output->stream == NULL) return 0;
  if (!qs_can_wait(L, state)) {
    close_at_once(state, output, sends_fin);
    return 0;
  }
  lua_settop(L, 1);
  lua_pushboolean(L, sends_fin);
  return qs_operate(L, state, &close_operation, output);
}

static int close_output(lua_State *L) {
  return end_output(L, true);
}

static int abandon_output(lua_State *L) {
  return end_output(L, false);
}

static int output_gc(lua_State *L) {
  struct qs_output *output = lua_touserdata(L, 1);
  struct qs_error unused;
  if (output->stream != NULL) qs_output_try_flush(output, &unused);
  qs_output_close(output, true);
  qs_retire(L);
  return 0;
}

/* --- the rest ----------------------------------------------------------------------------- */

bool qs_output_op_is_closed(const struct qs_output *output) {
  return output->stream == NULL || output->is_closing;
}

bool qs_output_op_is_ready(const struct qs_state *state,
                           struct qs_output *output) {
  if (qs_output_op_is_closed(output)) return true;
  return qs_queue_is_turn(&output->writers, state->current) &&
         qs_output_is_ready(output);
}

static int ready(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_output *output = check_output(L, state);
  lua_pushboolean(L, qs_output_op_is_ready(state, output));
  return 1;
}

static int is_closed(lua_State *L) {
  struct qs_output *output = check_output(L, qs_state_of(L));
  lua_pushboolean(L, qs_output_op_is_closed(output));
  return 1;
}

static int is_output(lua_State *L) {
  lua_pushboolean(L, qs_to(L, qs_state_of(L), 1, QS_TYPE_OUTPUT) != NULL);
  return 1;
}

static int output_tostring(lua_State *L) {
  struct qs_output *output = lua_touserdata(L, 1);
  char text[QS_ADDRESS_TEXT];
  if (output->stream == NULL)
    lua_pushliteral(L, "output port (closed)");
  else
    lua_pushfstring(L, "output port (%s port %d)",
                    qs_address_text(&output->stream->peer, text),
                    (int)qs_address_port(&output->stream->peer));
  return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", output_gc},
    {"__close", close_output},
    {"__tostring", output_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"ready", ready},
    {"close", close_output},
    {"abandon", abandon_output},
    {"is_closed", is_closed},
    {"buffer_mode", qs_output_buffer_mode},
    {"setvbuf", qs_output_setvbuf},
    {"write", write},
    {"write_some", write_some},
    {"flush", flush},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"is_output", is_output},
    {NULL, NULL},
};

void qs_open_output(lua_State *L, struct qs_state *state) {
  qs_new_type(L, state, QS_TYPE_OUTPUT, "quayside.output", metamethods,
              methods);
  qs_set_functions(L, state, functions);
}
