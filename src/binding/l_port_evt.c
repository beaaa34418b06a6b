/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "ports.h"

/*
 * Events of ports: their classes, and the methods that make them.
 */

/* --- trying: what only events ask of a port ------------------------------------ */

static int end_attempt(lua_State *L, struct qs_state *state, void *self,
                       struct qs_error *error) {
  (void)L;
  (void)state;
  switch (qs_input_try_end(self, error)) {
  case QS_DONE:
    return QS_OP_OBJECT;
  case QS_FAILED:
    return QS_OP_FAILED;
  default:
    return QS_OP_AGAIN;
  }
}

static const struct qs_operation end_of_file = {
    .name = "port.eof_evt",
    .look = qs_input_op_look,
    .attempt = end_attempt,
    .describe = qs_input_op_describe,
};

static int input_ready_attempt(lua_State *L, struct qs_state *state, void *self,
                               struct qs_error *error) {
  (void)L;
  (void)state;
  (void)error;
  return qs_when(qs_input_is_ready(self));
}

static int input_closed_attempt(lua_State *L, struct qs_state *state,
                                void *self, struct qs_error *error) {
  const struct qs_input *input = self;
  (void)L;
  (void)state;
  (void)error;
  return qs_when(input->stream == NULL);
}

static int output_ready_attempt(lua_State *L, struct qs_state *state,
                                void *self, struct qs_error *error) {
  (void)L;
  (void)error;
  return qs_when(qs_output_op_is_ready(state, self));
}

static int output_closed_attempt(lua_State *L, struct qs_state *state,
                                 void *self, struct qs_error *error) {
  (void)L;
  (void)state;
  (void)error;
  return qs_when(qs_output_op_is_closed(self));
}

/* These cannot fail, so they need no name. */
static const struct qs_operation input_ready = {.attempt = input_ready_attempt};
static const struct qs_operation input_closed = {.attempt =
                                                     input_closed_attempt};
static const struct qs_operation output_ready = {.attempt =
                                                     output_ready_attempt};
static const struct qs_operation output_closed = {.attempt =
                                                      output_closed_attempt};

/* --- waiting -------------------------------------------------------------------- */

static int input_arm(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  struct qs_input *input = self;
  return input->stream == NULL ? 0 : qs_input_wait(input, waiter, error);
}

static int end_arm(void *self, struct qs_waiter *waiter,
                   struct qs_error *error) {
  struct qs_input *input = self;
  return input->stream == NULL ? 0 : qs_input_wait_end(input, waiter, error);
}

/* Waits to be closed: nothing need be armed for it. */
static int input_closed_arm(void *self, struct qs_waiter *waiter,
                            struct qs_error *error) {
  struct qs_input *input = self;
  (void)error;
  if (input->stream != NULL && waiter->queue == NULL)
    qs_waiter_join(waiter, &input->readers);
  return 0;
}

static bool is_input_idle(const struct qs_event *event) {
  return qs_input_is_idle(event->self);
}

static bool is_input_open(const struct qs_event *event) {
  const struct qs_input *input = event->self;
  return input->stream != NULL;
}

static int output_arm(void *self, struct qs_waiter *waiter,
                      struct qs_error *error) {
  struct qs_output *output = self;
  return output->stream == NULL ? 0 : qs_output_wait(output, waiter, error);
}

static int output_closed_arm(void *self, struct qs_waiter *waiter,
                             struct qs_error *error) {
  struct qs_output *output = self;
  (void)error;
  if (output->stream != NULL && waiter->queue == NULL)
    qs_waiter_join(waiter, &output->writers);
  return 0;
}

static bool is_output_open(const struct qs_event *event) {
  return !qs_output_op_is_closed(event->self);
}

/* --- the classes ------------------------------------------------------------------- */

enum sort {
  READ_BYTES,
  READ_SOME,
  READ_LINE,
  PEEK,
  END,
  INPUT_READY,
  INPUT_CLOSED,
  WRITE,
  FLUSH,
  OUTPUT_READY,
  OUTPUT_CLOSED,
};

#define TAKING_INPUT(op)                                                       \
  {                                                                            \
    .operation = (op), .arm = input_arm, .is_idle = is_input_idle,             \
    .takes = true                                                              \
  }

static const struct qs_class classes[] = {
    [READ_BYTES] = TAKING_INPUT(&qs_read_bytes),
    [READ_SOME] = TAKING_INPUT(&qs_read_some),
    [READ_LINE] = TAKING_INPUT(&qs_read_line),
    [PEEK] = {.operation = &qs_peek,
              .arm = input_arm,
              .is_idle = is_input_idle},
    [END] = {.operation = &end_of_file,
             .arm = end_arm,
             .is_idle = is_input_idle},
    [INPUT_READY] = {.operation = &input_ready,
                     .arm = input_arm,
                     .is_idle = is_input_idle},
    [INPUT_CLOSED] = {.operation = &input_closed,
                      .arm = input_closed_arm,
                      .is_idle = is_input_open,
                      .gives_itself = true},
    [WRITE] = {.operation = &qs_write_some,
               .arm = output_arm,
               .takes = true,
               .values = 1},
    [FLUSH] = {.operation = &qs_flush, .arm = output_arm, .takes = true},
    [OUTPUT_READY] = {.operation = &output_ready, .arm = output_arm},
    [OUTPUT_CLOSED] = {.operation = &output_closed,
                       .arm = output_closed_arm,
                       .is_idle = is_output_open,
                       .gives_itself = true},
};

