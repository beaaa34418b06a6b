/* SPDX-License-Identifier: MIT */
#include "udp.h"

/*
 * Receiving datagrams.
 */

enum { RECEIVE_MAX = 2 };

static void *receive_check(lua_State *L, struct qs_state *state) {
  struct qs_datagram *self = qs_check_udp(L, state);
  lua_settop(L, RECEIVE_MAX);
  luaL_argcheck(L, luaL_optinteger(L, RECEIVE_MAX, 0) >= 0, RECEIVE_MAX,
                "max must not be negative");
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
  size_t most = (size_t)luaL_optinteger(L, RECEIVE_MAX, QS_BLOCK_SIZE);
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

static const struct qs_operation receive_operation = {
    .name = "udp.receive",
    .check = receive_check,
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

/* For receive events. */
static const struct qs_operation receive_event_operation = {
    .name = "udp.receive",
    .check = receive_now_check,
    .attempt = receive_attempt,
};

/* --- receivers that watch ------------------------------------------------- */

static int receive_arm(void *target, struct qs_waiter *waiter,
                       struct qs_error *error) {
  struct qs_datagram *datagram = target;
  if (!datagram->is_open) return 0;
  return qs_datagram_wait_receive(datagram, waiter, error);
}

static int block_take(lua_State *L) {
  return qs_block(L, QS_TYPE_UDP, true, receive_arm);
}

static int block_look(lua_State *L) {
  return qs_block(L, QS_TYPE_UDP, false, receive_arm);
}

/* core.can_udp_receive(u): would a receive return, or fail, at once? */
static int can_receive(lua_State *L) {
  lua_pushboolean(L, qs_datagram_can_receive(qs_check_udp(L, qs_state_of(L))));
  return 1;
}

/* core.is_udp_idle(event): did the last look find nothing? */
static int is_idle(lua_State *L) {
  const struct qs_datagram *datagram =
      qs_check_element(L, qs_state_of(L), QS_TYPE_UDP);
  lua_pushboolean(L, datagram->is_bound && !datagram->readable.is_hopeful);
  return 1;
}

/* core.check_udp_receive(u, max): raises what receive would raise of them. */
static int check_receive(lua_State *L) {
  receive_check(L, qs_state_of(L));
  return 0;
}

static const luaL_Reg functions[] = {
    {"block_udp_receive", block_take},    {"block_udp_look", block_look},
    {"can_udp_receive", can_receive},     {"is_udp_idle", is_idle},
    {"check_udp_receive", check_receive}, {NULL, NULL},
};

void qs_open_udp_receive(lua_State *L, struct qs_state *state) {
  qs_set_functions(L, state, functions);
  qs_push_try(L, state, &receive_event_operation);
  lua_setfield(L, -2, "try_udp_receive");
  qs_add_operation(L, state, QS_TYPE_UDP, "receive", &receive_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "receive_enable_break",
                   &receive_breakable_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "try_receive",
                   &receive_now_operation);
}
