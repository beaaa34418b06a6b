/* SPDX-License-Identifier: MIT */
#include "udp.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * Sending datagrams to a host and port.
 */

/* A plain numeric host of the socket's family costs no look-up. */
static bool parse(lua_State *L, const struct qs_datagram *datagram,
                  struct qs_address *to) {
  const char *host = lua_tostring(L, QS_UDP_TO_HOST);
  qs_address_set_any(to, datagram->family,
                     (uint16_t)lua_tointeger(L, QS_UDP_TO_PORT));
  if (datagram->family == AF_INET6)
    return inet_pton(AF_INET6, host, &to->v6.sin6_addr) == 1;
  return inet_pton(AF_INET, host, &to->v4.sin_addr) == 1;
}

static enum qs_status try_numeric(lua_State *L, const struct qs_state *state,
                                  struct qs_datagram *datagram,
                                  struct qs_error *error) {
  struct qs_address to;
  parse(L, datagram, &to);
  return qs_udp_try_send(state, datagram, &to,
                         qs_udp_piece_at(L, QS_UDP_TO_DATA), error);
}

/* A socket that cannot send is told of before the look-up has ended. */
static bool can_be_sent(const struct qs_datagram *datagram,
                        struct qs_error *error) {
  if (datagram->is_open && !datagram->is_connected) return true;
  qs_error_state(
      error, datagram->is_open ? QS_ERROR_CONNECTED : QS_ERROR_CLOSED, "send");
  return false;
}

static enum qs_status try_named(lua_State *L, const struct qs_state *state,
                                const struct qs_host *host,
                                struct qs_error *error) {
  struct qs_datagram *datagram = host->target;
  if (!can_be_sent(datagram, error)) return QS_FAILED;
  enum qs_status status = qs_host_try(host, error);
  if (status != QS_DONE) return status;
  const struct qs_address *to =
      qs_datagram_pick(datagram, &host->addresses, error);
  if (to == NULL) return QS_FAILED;
  return qs_udp_try_send(state, datagram, to,
                         qs_udp_piece_at(L, QS_UDP_TO_DATA), error);
}

static int numeric_attempt(lua_State *L, struct qs_state *state, void *self,
                           struct qs_error *error) {
  return qs_udp_send_results(try_numeric(L, state, self, error));
}

static int numeric_now_attempt(lua_State *L, struct qs_state *state, void *self,
                               struct qs_error *error) {
  return qs_udp_send_boolean(L, try_numeric(L, state, self, error));
}

static int named_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  return qs_udp_send_results(try_named(L, state, self, error));
}

/* It waits for the look-up, but not for room. */
static int named_now_attempt(lua_State *L, struct qs_state *state, void *self,
                             struct qs_error *error) {
  const struct qs_host *host = self;
  enum qs_status status = try_named(L, state, host, error);
  if (status == QS_AGAIN && host->status == QS_AGAIN) return QS_OP_AGAIN;
  return qs_udp_send_boolean(L, status);
}

/* First in the queue of the look-up, then in that of the senders. */
int qs_udp_named_wait(void *self, struct qs_waiter *waiter,
                      struct qs_error *error) {
  struct qs_host *host = self;
  if (host->status == QS_AGAIN) {
    qs_host_wait(host, waiter);
    return 0;
  }
  if (waiter->queue == &host->watchers) qs_waiter_leave(host->loop, waiter);
  return qs_datagram_wait_send(host->target, waiter, error);
}

void qs_udp_to_describe(lua_State *L, void *self, struct qs_context *context) {
  (void)self;
  context->host = lua_tostring(L, QS_UDP_TO_HOST);
  context->port = (int)lua_tointeger(L, QS_UDP_TO_PORT);
}

static const struct qs_operation numeric_operation = {
    .name = "udp.send_to",
    .attempt = numeric_attempt,
    .wait = qs_udp_send_wait,
    .describe = qs_udp_to_describe,
};

static const struct qs_operation numeric_now_operation = {
    .name = "udp.try_send_to",
    .attempt = numeric_now_attempt,
    .describe = qs_udp_to_describe,
};

static const struct qs_operation named_operation = {
    .name = "udp.send_to",
    .attempt = named_attempt,
    .wait = qs_udp_named_wait,
    .describe = qs_udp_to_describe,
};

static const struct qs_operation named_now_operation = {
    .name = "udp.try_send_to",
    .attempt = named_now_attempt,
    .wait = qs_udp_named_wait,
    .describe = qs_udp_to_describe,
};

struct qs_datagram *qs_udp_check_to(lua_State *L, struct qs_state *state) {
  struct qs_datagram *datagram = qs_check_udp(L, state);
  qs_check_host(L, QS_UDP_TO_HOST);
  qs_check_port(L, QS_UDP_TO_PORT, 1);
  qs_udp_check_piece(L, QS_UDP_TO_DATA);
  return datagram;
}

static int begin_send_to(lua_State *L, struct qs_state *state,
                         struct qs_datagram *datagram,
                         const struct qs_operation *numeric,
                         const struct qs_operation *named) {
  struct qs_address to;
  if (parse(L, datagram, &to)) return qs_operate(L, state, numeric, datagram);
  struct qs_host *host =
      qs_push_udp_host(L, state, datagram, lua_tostring(L, QS_UDP_TO_HOST),
                       qs_address_port(&to));
  return qs_operate(L, state, named, host);
}

static int send_to(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_datagram *datagram = qs_udp_check_to(L, state);
  return begin_send_to(L, state, datagram, &numeric_operation,
                       &named_operation);
}

static int send_to_breakable(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_datagram *datagram = qs_udp_check_to(L, state);
  state->current->is_wait_breakable = true;
  return begin_send_to(L, state, datagram, &numeric_operation,
                       &named_operation);
}

static int try_send_to(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_datagram *datagram = qs_udp_check_to(L, state);
  qs_datagram_look(datagram);
  return begin_send_to(L, state, datagram, &numeric_now_operation,
                       &named_now_operation);
}

static const luaL_Reg methods[] = {
    {"send_to", send_to},
    {"send_to_enable_break", send_to_breakable},
    {"try_send_to", try_send_to},
    {NULL, NULL},
};

void qs_open_udp_send_to(lua_State *L, struct qs_state *state) {
  qs_push_metatable(L, state, QS_TYPE_UDP);
  lua_getfield(L, -1, "__index");
  qs_set_functions(L, state, methods);
  lua_pop(L, 2);
}
