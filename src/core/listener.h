/* SPDX-License-Identifier: MIT */
#ifndef QS_LISTENER_H
#define QS_LISTENER_H

/*
 * One listener over one or several sockets with one port number.  The kernel
 * is asked for a connection only when somebody wants one, so its queue means
 * what `backlog` says.
 *
 * Source: the Racket reference, tcp-listen, tcp-accept, tcp-close.
 */

#include "custodian.h"
#include "socket.h"

struct qs_listening {
  int fd;
  struct qs_address local; /* AF_UNSPEC when it hears on several addresses */
  struct qs_readiness readable;
};

struct qs_listener {
  struct qs_loop *loop;
  struct qs_member member;
  struct qs_queue acceptors;
  struct qs_listening *sockets; /* NULL: closed */
  size_t count;
  size_t next; /* round-robin: where the next accept looks first */
  bool is_any; /* opened without a host */
  struct qs_address local;
};

struct qs_listener_options {
  int backlog;     /* for listen(2), unchanged */
  bool reuse_addr; /* SO_REUSEADDR */
  bool reuse_port; /* SO_REUSEPORT */
};

/* A new connection, accepted or made; `fd` is the taker's. */
struct qs_accepted {
  int fd;
  struct qs_address local; /* AF_UNSPEC: ask the kernel */
  struct qs_address peer;
};

/* Listens on all of `addresses`, or on none.  Their ports are `port`; 0 takes
 * any port that is free on all of them.  An empty list means every address of
 * the machine, IPv6 and IPv4.  IPv6 addresses are passed over where the system
 * has no IPv6 and there are others.
 * Errors: -1 and *error: step "socket", "bind" or "listen" with the address. */
int qs_listener_open(struct qs_listener *listener, struct qs_loop *loop,
                     struct qs_custodian *custodian,
                     const struct qs_addresses *addresses, uint16_t port,
                     const struct qs_listener_options *options,
                     struct qs_error *error);

/* Unaccepted clients read end of file; waiters are woken.  Again: no effect. */
void qs_listener_close(struct qs_listener *listener);

/* Makes the next try ask the kernel in any case. */
void qs_listener_look(struct qs_listener *listener);

/* QS_FAILED: kind CLOSED, or what accept(2) said; then the client stays
 * queued. */
enum qs_status qs_listener_try_accept(struct qs_listener *listener,
                                      struct qs_accepted *accepted,
                                      struct qs_error *error);

/* Is a client waiting?  Accepts nothing.  True when closed. */
bool qs_listener_is_ready(struct qs_listener *listener);

/* Waits for a client.  Joins the acceptors unless it has. */
int qs_listener_wait(struct qs_listener *listener, struct qs_waiter *waiter,
                     struct qs_error *error);

#endif
