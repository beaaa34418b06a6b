/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "operation.h"

#include <limits.h>

/*
 * listen, accept, accept_ready, close.
 */

static struct qs_listener *check_listener(lua_State *L, struct qs_state *state,
                                          int index) {
  return qs_check(L, state, index, QS_TYPE_LISTENER);
}

/* --- listen ---------------------------------------------------------------- */

/* The stack of a listen: its arguments, then the host being looked up. */
enum {
  LISTEN_PORT = 1,
  LISTEN_BACKLOG,
  LISTEN_REUSE,
  LISTEN_HOST,
  LISTEN_REUSEPORT,
  LISTEN_LOOKUP,
};

static void expand_table(lua_State *L) {
  static const char *const names[] = {"port", "max_allow_wait", "reuse",
                                      "hostname", "reuseport"};
  lua_settop(L, 1);
  for (int i = 0; i < LISTEN_REUSEPORT; i++)
    lua_getfield(L, 1, names[i]);
  lua_remove(L, 1);
}

/* As large as it may be: listen(2) takes an int, and cuts it to what the
 * system allows. */
static int check_backlog(lua_State *L) {
  lua_Integer backlog = luaL_optinteger(L, LISTEN_BACKLOG, 4);
  if (lua_isstring(L, LISTEN_BACKLOG) &&
      lua_type(L, LISTEN_BACKLOG) != LUA_TNUMBER)
    luaL_typeerror(L, LISTEN_BACKLOG, "integer");
  luaL_argcheck(L, backlog >= 0, LISTEN_BACKLOG,
                "max_allow_wait must not be negative");
  return backlog > INT_MAX ? INT_MAX : (int)backlog;
}

static void *listen_check(lua_State *L, struct qs_state *state) {
  if (lua_istable(L, 1)) expand_table(L);
  lua_settop(L, LISTEN_REUSEPORT);
  uint16_t port = qs_check_port(L, LISTEN_PORT, 0);
  check_backlog(L);
  const char *host = qs_opt_host(L, LISTEN_HOST);
  void *self = qs_push_host(L, state, host, port, SOCK_STREAM);
  lua_toclose(L, LISTEN_LOOKUP);
  return self;
}

static int open_listener(lua_State *L, struct qs_state *state,
                         const struct qs_host *host, struct qs_error *error) {
  struct qs_listener_options options = {
      .backlog = check_backlog(L),
      .reuse_addr = lua_toboolean(L, LISTEN_REUSE),
      .reuse_port = lua_toboolean(L, LISTEN_REUSEPORT),
  };
  uint16_t port = (uint16_t)lua_tointeger(L, LISTEN_PORT);
  struct qs_listener *listener =
      qs_push_new(L, state, QS_TYPE_LISTENER, sizeof *listener, 0);
  struct qs_custodian *owner = state->current->custodian;
  int result = qs_listener_open(listener, state->loop, owner, &host->addresses,
                                port, &options, error);
  if (result != 0 && qs_is_out_of_descriptors(error)) {
    lua_gc(L, LUA_GCCOLLECT);
    result = qs_listener_open(listener, state->loop, owner, &host->addresses,
                              port, &options, error);
  }
  if (result != 0) return QS_OP_FAILED;
  qs_remember(L, &listener->member, -1);
  return 1;
}

static int listen_attempt(lua_State *L, struct qs_state *state, void *self,
                          struct qs_error *error) {
  struct qs_host *host = self;
  if (qs_check_alive(state->current->custodian, error) != 0)
    return QS_OP_FAILED;
  switch (qs_host_try(host, error)) {
  case QS_AGAIN:
    return QS_OP_AGAIN;
  case QS_DONE:
    return open_listener(L, state, host, error);
  default:
    return QS_OP_FAILED;
  }
}

static int listen_wait(void *self, struct qs_waiter *waiter,
                       struct qs_error *error) {
  (void)error;
  qs_host_wait(self, waiter);
  return 0;
}

static void listen_describe(lua_State *L, void *self,
                            struct qs_context *context) {
  (void)self;
  context->host = lua_tostring(L, LISTEN_HOST);
  context->port = (int)lua_tointeger(L, LISTEN_PORT);
}

static const struct qs_operation listen_operation = {
    .name = "tcp.listen",
    .check = listen_check,
    .attempt = listen_attempt,
    .wait = listen_wait,
    .describe = listen_describe,
};

/* --- accept ----------------------------------------------------------------- */

static void *accept_check(lua_State *L, struct qs_state *state) {
  lua_settop(L, 1);
  return check_listener(L, state, 1);
}

static void *accept_breakable_check(lua_State *L, struct qs_state *state) {
  void *self = accept_check(L, state);
  state->current->is_wait_breakable = true;
  return self;
}

/* The collector cannot see descriptors; when they run out it is told. */
static enum qs_status accept_one(lua_State *L, struct qs_listener *listener,
                                 struct qs_accepted *accepted,
                                 struct qs_error *error) {
  enum qs_status status = qs_listener_try_accept(listener, accepted, error);
  if (status == QS_FAILED && qs_is_out_of_descriptors(error)) {
    lua_gc(L, LUA_GCCOLLECT);
    status = qs_listener_try_accept(listener, accepted, error);
  }
  return status;
}

/* The owner is looked at first: under a dead one the client stays queued.  0,
 * QS_OP_AGAIN or QS_OP_FAILED. */