static struct qs_event *push(lua_State *L, enum qs_type type, enum sort sort) {
  struct qs_state *state = qs_state_of(L);
  void *port = qs_check(L, state, 1, type);
  return qs_push_event(L, state, &classes[sort], port);
}

/* --- events of a reading port --------------------------------------------------- */

/* input:read_evt(n): ready when so many bytes are there, or fewer and the end
 * of file; the result is a string, or nil at end of file. */
static int read_evt(lua_State *L) {
  struct qs_event *event = push(L, QS_TYPE_INPUT, READ_BYTES);
  event->numbers[0] = qs_check_count(L, 2, 0);
  return 1;
}

/* input:read_some_evt([max]): ready when something is there; the result is what
 * is there, at most so many bytes, or nil at end of file. */
static int read_some_evt(lua_State *L) {
  lua_settop(L, 2);
  struct qs_event *event = push(L, QS_TYPE_INPUT, READ_SOME);
  event->numbers[0] = lua_isnil(L, 2) ? SIZE_MAX : qs_check_count(L, 2, 1);
  return 1;
}

/* input:read_line_evt([mode]): ready when a whole line is there; the result is
 * as that of read_line. */
static int read_line_evt(lua_State *L) {
  lua_settop(L, 2);
  struct qs_event *event = push(L, QS_TYPE_INPUT, READ_LINE);
  event->numbers[0] = qs_check_line_end(L, 2);
  return 1;
}

/* input:peek_evt(n [, skip]): like read_evt, behind `skip` bytes, but takes
 * nothing. */
static int peek_evt(lua_State *L) {
  lua_settop(L, 3);
  struct qs_event *event = push(L, QS_TYPE_INPUT, PEEK);
  event->numbers[0] = qs_check_count(L, 2, 0);
  event->numbers[1] = lua_isnil(L, 3) ? 0 : qs_check_count(L, 3, 0);
  return 1;
}

/* input:eof_evt(): ready at end of file; the port as result. */
static int eof_evt(lua_State *L) {
  push(L, QS_TYPE_INPUT, END);
  return 1;
}

/* input:closed_evt(): ready when the port has been closed; itself as result. */
static int input_closed_evt(lua_State *L) {
  push(L, QS_TYPE_INPUT, INPUT_CLOSED);
  return 1;
}

/* The port as an event: ready when a read would not wait; the port as
 * result. */
static int input_evt(lua_State *L) {
  push(L, QS_TYPE_INPUT, INPUT_READY);
  return 1;
}

/* --- events of a writing port --------------------------------------------------- */

/* output:write_evt(s): ready when at least one byte of it can be sent; then as
 * much of it is sent as goes, and the result is the count. */
static int write_evt(lua_State *L) {
  size_t size;
  struct qs_event *event = push(L, QS_TYPE_OUTPUT, WRITE);
  luaL_checklstring(L, 2, &size);
  event->numbers[1] = size;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, QS_EVENT_VALUES);
  return 1;
}

/* output:flush_evt(): ready when all that was written is with the kernel. */
static int flush_evt(lua_State *L) {
  push(L, QS_TYPE_OUTPUT, FLUSH);
  return 1;
}

/* output:closed_evt(): ready when the port has been closed; itself as
 * result. */
static int output_closed_evt(lua_State *L) {
  push(L, QS_TYPE_OUTPUT, OUTPUT_CLOSED);
  return 1;
}

/* The port as an event: ready when a write would not wait; the port as
 * result. */
static int output_evt(lua_State *L) {
  push(L, QS_TYPE_OUTPUT, OUTPUT_READY);
  return 1;
}

static void add(lua_State *L, struct qs_state *state, enum qs_type type,
                const luaL_Reg *methods, lua_CFunction itself) {
  const luaL_Reg metamethods[] = {{"__evt", itself}, {NULL, NULL}};
  qs_push_metatable(L, state, type);
  qs_set_functions(L, state, metamethods);
  lua_getfield(L, -1, "__index");
  qs_set_functions(L, state, methods);
  lua_pop(L, 2);
}

void qs_open_port_evt(lua_State *L, struct qs_state *state) {
  static const luaL_Reg input_methods[] = {
      {"read_evt", read_evt},
      {"read_some_evt", read_some_evt},
      {"read_line_evt", read_line_evt},
      {"peek_evt", peek_evt},
      {"eof_evt", eof_evt},
      {"closed_evt", input_closed_evt},
      {NULL, NULL},
  };
  static const luaL_Reg output_methods[] = {
      {"write_evt", write_evt},
      {"flush_evt", flush_evt},
      {"closed_evt", output_closed_evt},
      {NULL, NULL},
  };
  add(L, state, QS_TYPE_INPUT, input_methods, input_evt);
  add(L, state, QS_TYPE_OUTPUT, output_methods, output_evt);
}
