/* SPDX-License-Identifier: MIT */
#ifndef QS_WAITER_H
#define QS_WAITER_H

/*
 * One registration: somebody waits for a turn at a resource, for a deadline,
 * or to be posted by hand.  It can be withdrawn at any moment.
 *
 * A waiter stands in the queue of what it waits for until it leaves, also
 * after it has been posted to the ready list: whoever is woken and finds the
 * prize gone keeps its place.  Queues are first come, first served.
 *
 * A waiter with `takes` set wants to take something (a connection, bytes, the
 * turn to write), so only the first of these is woken.  The others only look
 * (is the port ready? closed?) and are woken all together.
 */

#include "loop.h"

struct qs_queue;

struct qs_waiter {
  struct qs_ready ready;
  QS_RING_ENTRY(qs_waiter) place;
  struct qs_queue *queue; /* NULL: in none */
  void *owner;            /* whose wait it is; the core never looks */
  int tag;                /* likewise */
  bool takes;
};

struct qs_queue {
  struct qs_waiter *front; /* NULL: nobody waits */
};

void qs_queue_init(struct qs_queue *queue);
bool qs_queue_is_empty(const struct qs_queue *queue);

/* The waiter whose turn it is to take; NULL when nobody wants to. */
struct qs_waiter *qs_queue_first(const struct qs_queue *queue);

/* True when `owner` need not stand back: nobody else is first in the queue. */
bool qs_queue_is_turn(const struct qs_queue *queue, const void *owner);

/* Wakes all who look and the first who takes. */
void qs_queue_signal(struct qs_loop *loop, struct qs_queue *queue);

/* Wakes everybody and empties the queue: the resource is gone. */
void qs_queue_dissolve(struct qs_loop *loop, struct qs_queue *queue);

/* Joins at the end.  The waiter must be in no queue. */
void qs_waiter_join(struct qs_waiter *waiter, struct qs_queue *queue);

/* Withdraws: out of its queue, off the ready list.  If it had been woken for
 * a turn it did not take, the next in the queue is woken instead. */
void qs_waiter_withdraw(struct qs_loop *loop, struct qs_waiter *waiter);

/* The same; no effect on a waiter that is in neither. */
static inline void qs_waiter_leave(struct qs_loop *loop,
                                   struct qs_waiter *waiter) {
  if (waiter->queue != NULL || qs_ready_is_listed(&waiter->ready))
    qs_waiter_withdraw(loop, waiter);
}

/* The waiter that a ready link belongs to. */
struct qs_waiter *qs_waiter_of(struct qs_ready *ready);

/*
 * Readiness of one direction of one descriptor.  Registered with libevent
 * once and left so (level-triggered): a round trip needs no epoll_ctl.  The
 * callback disarms it when nobody is interested any more.
 */
struct qs_readiness {
  struct event event;
  struct qs_loop *loop;
  bool is_armed;
  bool is_hopeful; /* false: the last attempt found nothing more to be had,
                      and no poll has reported anything since */
};

/* `callback(fd, what, owner)` runs inside qs_loop_poll().  `what` is EV_READ
 * or EV_WRITE. */
void qs_readiness_init(struct qs_readiness *readiness, struct qs_loop *loop,
                       int fd, short what, event_callback_fn callback,
                       void *owner);
/* Both may be called in either state.  Arming fails only without memory.
 * Disarm before the descriptor is closed. */
int qs_readiness_arm(struct qs_readiness *readiness, struct qs_error *error);
void qs_readiness_disarm(struct qs_readiness *readiness);

/* A deadline that posts its waiter. */
struct qs_timer {
  struct event event;
  struct qs_loop *loop;
  struct qs_waiter *waiter;
  bool is_pending;
};

/* Longest wait that is taken literally; a longer one waits this long (about
 * 31 years).  Source: time_t and libevent add it to the present. */
#define QS_TIMER_MAX_S 1e9

int qs_timer_start(struct qs_timer *timer, struct qs_loop *loop,
                   struct qs_waiter *waiter, double seconds,
                   struct qs_error *error);
void qs_timer_stop(struct qs_timer *timer);

#endif
