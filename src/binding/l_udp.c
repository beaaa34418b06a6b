/* SPDX-License-Identifier: MIT */
#include "udp.h"

/*
 * UDP sockets: open, bind, connect, close, and what they are.
 */

struct qs_datagram *qs_check_udp(lua_State *L, struct qs_state *state) {
  return qs_check(L, state, 1, QS_TYPE_UDP);
}

int qs_raise_udp(lua_State *L, const char *op, const struct qs_error *error) {
  struct qs_context context = {op, NULL, -1};
  return qs_raise(L, &context, error);
}

/* Pushes a host to be closed; the socket it is looked up for is its target. */
struct qs_host *qs_push_udp_host(lua_State *L, struct qs_state *state,
                                 struct qs_datagram *datagram, const char *name,
                                 uint16_t port) {
  struct qs_host *host = qs_push_host(L, state, name, port, SOCK_DGRAM);
  host->target = datagram;
  lua_toclose(L, -1);
  return host;
}

static int host_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  (void)error;
  qs_host_wait(self, waiter);
  return 0;
}

/* --- open ----------------------------------------------------------------- */

enum { OPEN_HOST = 1, OPEN_PORT, OPEN_LAST = OPEN_PORT };

/* "The socket is not bound to the hostname or port number": they tell the
 * family, and a port number alone tells nothing. */
static int family_of(const struct qs_host *host) {
  if (host->addresses.count == 0) return AF_INET;
  return host->addresses.items[0].any.sa_family;
}

static int open_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  const struct qs_host *host = self;
  struct qs_custodian *owner = state->current->custodian;
  if (qs_check_alive(owner, error) != 0) return QS_OP_FAILED;
  enum qs_status status = qs_host_try(host, error);
  if (status != QS_DONE) return status == QS_AGAIN ? QS_OP_AGAIN : QS_OP_FAILED;
  struct qs_datagram *datagram =
      qs_push_new(L, state, QS_TYPE_UDP, sizeof *datagram, 0);
  qs_remember(L, &datagram->member, -1);
  int family = family_of(host);
  int result = qs_datagram_open(datagram, state->loop, owner, family, error);
  if (result != 0 && qs_is_out_of_descriptors(error)) {
    lua_gc(L, LUA_GCCOLLECT);
    result = qs_datagram_open(datagram, state->loop, owner, family, error);
  }
  return result == 0 ? 1 : QS_OP_FAILED;
}

static void open_describe(lua_State *L, void *self,
                          struct qs_context *context) {
  (void)self;
  context->host = lua_tostring(L, OPEN_HOST);
  if (!lua_isnil(L, OPEN_PORT))
    context->port = (int)lua_tointeger(L, OPEN_PORT);
}

static void *open_check(lua_State *L, struct qs_state *state) {
  lua_settop(L, OPEN_LAST);
  const char *name = qs_opt_host(L, OPEN_HOST);
  uint16_t port = 0;
  if (!lua_isnil(L, OPEN_PORT)) port = qs_check_port(L, OPEN_PORT, 1);
  struct qs_host *host = qs_push_host(L, state, name, port, SOCK_DGRAM);
  lua_toclose(L, -1);
  return host;
}

static const struct qs_operation open_operation = {
    .name = "udp.open",
    .check = open_check,
    .attempt = open_attempt,
    .wait = host_wait,
    .describe = open_describe,
};

/* --- bind and connect ----------------------------------------------------- */

enum { SELF = 1, HOST, PORT, REUSE };

static void describe_host(lua_State *L, void *self,
                          struct qs_context *context) {
  (void)self;
  context->host = lua_tostring(L, HOST);
  if (!lua_isnil(L, PORT)) context->port = (int)lua_tointeger(L, PORT);
}

/* Misuse is told before the look-up ends. */
static enum qs_status try_host(const struct qs_host *host, bool is_misused,
                               struct qs_error *error) {
  return is_misused ? QS_DONE : qs_host_try(host, error);
}

static int as_results(enum qs_status status, int result) {
  if (status == QS_AGAIN) return QS_OP_AGAIN;
  return status == QS_DONE && result == 0 ? 0 : QS_OP_FAILED;
}

static void *bind_check(lua_State *L, struct qs_state *state) {
  struct qs_datagram *datagram = qs_check_udp(L, state);
  lua_settop(L, REUSE);
  const char *name = qs_opt_host(L, HOST);
  return qs_push_udp_host(L, state, datagram, name, qs_check_port(L, PORT, 0));
}

static int bind_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  const struct qs_host *host = self;
  struct qs_datagram *datagram = host->target;
  enum qs_status status =
      try_host(host, !datagram->is_open || datagram->is_bound, error);
  int result = -1;
  (void)state;
  if (status == QS_DONE)
    result = qs_datagram_bind(datagram, &host->addresses,
                              (uint16_t)lua_tointeger(L, PORT),
                              lua_toboolean(L, REUSE), error);
  return as_results(status, result);
}

