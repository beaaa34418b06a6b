/* SPDX-License-Identifier: MIT */
#include "binding.h"

#include <string.h>

/* Writing ports. */

static const char *const mode_names[] = {
    [QS_MODE_NONE] = "none",
    [QS_MODE_LINE] = "line",
    [QS_MODE_BLOCK] = "block",
    [QS_MODE_AUTO] = "auto",
    NULL,
};

static struct qs_output *check_output(lua_State *L, struct qs_state *state) {
  return qs_check(L, state, 1, QS_TYPE_OUTPUT);
}

static int output_wait(void *self, struct qs_waiter *waiter,
                       struct qs_error *error) {
  return qs_output_wait(self, waiter, error);
}

static void output_describe(lua_State *L, void *self,
                            struct qs_context *context) {
  struct qs_output *output = self;
  qs_describe_stream(L, output->stream, context);
}

static int as_results(enum qs_status status, int results) {
  if (status == QS_DONE) return results;
  return status == QS_AGAIN ? QS_OP_AGAIN : QS_OP_FAILED;
}

/* A call that begins once the port is closing is refused; one that had begun
 * (it stands in the queue) is not.  QS_AGAIN: somebody else has the turn. */
static enum qs_status check_turn(const struct qs_state *state,
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

static void *write_check(lua_State *L, struct qs_state *state) {
  void *self = check_output(L, state);
  for (int i = lua_gettop(L); i > 1; i--)
    luaL_checkstring(L, i); /* a number becomes its string, in place */
  return self;
}

/* Where it stopped is kept in the thread: which argument, how far in it. */
static enum qs_status write_arguments(lua_State *L, struct qs_thread *thread,
                                      struct qs_output *output,
                                      struct qs_error *error) {
  enum qs_status status = QS_DONE;
  int count = lua_gettop(L) - 1;
  while (status == QS_DONE && thread->argument < count) {
    size_t size;
    const char *bytes = lua_tolstring(L, 2 + thread->argument, &size);
    status = qs_output_try_write(output, bytes, size, &thread->progress, error);
    if (status == QS_DONE) {
      thread->argument++;
      thread->progress = 0;
    }
  }
  return status;
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
  enum qs_status status = check_turn(state, output, error);
  if (status == QS_DONE)
    status = write_arguments(L, state->current, output, error);
  if (status == QS_DONE) status = send_by_mode(L, state, output, error);
  if (status == QS_DONE) lua_settop(L, 1);
  return as_results(status, 1);
}

static const struct qs_operation write_operation = {
    .name = "port.write",
    .check = write_check,
    .attempt = write_attempt,
    .wait = output_wait,
    .describe = output_describe,
};

/* --- write_some ------------------------------------------------------------------ */

enum { SOME_BYTES = 2, SOME_FIRST, SOME_LAST };

/* As string.sub, but a range outside the string is an error. */
static void *some_check(lua_State *L, struct qs_state *state) {
  size_t size;
  void *self = check_output(L, state);
  luaL_checklstring(L, SOME_BYTES, &size);
  lua_Integer first = luaL_optinteger(L, SOME_FIRST, 1);
  lua_Integer last = luaL_optinteger(L, SOME_LAST, (lua_Integer)size);
  luaL_argcheck(L, first >= 1 && first <= (lua_Integer)size + 1, SOME_FIRST,
                "range outside the string");
  luaL_argcheck(L, last >= first - 1 && last <= (lua_Integer)size, SOME_LAST,
                "range outside the string");
  lua_settop(L, SOME_BYTES);
  lua_pushinteger(L, first);
  lua_pushinteger(L, last);
  return self;
}

static int some_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_output *output = self;
  const char *bytes = lua_tostring(L, SOME_BYTES);
  size_t first = (size_t)lua_tointeger(L, SOME_FIRST) - 1;
  size_t size = (size_t)lua_tointeger(L, SOME_LAST) - first;
  size_t taken = 0;
  enum qs_status status = check_turn(state, output, error);
  if (status == QS_DONE && size > 0)
    status =
        qs_output_try_write_some(output, bytes + first, size, &taken, error);
  if (status == QS_DONE) lua_pushinteger(L, (lua_Integer)taken);
  return as_results(status, 1);
}

static const struct qs_operation write_some = {
    .name = "port.write_some",
    .check = some_check,
    .attempt = some_attempt,
    .wait = output_wait,
    .describe = output_describe,
};

/* --- flush ------------------------------------------------------------------------ */

static void *flush_check(lua_State *L, struct qs_state *state) {
  lua_settop(L, 1);
  return check_output(L, state);
}

static int flush_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  struct qs_output *output = self;
  (void)L;
  enum qs_status status = check_turn(state, output, error);
  if (status == QS_DONE) status = qs_output_try_flush(output, error);
  return as_results(status, 1);
}

static const struct qs_operation flush = {
    .name = "port.flush",
    .check = flush_check,
    .attempt = flush_attempt,
    .wait = output_wait,
    .describe = output_describe,
};

/* --- buffer modes -------------------------------------------------------------------- */

/* Stack: port, mode.  The new mode holds from here on; what was buffered under
 * the old one goes out, unless the new one would have kept it. */
static int mode_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_output *output = self;
  int mode = (int)lua_tointeger(L, 2);
  enum qs_status status = check_turn(state, output, error);
  if (status == QS_FAILED) return QS_OP_FAILED;
  output->mode = (unsigned char)mode;
  if (status == QS_DONE && mode != QS_MODE_BLOCK)
    status = qs_output_try_flush(output, error);
  if (status == QS_DONE) lua_pushvalue(L, 3);
  return as_results(status, 1);
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
    .wait = output_wait,
    .describe = output_describe,
};

/* output:buffer_mode([mode]) -> mode */
static int buffer_mode(lua_State *L) {
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
    .wait = output_wait,
    .describe = output_describe,
};

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
  return as_results(status, 0);
}

static const struct qs_operation close_operation = {
    .name = "port.close",
    .attempt = close_attempt,
    .wait = output_wait,
    .describe = output_describe,
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

/* Would a write of one byte not wait, for room or for another's turn? */
static int ready(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_output *output = check_output(L, state);
  bool is_refused = output->stream == NULL || output->is_closing;
  bool is_turn =
      is_refused || qs_queue_is_turn(&output->writers, state->current);
  lua_pushboolean(L, is_turn && qs_output_is_ready(output));
  return 1;
}

static int is_closed(lua_State *L) {
  struct qs_output *output = check_output(L, qs_state_of(L));
  lua_pushboolean(L, output->stream == NULL || output->is_closing);
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
    {"buffer_mode", buffer_mode},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"is_output", is_output},
    {NULL, NULL},
};

void qs_open_output(lua_State *L, struct qs_state *state) {
  qs_new_type(L, state, QS_TYPE_OUTPUT, "quayside.output", metamethods,
              methods);
  qs_add_operation(L, state, QS_TYPE_OUTPUT, "write", &write_operation);
  qs_add_operation(L, state, QS_TYPE_OUTPUT, "write_some", &write_some);
  qs_add_operation(L, state, QS_TYPE_OUTPUT, "flush", &flush);
  qs_add_operation(L, state, QS_TYPE_OUTPUT, "setvbuf", &setvbuf_operation);
  qs_set_functions(L, state, functions);
  qs_push_try(L, state, &write_some);
  lua_setfield(L, -2, "try_write_some");
  qs_push_try(L, state, &flush);
  lua_setfield(L, -2, "try_flush");
}
