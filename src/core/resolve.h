/* SPDX-License-Identifier: MIT */
#ifndef QS_RESOLVE_H
#define QS_RESOLVE_H

/*
 * Host names to addresses.  Numeric hosts are answered at once; names are
 * looked up by a few helper threads, so that neither the loop nor another
 * look-up waits for a slow name server.  A look-up can be cancelled at any
 * moment: the helper finishes alone and its answer is dropped.
 *
 * Source: getaddrinfo(3), RFC 6724 for the order of the answers.
 */

#include "waiter.h"

struct qs_resolver;
struct qs_lookup;

/* Owns: the returned resolver.  No helper thread runs, and no descriptor
 * is open, before the first look-up.  Errors: NULL and *error. */
struct qs_resolver *qs_resolver_new(struct qs_loop *loop,
                                    struct qs_error *error);

/* All look-ups must have been finished or cancelled.  Helpers that sit in a
 * look-up are left to themselves; the others have ended when this returns. */
void qs_resolver_free(struct qs_resolver *resolver);

/* If `host` is a numeric address: QS_DONE and its address with `port` is added
 * to the list.  QS_AGAIN: it is a name. `type` is SOCK_STREAM or SOCK_DGRAM. */
enum qs_status qs_resolve_numeric(const char *host, uint16_t port, int type,
                                  struct qs_addresses *list,
                                  struct qs_error *error);

/* Starts looking `host` up (copied).  `done(owner)` runs once, inside
 * qs_loop_poll(), unless cancelled; it calls qs_lookup_take().
 * Errors: NULL and *error if nothing was started. */
struct qs_lookup *qs_resolver_start(struct qs_resolver *resolver,
                                    const char *host, uint16_t port, int type,
                                    void (*done)(void *owner), void *owner,
                                    struct qs_error *error);

/* The answer of a finished look-up, which is freed.  0 and the addresses, in
 * order, each once; or -1 and *error (kind GAI). */
int qs_lookup_take(struct qs_lookup *lookup, struct qs_addresses *list,
                   struct qs_error *error);

/* NULL is allowed. */
void qs_lookup_cancel(struct qs_lookup *lookup);

#endif
