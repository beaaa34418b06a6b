/* SPDX-License-Identifier: MIT */
#include "event.h"

/*
 * connect: the attempt is userdata on the stack, to be closed whatever happens
 * to the wait.
 */

enum {
  CONNECT_HOST = 1,
  CONNECT_PORT,
  CONNECT_LOCAL_HOST,
  CONNECT_LOCAL_PORT,
  CONNECT_ATTEMPT,
};

static void expand_table(lua_State *L) {
  static const char *const names[] = {"hostname", "port", "local_hostname",
                                      "local_port"};
  lua_settop(L, 1);
  for (int i = 0; i < CONNECT_LOCAL_PORT; i++)
    lua_getfield(L, 1, names[i]);
  lua_remove(L, 1);
}

static void read_options(lua_State *L, struct qs_connect_options *options) {
  options->host = qs_check_host(L, CONNECT_HOST);
  options->port = qs_check_port(L, CONNECT_PORT, 1);
  options->local_host = qs_opt_host(L, CONNECT_LOCAL_HOST);
  options->local_port = 0;
  if (!lua_isnil(L, CONNECT_LOCAL_PORT))
    options->local_port = qs_check_port(L, CONNECT_LOCAL_PORT, 1);
  luaL_argcheck(L, options->local_host == NULL || options->local_port != 0,
                CONNECT_LOCAL_PORT,
                "a local port is required with a local host name");
}

static void check_arguments(lua_State *L, struct qs_connect_options *options) {
  if (lua_istable(L, 1)) expand_table(L);
  lua_settop(L, CONNECT_LOCAL_PORT);
  read_options(L, options);
}

/* Pushes the attempt, begun; a failure to begin is its outcome. */
static struct qs_connect *push_attempt(lua_State *L, struct qs_state *state) {
  struct qs_connect_options options;
  struct qs_error error;
  read_options(L, &options);
  struct qs_connect *connect =
      qs_push_new(L, state, QS_TYPE_CONNECT, sizeof *connect, 0);
  if (qs_connect_open(connect, state->loop, state->resolver,
                      state->current->custodian, &options, &error) != 0) {
    connect->status = QS_FAILED;
    connect->error = error;
  }
  return connect;
}

static void *start(lua_State *L, struct qs_state *state) {
  qs_prepare_wait(L, state);
  struct qs_connect *connect = push_attempt(L, state);
  if (connect->status == QS_FAILED &&
      qs_is_out_of_descriptors(&connect->error)) {
    lua_pop(L, 1);
    lua_gc(L, LUA_GCCOLLECT);
    connect = push_attempt(L, state);
  }
  lua_toclose(L, CONNECT_ATTEMPT);
  return connect;
}

static void *connect_check(lua_State *L, struct qs_state *state) {
  struct qs_connect_options options;
  check_arguments(L, &options);
  return start(L, state);
}

static void *connect_breakable_check(lua_State *L, struct qs_state *state) {
  struct qs_connect_options options;
  check_arguments(L, &options);
  state->current->is_wait_breakable = true;
  return start(L, state);
}

static int take(lua_State *L, struct qs_state *state,
                struct qs_connect *connect, struct qs_error *error) {
  struct qs_accepted connection = {0};
  switch (
      qs_connect_try_take(connect, &connection.fd, &connection.peer, error)) {
  case QS_AGAIN:
    return QS_OP_AGAIN;
  case QS_DONE:
    return qs_push_ports(L, state, &connection, state->current->custodian,
                         error);
  default:
    return QS_OP_FAILED;
  }
}

static int connect_attempt(lua_State *L, struct qs_state *state, void *self,
                           struct qs_error *error) {
  if (qs_check_alive(state->current->custodian, error) != 0)
    return QS_OP_FAILED;
  return take(L, state, self, error);
}

static int connect_wait(void *self, struct qs_waiter *waiter,
                        struct qs_error *error) {
  (void)error;
  qs_connect_wait(self, waiter);
  return 0;
}

static void describe(const struct qs_connect *connect,
                     struct qs_context *context) {
  context->host = connect->options.host;
  context->port = connect->options.port;
  if (connect->is_local_failure) {
    context->host = connect->options.local_host;
    context->port = connect->options.local_port;
  }
}

/* An attempt that could not begin keeps nothing; connect still has its
 * arguments on the stack, an event has not. */
static void connect_describe(lua_State *L, void *self,
                             struct qs_context *context) {
  const struct qs_connect *connect = self;
  if (connect->options.host != NULL) {
    describe(connect, context);
  } else if (lua_type(L, CONNECT_HOST) == LUA_TSTRING) {
    context->host = lua_tostring(L, CONNECT_HOST);
    context->port = (int)lua_tointeger(L, CONNECT_PORT);
  }
}

