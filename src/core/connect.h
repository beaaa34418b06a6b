/* SPDX-License-Identifier: MIT */
#ifndef QS_CONNECT_H
#define QS_CONNECT_H

/*
 * An attempt to connect: look the host up, then try its addresses one at a
 * time, in order, until one answers.  Can be cancelled at any moment.
 *
 * Source: the Racket reference, tcp-connect: "they are tried one at a time
 * until a connection succeeds".
 */

#include "custodian.h"
#include "resolve.h"
#include "socket.h"

struct qs_connect_options {
  const char *host;
  uint16_t port;
  const char *local_host; /* NULL: any */
  uint16_t local_port;    /* 0: any; required with local_host */
};

/* How the attempt at one address failed. */
struct qs_attempt {
  struct qs_address address;
  struct qs_error error;
};

struct qs_connect {
  struct qs_loop *loop;
  struct qs_resolver *resolver;
  struct qs_member member;
  struct qs_queue watchers;
  struct qs_connect_options options; /* strings are copies */
  struct qs_lookup *lookup;          /* NULL: none under way */
  struct qs_addresses remote;
  struct qs_addresses local;
  struct qs_attempt *attempts; /* one for each address that failed */
  size_t attempt_count;
  int fd; /* -1: none */
  struct qs_readiness writable;
  enum qs_status status; /* QS_AGAIN until it is decided */
  bool is_local_failure; /* the local host could not be looked up */
  struct qs_error error;
};

/* Starts.  The attempt belongs to `custodian` while it lasts: shutting that
 * down makes it fail at once, with kind CUSTODIAN.
 * Errors: -1 and *error if nothing was started. */
int qs_connect_open(struct qs_connect *connect, struct qs_loop *loop,
                    struct qs_resolver *resolver,
                    struct qs_custodian *custodian,
                    const struct qs_connect_options *options,
                    struct qs_error *error);

/* QS_DONE: *fd, which is the caller's from here on, is connected to *peer.
 * QS_FAILED: *error is the last address's; `attempts` has them all. */
enum qs_status qs_connect_try_take(struct qs_connect *connect, int *fd,
                                   struct qs_address *peer,
                                   struct qs_error *error);

/* Posts the waiter when the attempt is decided. */
void qs_connect_wait(struct qs_connect *connect, struct qs_waiter *waiter);

/* Cancels what is under way and frees what it holds.  Again: no effect. */
void qs_connect_close(struct qs_connect *connect);

#endif
