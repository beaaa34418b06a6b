/* SPDX-License-Identifier: MIT */
#include "udp.h"

#include <string.h>

/*
 * Events of UDP sockets.
 */

/* --- trying ----------------------------------------------------------------- */

static int can_receive_attempt(lua_State *L, struct qs_state *state, void *self,
                               struct qs_error *error) {
  (void)L;
  (void)state;
  (void)error;
  return qs_when(qs_datagram_can_receive(self));
}

static int can_send_attempt(lua_State *L, struct qs_state *state, void *self,
                            struct qs_error *error) {
  (void)L;
  (void)state;
  (void)error;
  return qs_when(qs_datagram_can_send(self));
}

/* These cannot fail, so they need no name. */
static const struct qs_operation can_receive = {.attempt = can_receive_attempt};
static const struct qs_operation can_send = {.attempt = can_send_attempt};

static void look(void *self) {
  qs_datagram_look(self);
}

/* Only sent is a result. */
static int send_outcome(lua_State *L, enum qs_status status) {
  return status == QS_AGAIN ? QS_OP_AGAIN : qs_udp_send_boolean(L, status);
}

static struct qs_piece piece_at(lua_State *L, int index) {
  struct qs_piece piece;
  piece.bytes = lua_tolstring(L, index, &piece.size);
  return piece;
}

/* The data are on top. */
static int send_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_piece piece = piece_at(L, -1);
  return send_outcome(L, qs_udp_try_send(state, self, NULL, piece, error));
}

static const struct qs_operation send_now = {
    .name = "udp.send",
    .look = look,
    .attempt = send_attempt,
};

/* Where to send to, as a string: the address, then the host as given. */
static struct qs_address destination_on_top(lua_State *L) {
  struct qs_address to;
  memcpy(&to, lua_tostring(L, -1), sizeof to);
  return to;
}

/* The data are below the destination. */
static int send_to_attempt(lua_State *L, struct qs_state *state, void *self,
                           struct qs_error *error) {
  struct qs_address to = destination_on_top(L);
  struct qs_piece piece = piece_at(L, -2);
  return send_outcome(L, qs_udp_try_send(state, self, &to, piece, error));
}

static void send_to_describe(lua_State *L, void *self,
                             struct qs_context *context) {
  struct qs_address to = destination_on_top(L);
  (void)self;
  context->host = lua_tostring(L, -1) + sizeof to;
  context->port = qs_address_port(&to);
}

static const struct qs_operation send_to_now = {
    .name = "udp.send_to",
    .look = look,
    .attempt = send_to_attempt,
    .describe = send_to_describe,
};

/* --- waiting ------------------------------------------------------------------ */

static int receive_arm(void *self, struct qs_waiter *waiter,
                       struct qs_error *error) {
  struct qs_datagram *datagram = self;
  if (!datagram->is_open) return 0;
  return qs_datagram_wait_receive(datagram, waiter, error);
}

static int send_arm(void *self, struct qs_waiter *waiter,
                    struct qs_error *error) {
  struct qs_datagram *datagram = self;
  if (!datagram->is_open) return 0;
  return qs_datagram_wait_send(datagram, waiter, error);
}

static bool is_idle(const struct qs_event *event) {
  const struct qs_datagram *datagram = event->self;
  return datagram->is_bound && !datagram->readable.is_hopeful;
}

/* --- the classes, and the methods that make events ----------------------------- */

static const struct qs_class receive_ready_class = {
    .operation = &can_receive,
    .arm = receive_arm,
    .is_idle = is_idle,
    .gives_itself = true,
};

static const struct qs_class receive_class = {
    .operation = &qs_udp_receive,
    .arm = receive_arm,
    .is_idle = is_idle,
    .takes = true,
};

static const struct qs_class send_ready_class = {
    .operation = &can_send,
    .arm = send_arm,
    .gives_itself = true,
};

