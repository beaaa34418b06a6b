/* SPDX-License-Identifier: MIT */
#ifndef QS_UDP_H
#define QS_UDP_H

/*
 * What the files of the UDP binding share.
 */

#include "datagram.h"
#include "event.h"
#include "host.h"

/* The socket at index 1, or an argument error. */
struct qs_datagram *qs_check_udp(lua_State *L, struct qs_state *state);
int qs_raise_udp(lua_State *L, const char *op, const struct qs_error *error);
/* Pushes a host, to be closed, whose target is the socket. */
struct qs_host *qs_push_udp_host(lua_State *L, struct qs_state *state,
                                 struct qs_datagram *datagram, const char *name,
                                 uint16_t port);
/* What udp.addresses tells of an open socket. */
void qs_udp_ends(const struct qs_datagram *datagram, struct qs_address *local,
                 struct qs_address *peer);

/* Arguments `data [, first [, last]]` from `index` on: checks them, and drops
 * what follows; tells, or pushes, the part they name. */
struct qs_piece {
  const char *bytes;
  size_t size;
};

void qs_udp_check_piece(lua_State *L, int index);
struct qs_piece qs_udp_piece_at(lua_State *L, int index);
void qs_udp_push_piece(lua_State *L, int index);

/* Sends when it is the current thread's turn; then the results: of a call that
 * waits, and of one that does not (was it sent?). */
enum qs_status qs_udp_try_send(const struct qs_state *state,
                               struct qs_datagram *datagram,
                               const struct qs_address *to,
                               struct qs_piece piece, struct qs_error *error);
int qs_udp_send_results(enum qs_status status);
int qs_udp_send_boolean(lua_State *L, enum qs_status status);
int qs_udp_send_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error);

/* receive, whose number is how much of the datagram to keep at most; and how that
 * is asked of an argument. */
extern const struct qs_operation qs_udp_receive;
size_t qs_udp_check_most(lua_State *L, int index);

/* The arguments of send: data; and of send_to: host, port, data. */
enum {
  QS_UDP_SEND_DATA = 2,
  QS_UDP_TO_HOST = 2,
  QS_UDP_TO_PORT,
  QS_UDP_TO_DATA,
};

/* Check them; the socket. */
void *qs_udp_send_check(lua_State *L, struct qs_state *state);
struct qs_datagram *qs_udp_check_to(lua_State *L, struct qs_state *state);

/* Of an operation whose self is a host with a socket for its target: waits in
 * the queue of the look-up, then in that of the senders; and tells host and
 * port. */
int qs_udp_named_wait(void *self, struct qs_waiter *waiter,
                      struct qs_error *error);
void qs_udp_to_describe(lua_State *L, void *self, struct qs_context *context);

void qs_open_udp_evt(lua_State *L, struct qs_state *state);
void qs_open_udp_send(lua_State *L, struct qs_state *state);
void qs_open_udp_send_to(lua_State *L, struct qs_state *state);
void qs_open_udp_receive(lua_State *L, struct qs_state *state);
void qs_open_udp_options(lua_State *L, struct qs_state *state);

#endif
