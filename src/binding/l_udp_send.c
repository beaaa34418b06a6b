/* SPDX-License-Identifier: MIT */
#include "udp.h"

/*
 * Sending datagrams.
 */

/* --- what to send --------------------------------------------------------- */

/* As string.sub, but a range outside the string is an error. */
void qs_udp_check_piece(lua_State *L, int index) {
  size_t size;
  luaL_checklstring(L, index, &size);
  lua_Integer first = luaL_optinteger(L, index + 1, 1);
  lua_Integer last = luaL_optinteger(L, index + 2, (lua_Integer)size);
  luaL_argcheck(L, first >= 1 && first <= (lua_Integer)size + 1, index + 1,
                "range outside the string");
  luaL_argcheck(L, last >= first - 1 && last <= (lua_Integer)size, index + 2,
                "range outside the string");
  lua_settop(L, index);
  lua_pushinteger(L, first);
  lua_pushinteger(L, last);
}

struct qs_piece qs_udp_piece_at(lua_State *L, int index) {
  size_t start = (size_t)lua_tointeger(L, index + 1) - 1;
  struct qs_piece piece = {
      .bytes = lua_tostring(L, index) + start,
      .size = (size_t)lua_tointeger(L, index + 2) - start,
  };
  return piece;
}

/* Misuse is told at once, whoever else waits for room. */
enum qs_status qs_udp_try_send(const struct qs_state *state,
                               struct qs_datagram *datagram,
                               const struct qs_address *to,
                               struct qs_piece piece, struct qs_error *error) {
  if (datagram->is_open && (to == NULL) == datagram->is_connected &&
      !qs_queue_is_turn(&datagram->senders, state->current))
    return QS_AGAIN;
  return qs_datagram_try_send(datagram, to, piece.bytes, piece.size, error);
}

int qs_udp_send_results(enum qs_status status) {
  if (status == QS_DONE) return 0;
  return status == QS_AGAIN ? QS_OP_AGAIN : QS_OP_FAILED;
}

int qs_udp_send_boolean(lua_State *L, enum qs_status status) {
  if (status == QS_FAILED) return QS_OP_FAILED;
  lua_pushboolean(L, status == QS_DONE);
  return 1;
}

void qs_udp_push_piece(lua_State *L, int index) {
  struct qs_piece piece = qs_udp_piece_at(L, index);
  lua_pushlstring(L, piece.bytes, piece.size);
}

int qs_udp_send_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  return qs_datagram_wait_send(self, waiter, error);
}

/* --- send ----------------------------------------------------------------- */

void *qs_udp_send_check(lua_State *L, struct qs_state *state) {
  struct qs_datagram *self = qs_check_udp(L, state);
  qs_udp_check_piece(L, QS_UDP_SEND_DATA);
  return self;
}

static void *send_breakable_check(lua_State *L, struct qs_state *state) {
  void *self = qs_udp_send_check(L, state);
  state->current->is_wait_breakable = true;
  return self;
}

static void *send_now_check(lua_State *L, struct qs_state *state) {
  void *self = qs_udp_send_check(L, state);
  qs_datagram_look(self);
  return self;
}

static int send_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  return qs_udp_send_results(qs_udp_try_send(
      state, self, NULL, qs_udp_piece_at(L, QS_UDP_SEND_DATA), error));
}

static int send_now_attempt(lua_State *L, struct qs_state *state, void *self,
                            struct qs_error *error) {
  return qs_udp_send_boolean(
      L, qs_udp_try_send(state, self, NULL,
                         qs_udp_piece_at(L, QS_UDP_SEND_DATA), error));
}

static const struct qs_operation send_operation = {
    .name = "udp.send",
    .check = qs_udp_send_check,
    .attempt = send_attempt,
    .wait = qs_udp_send_wait,
};

static const struct qs_operation send_breakable_operation = {
    .name = "udp.send",
    .check = send_breakable_check,
    .attempt = send_attempt,
    .wait = qs_udp_send_wait,
};

static const struct qs_operation send_now_operation = {
    .name = "udp.try_send",
    .check = send_now_check,
    .attempt = send_now_attempt,
};

void qs_open_udp_send(lua_State *L, struct qs_state *state) {
  qs_add_operation(L, state, QS_TYPE_UDP, "send", &send_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "send_enable_break",
                   &send_breakable_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "try_send", &send_now_operation);
}