static const struct qs_class send_class = {
    .operation = &send_now,
    .arm = send_arm,
    .takes = true,
    .values = 1,
};

static const struct qs_class send_to_class = {
    .operation = &send_to_now,
    .arm = send_arm,
    .takes = true,
    .values = 2,
};

/* udp:receive_ready_evt(): ready when receive would not wait; itself as result.
 * Nothing is received. */
static int receive_ready_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_push_event(L, state, &receive_ready_class, qs_check_udp(L, state));
  return 1;
}

/* udp:send_ready_evt(): ready when send would not wait; itself as result. */
static int send_ready_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_push_event(L, state, &send_ready_class, qs_check_udp(L, state));
  return 1;
}

/* udp:receive_evt([max]): ready when there is a datagram; the results are those
 * of receive.  If it is not chosen, nothing is received. */
static int receive_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_datagram *datagram = qs_check_udp(L, state);
  size_t most = qs_udp_check_most(L, 2);
  qs_push_event(L, state, &receive_class, datagram)->numbers[0] = most;
  return 1;
}

/* udp:send_evt(data [, i [, j]]): ready when the datagram can be sent to the
 * peer; the result is true.  If it is not chosen, nothing is sent. */
static int send_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_datagram *datagram = qs_udp_send_check(L, state);
  qs_push_event(L, state, &send_class, datagram);
  qs_udp_push_piece(L, QS_UDP_SEND_DATA);
  lua_setiuservalue(L, -2, QS_EVENT_VALUES);
  return 1;
}

/* --- send_to_evt: the host is looked up now, which may wait, and may fail ------ */

static void push_send_to(lua_State *L, struct qs_state *state,
                         struct qs_datagram *datagram,
                         const struct qs_address *to) {
  qs_push_event(L, state, &send_to_class, datagram);
  qs_udp_push_piece(L, QS_UDP_TO_DATA);
  lua_setiuservalue(L, -2, QS_EVENT_VALUES);
  lua_pushlstring(L, (const char *)to, sizeof *to);
  lua_pushvalue(L, QS_UDP_TO_HOST);
  lua_concat(L, 2);
  lua_setiuservalue(L, -2, QS_EVENT_VALUES + 1);
}

static int find_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  const struct qs_host *host = self;
  enum qs_status status = qs_host_try(host, error);
  if (status == QS_AGAIN) return QS_OP_AGAIN;
  const struct qs_address *to = NULL;
  if (status == QS_DONE)
    to = qs_datagram_pick(host->target, &host->addresses, error);
  if (to == NULL) return QS_OP_FAILED;
  push_send_to(L, state, host->target, to);
  return 1;
}

static void *find_check(lua_State *L, struct qs_state *state) {
  struct qs_datagram *datagram = qs_udp_check_to(L, state);
  return qs_push_udp_host(L, state, datagram, lua_tostring(L, QS_UDP_TO_HOST),
                          (uint16_t)lua_tointeger(L, QS_UDP_TO_PORT));
}

/* udp:send_to_evt(hostname, port, data [, i [, j]]): ready when the datagram can
 * be sent; the result is true.  If it is not chosen, nothing is sent. */
static const struct qs_operation find = {
    .name = "udp.send_to_evt",
    .check = find_check,
    .attempt = find_attempt,
    .wait = qs_udp_named_wait,
    .describe = qs_udp_to_describe,
};

static const luaL_Reg methods[] = {
    {"receive_ready_evt", receive_ready_evt},
    {"send_ready_evt", send_ready_evt},
    {"receive_evt", receive_evt},
    {"send_evt", send_evt},
    {NULL, NULL},
};

void qs_open_udp_evt(lua_State *L, struct qs_state *state) {
  qs_push_metatable(L, state, QS_TYPE_UDP);
  lua_getfield(L, -1, "__index");
  qs_set_functions(L, state, methods);
  lua_pop(L, 2);
  qs_add_operation(L, state, QS_TYPE_UDP, "send_to_evt", &find);
}
