/* SPDX-License-Identifier: MIT */
#include "waiter.h"

#include <errno.h>
#include <string.h>

void qs_queue_init(struct qs_queue *queue) {
  queue->front = NULL;
}

bool qs_queue_is_empty(const struct qs_queue *queue) {
  return queue->front == NULL;
}

struct qs_waiter *qs_queue_first(const struct qs_queue *queue) {
  struct qs_waiter *waiter;
  QS_RING_FOREACH (waiter, queue->front, place)
    if (waiter->takes) return waiter;
  return NULL;
}

bool qs_queue_is_turn(const struct qs_queue *queue, const void *owner) {
  const struct qs_waiter *first = qs_queue_first(queue);
  return first == NULL || first->owner == owner;
}

void qs_queue_signal(struct qs_loop *loop, struct qs_queue *queue) {
  struct qs_waiter *waiter;
  bool is_taken = false;
  QS_RING_FOREACH (waiter, queue->front, place) {
    if (waiter->takes && is_taken) continue;
    is_taken |= waiter->takes;
    qs_loop_post(loop, &waiter->ready);
  }
}

void qs_queue_dissolve(struct qs_loop *loop, struct qs_queue *queue) {
  struct qs_waiter *waiter;
  while ((waiter = queue->front) != NULL) {
    QS_RING_REMOVE(queue->front, waiter, place);
    waiter->queue = NULL;
    qs_loop_post(loop, &waiter->ready);
  }
}

void qs_waiter_join(struct qs_waiter *waiter, struct qs_queue *queue) {
  QS_RING_APPEND(queue->front, waiter, place);
  waiter->queue = queue;
}

void qs_waiter_withdraw(struct qs_loop *loop, struct qs_waiter *waiter) {
  struct qs_queue *queue = waiter->queue;
  if (queue != NULL) {
    bool was_first = waiter->takes && qs_queue_first(queue) == waiter;
    QS_RING_REMOVE(queue->front, waiter, place);
    waiter->queue = NULL;
    if (was_first && !qs_queue_is_empty(queue)) qs_queue_signal(loop, queue);
  }
  qs_loop_unpost(loop, &waiter->ready);
}

struct qs_waiter *qs_waiter_of(struct qs_ready *ready) {
  /* `ready` is the first member. */
  return (struct qs_waiter *)(void *)ready;
}

void qs_readiness_init(struct qs_readiness *readiness, struct qs_loop *loop,
                       int fd, short what, event_callback_fn callback,
                       void *owner) {
  readiness->loop = loop;
  readiness->is_armed = false;
  readiness->is_hopeful = true;
  event_assign(&readiness->event, loop->base, fd, (short)(what | EV_PERSIST),
               callback, owner);
}

int qs_readiness_arm(struct qs_readiness *readiness, struct qs_error *error) {
  if (readiness->is_armed) return 0;
  errno = ENOMEM;
  if (event_add(&readiness->event, NULL) != 0) {
    qs_error_posix(error, "event_add", NULL);
    return -1;
  }
  readiness->is_armed = true;
  readiness->loop->armed++;
  return 0;
}

void qs_readiness_disarm(struct qs_readiness *readiness) {
  if (!readiness->is_armed) return;
  event_del(&readiness->event);
  readiness->is_armed = false;
  readiness->loop->armed--;
}

static void on_deadline(evutil_socket_t fd, short what, void *owner) {
  struct qs_timer *timer = owner;
  (void)fd;
  (void)what;
  timer->is_pending = false;
  timer->loop->timers--;
  qs_loop_post(timer->loop, &timer->waiter->ready);
}

static struct timeval timeval_of(double seconds) {
  if (!(seconds > 0)) seconds = 0;
  if (seconds > QS_TIMER_MAX_S) seconds = QS_TIMER_MAX_S;
  struct timeval when;
  when.tv_sec = (time_t)seconds;
  when.tv_usec = (suseconds_t)((seconds - (double)when.tv_sec) * 1e6);
  return when;
}

int qs_timer_start(struct qs_timer *timer, struct qs_loop *loop,
                   struct qs_waiter *waiter, double seconds,
                   struct qs_error *error) {
  struct timeval when = timeval_of(seconds);
  timer->loop = loop;
  timer->waiter = waiter;
  timer->is_pending = false;
  evtimer_assign(&timer->event, loop->base, on_deadline, timer);
  errno = ENOMEM;
  if (evtimer_add(&timer->event, &when) != 0) {
    qs_error_posix(error, "evtimer_add", NULL);
    return -1;
  }
  timer->is_pending = true;
  loop->timers++;
  return 0;
}

void qs_timer_stop(struct qs_timer *timer) {
  if (!timer->is_pending) return;
  evtimer_del(&timer->event);
  timer->is_pending = false;
  timer->loop->timers--;
}