static const struct qs_operation bind_operation = {
    .name = "udp.bind",
    .check = bind_check,
    .attempt = bind_attempt,
    .wait = host_wait,
    .describe = describe_host,
};

/* Both or neither: nil, nil disconnects. */
static void *connect_check(lua_State *L, struct qs_state *state) {
  struct qs_datagram *datagram = qs_check_udp(L, state);
  lua_settop(L, PORT);
  const char *name = qs_opt_host(L, HOST);
  uint16_t port = 0;
  if (name != NULL)
    port = qs_check_port(L, PORT, 1);
  else
    luaL_argcheck(L, lua_isnil(L, PORT), PORT,
                  "a port number without a host name");
  return qs_push_udp_host(L, state, datagram, name, port);
}

static int connect_attempt(lua_State *L, struct qs_state *state, void *self,
                           struct qs_error *error) {
  const struct qs_host *host = self;
  struct qs_datagram *datagram = host->target;
  enum qs_status status = try_host(host, !datagram->is_open, error);
  int result = -1;
  (void)state;
  if (status == QS_DONE && lua_isnil(L, HOST))
    result = qs_datagram_disconnect(datagram, error);
  else if (status == QS_DONE)
    result = qs_datagram_connect(datagram, &host->addresses, error);
  return as_results(status, result);
}

static const struct qs_operation connect_operation = {
    .name = "udp.connect",
    .check = connect_check,
    .attempt = connect_attempt,
    .wait = host_wait,
    .describe = describe_host,
};

/* --- the rest ------------------------------------------------------------- */

static int close_udp(lua_State *L) {
  struct qs_datagram *datagram = qs_check_udp(L, qs_state_of(L));
  if (!datagram->is_open) return qs_raise_closed(L, "udp.close");
  qs_datagram_close(datagram);
  return 0;
}

static int release(lua_State *L) {
  qs_datagram_close(lua_touserdata(L, 1));
  return 0;
}

static int is_udp(lua_State *L) {
  lua_pushboolean(L, qs_to(L, qs_state_of(L), 1, QS_TYPE_UDP) != NULL);
  return 1;
}

static int is_bound(lua_State *L) {
  lua_pushboolean(L, qs_check_udp(L, qs_state_of(L))->is_bound);
  return 1;
}

static int is_connected(lua_State *L) {
  lua_pushboolean(L, qs_check_udp(L, qs_state_of(L))->is_connected);
  return 1;
}

void qs_udp_ends(const struct qs_datagram *datagram, struct qs_address *local,
                 struct qs_address *peer) {
  *local = datagram->local;
  *peer = datagram->peer;
  if (!datagram->is_connected) qs_address_set_any(peer, AF_INET, 0);
}

static int addresses(lua_State *L) {
  const struct qs_datagram *datagram = qs_check_udp(L, qs_state_of(L));
  struct qs_address local;
  struct qs_address peer;
  if (!datagram->is_open) return qs_raise_closed(L, "udp.addresses");
  qs_udp_ends(datagram, &local, &peer);
  return qs_push_ends(L, &local, &peer, lua_toboolean(L, 2));
}

static int tostring(lua_State *L) {
  const struct qs_datagram *datagram = lua_touserdata(L, 1);
  char text[QS_ADDRESS_TEXT];
  if (!datagram->is_open)
    lua_pushliteral(L, "udp socket (closed)");
  else if (!datagram->is_bound)
    lua_pushliteral(L, "udp socket (not bound)");
  else
    lua_pushfstring(L, "udp socket (%s port %d)",
                    qs_address_text(&datagram->local, text),
                    (int)qs_address_port(&datagram->local));
  return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", release},
    {"__close", release},
    {"__tostring", tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"close", close_udp},
    {"is_bound", is_bound},
    {"is_connected", is_connected},
    {"addresses", addresses},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"is_udp", is_udp},
    {NULL, NULL},
};

void qs_open_udp(lua_State *L, struct qs_state *state) {
  qs_new_type(L, state, QS_TYPE_UDP, "quayside.udp", metamethods, methods);
  qs_add_operation(L, state, QS_TYPE_UDP, "bind", &bind_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "connect", &connect_operation);
  qs_set_functions(L, state, functions);
  qs_push_blocking(L, state, &open_operation);
  lua_setfield(L, -2, "open_udp");
  qs_open_udp_send(L, state);
  qs_open_udp_send_to(L, state);
  qs_open_udp_receive(L, state);
  qs_open_udp_evt(L, state);
  qs_open_udp_options(L, state);
}
