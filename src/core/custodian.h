/* SPDX-License-Identifier: MIT */
#ifndef QS_CUSTODIAN_H
#define QS_CUSTODIAN_H

/*
 * A tree of custodians.  A custodian manages members (connections, listeners,
 * sockets, attempts, threads); shutting it down shuts down everything below
 * it, sub-custodians first, and marks it dead for ever.
 *
 * Members are linked, not owned: a member that closes leaves its list at once,
 * so a list holds only what is open.  A custodian is counted: its handle, its
 * members and its sub-custodians each hold it.
 *
 * Source: the Racket reference, "Custodians".
 */

#include "waiter.h"

struct qs_custodian;

struct qs_member {
  QS_RING_ENTRY(qs_member) link;
  struct qs_custodian *custodian; /* NULL: managed by none (any more) */
  const struct qs_member_kind *kind;
};

/* What the members of one sort have in common. */
struct qs_member_kind {
  const char *name;
  /* Ends the member at once, without waiting and without failing.  It has
   * left its custodian when this runs. */
  void (*shut_down)(struct qs_member *member);
};

struct qs_custodian {
  struct qs_custodian *parent;      /* NULL: a root, which knows the loop */
  QS_RING_ENTRY(qs_custodian) link; /* among the parent's children */
  struct qs_custodian *children;    /* the first; NULL: none */
  struct qs_member *members;        /* likewise */
  struct qs_queue watchers;         /* dissolved at shutdown */
  uint32_t references;
  bool is_child; /* stands in its parent's list */
  bool is_shut_down;
};

/* With one reference, the caller's.  `parent` is NULL for a root, else must be
 * alive, and has that loop.  Errors: NULL and *error (ENOMEM, or kind CUSTODIAN). */
struct qs_custodian *qs_custodian_new(struct qs_loop *loop,
                                      struct qs_custodian *parent,
                                      struct qs_error *error);
struct qs_loop *qs_custodian_loop(const struct qs_custodian *custodian);
void qs_custodian_retain(struct qs_custodian *custodian);
/* The last reference frees it.  NULL is allowed. */
void qs_custodian_release(struct qs_custodian *custodian);

/* Raises nothing, waits for nothing.  Again: no effect. */
void qs_custodian_shut_down(struct qs_custodian *top);

/* Puts a member under a custodian.  -1 and *error (kind CUSTODIAN) when that
 * has been shut down; then the member is managed by none. */
int qs_custodian_add(struct qs_custodian *custodian, struct qs_member *member,
                     const struct qs_member_kind *kind, struct qs_error *error);

/* Takes it from its custodian's list.  No effect on one managed by none. */
void qs_member_leave(struct qs_member *member);

#endif