/* Adds `attempts` to the error object on top. */
static void push_attempts(lua_State *L, const struct qs_connect *connect) {
  lua_createtable(L, (int)connect->attempt_count, 0);
  for (size_t i = 0; i < connect->attempt_count; i++) {
    const struct qs_attempt *attempt = &connect->attempts[i];
    char text[QS_ADDRESS_TEXT];
    char code[16];
    lua_createtable(L, 0, 4);
    lua_pushstring(L, qs_address_text(&attempt->address, text));
    lua_setfield(L, -2, "address");
    lua_pushinteger(L, qs_address_port(&attempt->address));
    lua_setfield(L, -2, "port");
    lua_pushstring(L, qs_error_code(&attempt->error, code));
    lua_setfield(L, -2, "code");
    lua_pushinteger(L, attempt->error.code);
    lua_setfield(L, -2, "errno");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "attempts");
}

static void connect_decorate(lua_State *L, void *self) {
  push_attempts(L, self);
}

static const struct qs_operation connect_operation = {
    .name = "tcp.connect",
    .check = connect_check,
    .attempt = connect_attempt,
    .wait = connect_wait,
    .describe = connect_describe,
    .decorate = connect_decorate,
};

static const struct qs_operation connect_breakable_operation = {
    .name = "tcp.connect",
    .check = connect_breakable_check,
    .attempt = connect_attempt,
    .wait = connect_wait,
    .describe = connect_describe,
    .decorate = connect_decorate,
};

/* --- for connect events ------------------------------------------------------ */

/* core.check_connect(...) -> hostname, port, local_hostname, local_port */
static int check_connect(lua_State *L) {
  struct qs_connect_options options;
  check_arguments(L, &options);
  return CONNECT_LOCAL_PORT;
}

/* core.start_connect(hostname, port, local_hostname, local_port, tag) ->
 * attempt: begins, and registers the current thread for its end. */
static int attempt_arm(void *target, struct qs_waiter *waiter,
                       struct qs_error *error) {
  struct qs_connect *connect = target;
  (void)error;
  if (connect->loop != NULL) qs_connect_wait(connect, waiter);
  return 0;
}

static int start_connect(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  int tag = (int)luaL_checkinteger(L, CONNECT_LOCAL_PORT + 1);
  lua_settop(L, CONNECT_LOCAL_PORT);
  struct qs_connect *connect = push_attempt(L, state);
  struct qs_registration *registration =
      qs_watch(L, state, connect, tag, false, attempt_arm);
  if (connect->status != QS_AGAIN)
    qs_loop_post(state->loop, &registration->waiter.ready);
  return 1;
}

static void *attempt_check(lua_State *L, struct qs_state *state) {
  lua_settop(L, 1);
  return qs_check(L, state, 1, QS_TYPE_CONNECT);
}

static int attempt_attempt(lua_State *L, struct qs_state *state, void *self,
                           struct qs_error *error) {
  return take(L, state, self, error);
}

static const struct qs_operation take_operation = {
    .name = "tcp.connect",
    .check = attempt_check,
    .attempt = attempt_attempt,
    .describe = connect_describe,
    .decorate = connect_decorate,
};

static int connect_close(lua_State *L) {
  qs_connect_close(lua_touserdata(L, 1));
  return 0;
}

static int connect_gc(lua_State *L) {
  connect_close(L);
  qs_retire(L);
  return 0;
}

static int cancel_connect(lua_State *L) {
  qs_connect_close(qs_check(L, qs_state_of(L), 1, QS_TYPE_CONNECT));
  return 0;
}

void qs_open_connect(lua_State *L, struct qs_state *state) {
  static const luaL_Reg metamethods[] = {
      {"__gc", connect_gc},
      {"__close", connect_close},
      {NULL, NULL},
  };
  static const luaL_Reg methods[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"check_connect", check_connect},
      {"start_connect", start_connect},
      {"cancel_connect", cancel_connect},
      {NULL, NULL},
  };
  qs_new_type(L, state, QS_TYPE_CONNECT, "quayside.connect", metamethods,
              methods);
  qs_set_functions(L, state, functions);
  qs_push_blocking(L, state, &connect_operation);
  lua_setfield(L, -2, "connect");
  qs_push_blocking(L, state, &connect_breakable_operation);
  lua_setfield(L, -2, "connect_enable_break");
  qs_push_try(L, state, &take_operation);
  lua_setfield(L, -2, "try_connect");
}
