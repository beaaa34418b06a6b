/* SPDX-License-Identifier: MIT */
#ifndef QS_LOOP_H
#define QS_LOOP_H

/*
 * The event loop: libevent's event_base, the list of waiters that are ready,
 * a pool of I/O blocks, and the count of what is registered.
 *
 * libevent's callbacks do no work of their own: they put a waiter on the ready
 * list (qs_loop_post) and return.  Whoever polls takes it from there
 * (qs_loop_next), at its own pace and on its own stack.
 */

#include "error.h"
#include "ring.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

/* The link by which something stands on the ready list; zeroed when it does
 * not. */
struct qs_ready {
  QS_RING_ENTRY(qs_ready) link;
};

static inline bool qs_ready_is_listed(const struct qs_ready *ready) {
  return ready->link.next != NULL;
}

/* Memory for I/O.  From `start` to `end` it is in use. */
struct qs_block {
  size_t start;
  size_t end;
  size_t capacity;
  char bytes[];
};

/* Capacity of a pooled block: what one recv(2) may bring and what a buffered
 * output may hold. */
enum { QS_BLOCK_SIZE = 64 * 1024 };

/* Blocks kept for reuse; more are given back to malloc. */
enum { QS_BLOCKS_KEPT = 16 };

struct qs_loop {
  void *owner; /* whose loop it is; the core never looks */
  struct event_base *base;
  struct qs_ready *ready; /* the first; NULL: none */
  size_t ready_count;
  struct qs_block *blocks[QS_BLOCKS_KEPT];
  size_t block_count;
  size_t armed;   /* readiness registrations that can end a wait */
  size_t timers;  /* deadlines pending */
  size_t lookups; /* host names being looked up */
  size_t streams; /* connections open */
};

/* Owns: the returned loop.  Errors: NULL and *error, step "event_base_new". */
struct qs_loop *qs_loop_new(struct qs_error *error);

/* Everything registered must be gone.  qs_loop_free(NULL) does nothing. */
void qs_loop_free(struct qs_loop *loop);

/* One turn of libevent.  With `may_wait`, sleeps until something is ready;
 * otherwise only looks. */
void qs_loop_poll(struct qs_loop *loop, bool may_wait);

/* True while something is registered that could make a poll return. */
bool qs_loop_is_busy(const struct qs_loop *loop);

/* Puts `ready` at the end of the ready list; no effect if it is on it. */
void qs_loop_post(struct qs_loop *loop, struct qs_ready *ready);

/* Takes `ready` off the list, if it is on it. */
void qs_loop_unpost(struct qs_loop *loop, struct qs_ready *ready);

/* Takes the first off the ready list; NULL when it is empty. */
struct qs_ready *qs_loop_next(struct qs_loop *loop);

/* An empty block; NULL when memory is short. */
struct qs_block *qs_block_new(size_t capacity);

/* One of QS_BLOCK_SIZE, likewise; and the return of one of any capacity. */
struct qs_block *qs_loop_take_block(struct qs_loop *loop);
void qs_loop_give_block(struct qs_loop *loop, struct qs_block *block);

#endif