static int accept_client(lua_State *L, struct qs_state *state,
                         struct qs_listener *listener,
                         const struct qs_custodian *owner,
                         struct qs_accepted *accepted, struct qs_error *error) {
  if (listener->sockets != NULL) {
    if (qs_check_alive(owner, error) != 0) return QS_OP_FAILED;
    if (!qs_queue_is_turn(&listener->acceptors, state->current))
      return QS_OP_AGAIN;
  }
  switch (accept_one(L, listener, accepted, error)) {
  case QS_AGAIN:
    return QS_OP_AGAIN;
  case QS_DONE:
    return 0;
  default:
    return QS_OP_FAILED;
  }
}

int qs_accept(lua_State *L, struct qs_state *state,
              struct qs_listener *listener, struct qs_custodian *owner,
              struct qs_error *error) {
  struct qs_accepted accepted;
  int status = accept_client(L, state, listener, owner, &accepted, error);
  if (status != 0) return status;
  return qs_push_ports(L, state, &accepted, owner, error);
}

static int accept_attempt(lua_State *L, struct qs_state *state, void *self,
                          struct qs_error *error) {
  return qs_accept(L, state, self, state->current->custodian, error);
}

/* core.serve_next(listener, custodian, server, handler): accepts a connection
 * and starts its thread, under a new custodian below that. */
enum { SERVE_LISTENER = 1, SERVE_CUSTODIAN, SERVE_SERVER, SERVE_HANDLER };

static void *serve_check(lua_State *L, struct qs_state *state) {
  lua_settop(L, SERVE_HANDLER);
  qs_check_custodian(L, state, SERVE_CUSTODIAN);
  return check_listener(L, state, SERVE_LISTENER);
}

static int serve_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  struct qs_custodian *parent = qs_check_custodian(L, state, SERVE_CUSTODIAN);
  struct qs_accepted accepted;
  int status = accept_client(L, state, self, parent, &accepted, error);
  if (status != 0) return status;
  return qs_begin_connection(L, state, &accepted, parent, error);
}

static int accept_wait(void *self, struct qs_waiter *waiter,
                       struct qs_error *error) {
  return qs_listener_wait(self, waiter, error);
}

void qs_accept_describe(lua_State *L, void *self, struct qs_context *context) {
  struct qs_listener *listener = self;
  (void)L;
  if (listener->sockets != NULL)
    context->port = qs_address_port(&listener->local);
}

static const struct qs_operation accept_operation = {
    .name = "tcp.accept",
    .check = accept_check,
    .attempt = accept_attempt,
    .wait = accept_wait,
    .describe = qs_accept_describe,
};

static const struct qs_operation accept_breakable_operation = {
    .name = "tcp.accept",
    .check = accept_breakable_check,
    .attempt = accept_attempt,
    .wait = accept_wait,
    .describe = qs_accept_describe,
};

static const struct qs_operation serve_operation = {
    .name = "tcp.accept",
    .check = serve_check,
    .attempt = serve_attempt,
    .wait = accept_wait,
    .describe = qs_accept_describe,
};

/* --- the rest ----------------------------------------------------------------- */

static int accept_ready(lua_State *L) {
  struct qs_listener *listener = check_listener(L, qs_state_of(L), 1);
  if (listener->sockets == NULL) return qs_raise_closed(L, "tcp.accept_ready");
  lua_pushboolean(L, qs_listener_is_ready(listener));
  return 1;
}

static int close_listener(lua_State *L) {
  struct qs_listener *listener = check_listener(L, qs_state_of(L), 1);
  if (listener->sockets == NULL) return qs_raise_closed(L, "tcp.close");
  qs_listener_close(listener);
  return 0;
}

static int listener_release(lua_State *L) {
  qs_listener_close(lua_touserdata(L, 1));
  return 0;
}

static int listener_gc(lua_State *L) {
  listener_release(L);
  qs_retire(L);
  return 0;
}

static int is_closed(lua_State *L) {
  struct qs_listener *listener = check_listener(L, qs_state_of(L), 1);
  lua_pushboolean(L, listener->sockets == NULL);
  return 1;
}

static int is_listener(lua_State *L) {
  lua_pushboolean(L, qs_to(L, qs_state_of(L), 1, QS_TYPE_LISTENER) != NULL);
  return 1;
}

static int listener_tostring(lua_State *L) {
  struct qs_listener *listener = lua_touserdata(L, 1);
  char text[QS_ADDRESS_TEXT];
  if (listener->sockets == NULL)
    lua_pushliteral(L, "tcp listener (closed)");
  else
    lua_pushfstring(L, "tcp listener (%s port %d)",
                    listener->is_any ? "any address"
                                     : qs_address_text(&listener->local, text),
                    (int)qs_address_port(&listener->local));
  return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", listener_gc},
    {"__close", listener_release},
    {"__tostring", listener_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"accept_ready", accept_ready},
    {"close", close_listener},
    {"is_closed", is_closed},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"accept_ready", accept_ready},
    {"close", close_listener},
    {"is_listener", is_listener},
    {NULL, NULL},
};

void qs_open_listener(lua_State *L, struct qs_state *state) {
  qs_new_type(L, state, QS_TYPE_LISTENER, "quayside.listener", metamethods,
              methods);
  qs_add_operation(L, state, QS_TYPE_LISTENER, "accept", &accept_operation);
  qs_add_operation(L, state, QS_TYPE_LISTENER, "accept_enable_break",
                   &accept_breakable_operation);
  qs_set_functions(L, state, functions);
  qs_push_blocking(L, state, &listen_operation);
  lua_setfield(L, -2, "listen");
  qs_push_blocking(L, state, &accept_operation);
  lua_setfield(L, -2, "accept");
  qs_push_blocking(L, state, &accept_breakable_operation);
  lua_setfield(L, -2, "accept_enable_break");
  qs_push_blocking(L, state, &serve_operation);
  lua_setfield(L, -2, "serve_next");
}
