/* SPDX-License-Identifier: MIT */
#include "binding.h"
#include "udp.h"

/*
 * The two ports of a new connection, and the addresses of anything that has
 * them.
 */

/* Should memory run out half-way, the connection is closed by whoever comes
 * next. */
static void close_orphan(struct qs_state *state) {
  struct qs_stream *orphan = state->orphan;
  if (orphan == NULL) return;
  state->orphan = NULL;
  qs_stream_close_output(orphan, false);
  qs_stream_close_input(orphan);
}

int qs_push_closed_ports(lua_State *L, struct qs_state *state,
                         const struct qs_accepted *accepted,
                         struct qs_error *error) {
  close_orphan(state);
  state->orphan = qs_stream_new(state->loop, accepted->fd, &accepted->local,
                                &accepted->peer, error);
  if (state->orphan == NULL) return -1;
  qs_push_new(L, state, QS_TYPE_INPUT, sizeof(struct qs_input), 0);
  qs_push_new(L, state, QS_TYPE_OUTPUT, sizeof(struct qs_output), 0);
  return 0;
}

void qs_open_ports(lua_State *L, struct qs_state *state,
                   struct qs_custodian *custodian) {
  qs_input_open(lua_touserdata(L, -2), state->orphan, custodian);
  qs_output_open(lua_touserdata(L, -1), state->orphan, custodian);
  state->orphan = NULL;
}

int qs_push_ports(lua_State *L, struct qs_state *state,
                  const struct qs_accepted *accepted,
                  struct qs_custodian *custodian, struct qs_error *error) {
  if (qs_push_closed_ports(L, state, accepted, error) != 0) return QS_OP_FAILED;
  struct qs_input *input = lua_touserdata(L, -2);
  struct qs_output *output = lua_touserdata(L, -1);
  qs_remember(L, &input->member, -2);
  qs_remember(L, &output->member, -1);
  qs_open_ports(L, state, custodian);
  return 2;
}

/* --- addresses -------------------------------------------------------------- */

struct ends {
  struct qs_address local;
  struct qs_address peer;
  bool is_open;
};

static void ends_of_stream(const struct qs_stream *stream, struct ends *ends) {
  ends->is_open = stream != NULL;
  if (stream == NULL) return;
  ends->local = stream->local;
  ends->peer = stream->peer;
}

/* "If a listener is given and it has no specific host, the first string
 * result is 0.0.0.0"; the far end of a listener always is. */
static void ends_of_listener(const struct qs_listener *listener,
                             struct ends *ends) {
  ends->is_open = listener->sockets != NULL;
  ends->local = listener->local;
  qs_address_set_any(&ends->peer, AF_INET, 0);
  if (listener->is_any)
    qs_address_set_any(&ends->local, AF_INET,
                       qs_address_port(&listener->local));
}

static void ends_of_udp(const struct qs_datagram *datagram, struct ends *ends) {
  ends->is_open = datagram->is_open;
  qs_udp_ends(datagram, &ends->local, &ends->peer);
}

static bool find_ends(lua_State *L, struct qs_state *state, struct ends *ends) {
  void *object;
  if ((object = qs_to(L, state, 1, QS_TYPE_INPUT)) != NULL)
    ends_of_stream(((struct qs_input *)object)->stream, ends);
  else if ((object = qs_to(L, state, 1, QS_TYPE_OUTPUT)) != NULL)
    ends_of_stream(((struct qs_output *)object)->stream, ends);
  else if ((object = qs_to(L, state, 1, QS_TYPE_LISTENER)) != NULL)
    ends_of_listener(object, ends);
  else if ((object = qs_to(L, state, 1, QS_TYPE_UDP)) != NULL)
    ends_of_udp(object, ends);
  else
    return false;
  return true;
}

static int push_end(lua_State *L, const struct qs_address *address,
                    bool with_port) {
  char text[QS_ADDRESS_TEXT];
  lua_pushstring(L, qs_address_text(address, text));
  if (!with_port) return 1;
  lua_pushinteger(L, qs_address_port(address));
  return 2;
}

int qs_push_ends(lua_State *L, const struct qs_address *local,
                 const struct qs_address *peer, bool with_ports) {
  int count = push_end(L, local, with_ports);
  return count + push_end(L, peer, with_ports);
}

/* tcp.addresses(x [, port_numbers]) */
static int addresses(lua_State *L) {
  static const struct qs_context context = {"tcp.addresses", NULL, -1};
  struct ends ends;
  struct qs_error error;
  if (!find_ends(L, qs_state_of(L), &ends))
    return luaL_typeerror(L, 1, "TCP port, listener or UDP socket");
  if (!ends.is_open) {
    qs_error_state(&error, QS_ERROR_CLOSED, "addresses");
    return qs_raise(L, &context, &error);
  }
  return qs_push_ends(L, &ends.local, &ends.peer, lua_toboolean(L, 2));
}

/* --- predicates --------------------------------------------------------------- */

static int is_port(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  lua_pushboolean(L, qs_to(L, state, 1, QS_TYPE_INPUT) != NULL ||
                         qs_to(L, state, 1, QS_TYPE_OUTPUT) != NULL);
  return 1;
}

static int push_is_within(lua_State *L, lua_Integer least) {
  int is_integer = 0;
  lua_Integer number = lua_tointegerx(L, 1, &is_integer);
  lua_pushboolean(L, is_integer && lua_type(L, 1) == LUA_TNUMBER &&
                         number >= least && number <= UINT16_MAX);
  return 1;
}

static int is_port_number(lua_State *L) {
  return push_is_within(L, 1);
}

static int is_listen_port_number(lua_State *L) {
  return push_is_within(L, 0);
}

void qs_open_address(lua_State *L, struct qs_state *state) {
  static const luaL_Reg functions[] = {
      {"addresses", addresses},
      {"is_port", is_port},
      {"is_port_number", is_port_number},
      {"is_listen_port_number", is_listen_port_number},
      {NULL, NULL},
  };
  qs_set_functions(L, state, functions);
}
