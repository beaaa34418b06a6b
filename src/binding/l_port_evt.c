/* SPDX-License-Identifier: MIT */
#include "binding.h"

/*
 * What the classes of port events are made of: their `block`s, which are
 * called with (event, slot, tag), and what only events ask of a port.
 */

/* --- reading ports ---------------------------------------------------------- */

static void *end_check(lua_State *L, struct qs_state *state) {
  lua_settop(L, 1);
  return qs_check(L, state, 1, QS_TYPE_INPUT);
}

/* core.try_end(input): true and the port at end of file. */
static int end_attempt(lua_State *L, struct qs_state *state, void *self,
                       struct qs_error *error) {
  (void)state;
  switch (qs_input_try_end(self, error)) {
  case QS_DONE:
    lua_settop(L, 1);
    return 1;
  case QS_FAILED:
    return QS_OP_FAILED;
  default:
    return QS_OP_AGAIN;
  }
}

static const struct qs_operation end_of_file = {
    .name = "port.eof_evt",
    .check = end_check,
    .look = qs_input_op_look,
    .attempt = end_attempt,
    .wait = qs_input_op_wait,
    .describe = qs_input_op_describe,
};

static int input_arm(void *target, struct qs_waiter *waiter,
                     struct qs_error *error) {
  struct qs_input *input = target;
  return input->stream == NULL ? 0 : qs_input_wait(input, waiter, error);
}

static int end_arm(void *target, struct qs_waiter *waiter,
                   struct qs_error *error) {
  struct qs_input *input = target;
  return input->stream == NULL ? 0 : qs_input_wait_end(input, waiter, error);
}

/* Waits to be closed: nothing need be armed for it. */
static int input_closed_arm(void *target, struct qs_waiter *waiter,
                            struct qs_error *error) {
  struct qs_input *input = target;
  (void)error;
  if (input->stream != NULL && waiter->queue == NULL)
    qs_waiter_join(waiter, &input->readers);
  return 0;
}

/* The `block` of the classes of events: (event, slot, tag). */

static int block_take(lua_State *L) {
  return qs_block(L, QS_TYPE_INPUT, true, input_arm);
}

static int block_look(lua_State *L) {
  return qs_block(L, QS_TYPE_INPUT, false, input_arm);
}

static int block_end(lua_State *L) {
  return qs_block(L, QS_TYPE_INPUT, false, end_arm);
}

static int block_closed(lua_State *L) {
  return qs_block(L, QS_TYPE_INPUT, false, input_closed_arm);
}

/* core.is_input_idle(event): nothing buffered, and the last look at the
 * descriptor found nothing? */
static int is_input_idle(lua_State *L) {
  struct qs_input *input = qs_check_element(L, qs_state_of(L), QS_TYPE_INPUT);
  lua_pushboolean(L, qs_input_is_idle(input));
  return 1;
}

/* --- writing ports ---------------------------------------------------------- */

static int output_arm(void *target, struct qs_waiter *waiter,
                      struct qs_error *error) {
  struct qs_output *output = target;
  return output->stream == NULL ? 0 : qs_output_wait(output, waiter, error);
}

static int output_closed_arm(void *target, struct qs_waiter *waiter,
                             struct qs_error *error) {
  struct qs_output *output = target;
  (void)error;
  if (output->stream != NULL && waiter->queue == NULL)
    qs_waiter_join(waiter, &output->writers);
  return 0;
}

/* The `block` of the classes of events: (event, slot, tag). */

static int block_send(lua_State *L) {
  return qs_block(L, QS_TYPE_OUTPUT, true, output_arm);
}

static int block_room(lua_State *L) {
  return qs_block(L, QS_TYPE_OUTPUT, false, output_arm);
}

static int block_output_closed(lua_State *L) {
  return qs_block(L, QS_TYPE_OUTPUT, false, output_closed_arm);
}

void qs_open_port_evt(lua_State *L, struct qs_state *state) {
  static const luaL_Reg functions[] = {
      {"block_take", block_take},
      {"block_look", block_look},
      {"block_end", block_end},
      {"block_closed", block_closed},
      {"is_input_idle", is_input_idle},
      {"block_send", block_send},
      {"block_room", block_room},
      {"block_output_closed", block_output_closed},
      {NULL, NULL},
  };
  qs_set_functions(L, state, functions);
  qs_push_try(L, state, &end_of_file);
  lua_setfield(L, -2, "try_end");
}
