/* SPDX-License-Identifier: MIT */
#include "udp.h"

/*
 * Receiving datagrams.
 */

size_t qs_udp_check_most(lua_State *L, int index) {
  lua_Integer most = luaL_optinteger(L, index, QS_BLOCK_SIZE);
  luaL_argcheck(L, most >= 0, index, "max must not be negative");
  return (size_t)most;
}

/* The number is how much of the datagram to keep, at most. */
static void *receive_check(lua_State *L, struct qs_state *state) {
  struct qs_datagram *self = qs_check_udp(L, state);
  state->current->numbers[0] = qs_udp_check_most(L, 2);
  return self;
}

static void *receive_breakable_check(lua_State *L, struct qs_state *state) {
  void *self = receive_check(L, state);
  state->current->is_wait_breakable = true;
  return self;
}

static void *receive_now_check(lua_State *L, struct qs_state *state) {
  void *self = receive_check(L, state);
  qs_datagram_look(self);
  return self;
}

static int push_received(lua_State *L, struct qs_datagram *datagram,
                         const struct qs_received *received) {
  char text[QS_ADDRESS_TEXT];
  lua_pushlstring(L, received->bytes, received->length);
  qs_datagram_forget(datagram);
  lua_pushstring(L, qs_address_text(&received->from, text));
  lua_pushinteger(L, qs_address_port(&received->from));
  return 3;
}

/* Misuse is told at once, whoever else waits for a datagram. */
static int receive_attempt(lua_State *L, struct qs_state *state, void *self,
                           struct qs_error *error) {
  struct qs_datagram *datagram = self;
  struct qs_received received;
  size_t most = state->current->numbers[0];
  if (datagram->is_bound &&
      !qs_queue_is_turn(&datagram->receivers, state->current))
    return QS_OP_AGAIN;
  switch (qs_datagram_try_receive(datagram, most, &received, error)) {
  case QS_AGAIN:
    return QS_OP_AGAIN;
  case QS_DONE:
    return push_received(L, datagram, &received);
  default:
    return QS_OP_FAILED;
  }
}

static int receive_now_attempt(lua_State *L, struct qs_state *state, void *self,
                               struct qs_error *error) {
  int results = receive_attempt(L, state, self, error);
  if (results != QS_OP_AGAIN) return results;
  lua_pushnil(L);
  return 1;
}

static int receive_wait(void *self, struct qs_waiter *waiter,
                        struct qs_error *error) {
  return qs_datagram_wait_receive(self, waiter, error);
}

static void receive_look(void *self) {
  qs_datagram_look(self);
}

const struct qs_operation qs_udp_receive = {
    .name = "udp.receive",
    .check = receive_check,
    .look = receive_look,
    .attempt = receive_attempt,
    .wait = receive_wait,
};

static const struct qs_operation receive_breakable_operation = {
    .name = "udp.receive",
    .check = receive_breakable_check,
    .attempt = receive_attempt,
    .wait = receive_wait,
};

static const struct qs_operation receive_now_operation = {
    .name = "udp.try_receive",
    .check = receive_now_check,
    .attempt = receive_now_attempt,
};

void qs_open_udp_receive(lua_State *L, struct qs_state *state) {
  qs_add_operation(L, state, QS_TYPE_UDP, "receive", &qs_udp_receive);
  qs_add_operation(L, state, QS_TYPE_UDP, "receive_enable_break",
                   &receive_breakable_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "try_receive",
                   &receive_now_operation);
}
