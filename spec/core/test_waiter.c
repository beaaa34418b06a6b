/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <math.h>

enum { COUNT = 5 };

/* A queue with a fixture and a few waiters, all of one sort. */
struct line {
  struct fixture f;
  struct qs_queue queue;
  struct qs_waiter waiters[COUNT];
};

static void open_line(struct line *line, bool takes) {
  fixture_open(&line->f);
  qs_queue_init(&line->queue);
  for (int i = 0; i < COUNT; i++) {
    waiter_init(&line->waiters[i], &line->waiters[i], takes);
    qs_waiter_join(&line->waiters[i], &line->queue);
  }
}

static void close_line(struct line *line) {
  for (int i = 0; i < COUNT; i++)
    qs_waiter_leave(line->f.loop, &line->waiters[i]);
  CHECK(qs_queue_is_empty(&line->queue));
  fixture_close(&line->f);
}

static struct qs_waiter *pop(struct line *line) {
  struct qs_ready *ready = qs_loop_next(line->f.loop);
  return ready == NULL ? NULL : qs_waiter_of(ready);
}

static void test_fifo(void) {
  struct line line;
  open_line(&line, true);
  for (int i = 0; i < COUNT; i++) {
    CHECK(qs_queue_first(&line.queue) == &line.waiters[i]);
    qs_queue_signal(line.f.loop, &line.queue);
    CHECK(pop(&line) == &line.waiters[i]);
    CHECK(pop(&line) == NULL); /* one signal wakes one */
    qs_waiter_leave(line.f.loop, &line.waiters[i]);
    /* The next may find that there is enough for it, too. */
    CHECK(pop(&line) == (i + 1 < COUNT ? &line.waiters[i + 1] : NULL));
  }
  CHECK(qs_queue_first(&line.queue) == NULL);
  close_line(&line);
}

static void test_keeps_place(void) {
  struct line line;
  open_line(&line, true);
  for (int i = 0; i < 3; i++) {
    qs_queue_signal(line.f.loop, &line.queue);
    CHECK(pop(&line) == &line.waiters[0]);
  }
  CHECK(line.waiters[0].queue == &line.queue);
  close_line(&line);
}

static void test_lookers(void) {
  struct line line;
  open_line(&line, false);
  CHECK(qs_queue_first(&line.queue) == NULL);
  qs_queue_signal(line.f.loop, &line.queue);
  for (int i = 0; i < COUNT; i++)
    CHECK(pop(&line) == &line.waiters[i]);
  CHECK(pop(&line) == NULL);
  close_line(&line);
}

static void test_mixed(void) {
  struct line line;
  open_line(&line, false);
  line.waiters[1].takes = true;
  line.waiters[3].takes = true;
  CHECK(qs_queue_first(&line.queue) == &line.waiters[1]);
  qs_queue_signal(line.f.loop, &line.queue);
  CHECK(pop(&line) == &line.waiters[0]);
  CHECK(pop(&line) == &line.waiters[1]);
  CHECK(pop(&line) == &line.waiters[2]);
  CHECK(pop(&line) == &line.waiters[4]);
  CHECK(pop(&line) == NULL);
  close_line(&line);
}

static void test_turn(void) {
  struct line line;
  open_line(&line, true);
  CHECK(qs_queue_is_turn(&line.queue, &line.waiters[0]));
  CHECK(!qs_queue_is_turn(&line.queue, &line.waiters[1]));
  line.waiters[0].takes = false;
  CHECK(qs_queue_is_turn(&line.queue, &line.waiters[1]));
  for (int i = 0; i < COUNT; i++)
    qs_waiter_leave(line.f.loop, &line.waiters[i]);
  CHECK(qs_queue_is_turn(&line.queue, &line));
  close_line(&line);
}

static void test_withdrawn_turn(void) {
  struct line line;
  open_line(&line, true);
  qs_queue_signal(line.f.loop, &line.queue);
  qs_waiter_leave(line.f.loop, &line.waiters[0]); /* woken, not served */
  CHECK(!qs_ready_is_listed(&line.waiters[0].ready));
  CHECK(pop(&line) == &line.waiters[1]);
  CHECK(pop(&line) == NULL);
  close_line(&line);
}

static void test_withdrawn_behind(void) {
  struct line line;
  open_line(&line, true);
  qs_waiter_leave(line.f.loop, &line.waiters[2]);
  CHECK(pop(&line) == NULL); /* it had no turn to pass on */
  qs_waiter_leave(line.f.loop, &line.waiters[2]);
  CHECK(qs_queue_first(&line.queue) == &line.waiters[0]);
  close_line(&line);
}

static void test_withdrawn_looker(void) {
  struct line line;
  open_line(&line, true);
  line.waiters[0].takes = false;
  qs_waiter_leave(line.f.loop, &line.waiters[0]);
  CHECK(pop(&line) == NULL);
  close_line(&line);
}

static void test_dissolve(void) {
  struct line line;
  open_line(&line, true);
  line.waiters[2].takes = false;
  qs_queue_dissolve(line.f.loop, &line.queue);
  CHECK(qs_queue_is_empty(&line.queue));
  for (int i = 0; i < COUNT; i++) {
    CHECK(line.waiters[i].queue == NULL);
    CHECK(pop(&line) == &line.waiters[i]);
  }
  qs_queue_dissolve(line.f.loop, &line.queue);
  CHECK(pop(&line) == NULL);
  close_line(&line);
}

static void on_event(evutil_socket_t fd, short what, void *owner) {
  int *times = owner;
  (void)fd;
  (void)what;
  ++*times;
}

static void test_readiness(void) {
  struct fixture f;
  struct qs_readiness readiness;
  struct qs_error error;
  int times = 0;
  int near;
  int far;
  fixture_open(&f);
  dial_pair(&near, &far);
  qs_readiness_init(&readiness, f.loop, near, EV_READ, on_event, &times);
  qs_readiness_disarm(&readiness);
  CHECK(f.loop->armed == 0);
  for (int twice = 0; twice < 2; twice++)
    CHECK(qs_readiness_arm(&readiness, &error) == 0);
  CHECK(f.loop->armed == 1);
  qs_loop_poll(f.loop, false);
  CHECK(times == 0);
  peer_send(far, "x");
  qs_loop_poll(f.loop, true);
  qs_loop_poll(f.loop, true); /* level-triggered */
  CHECK(times == 2);
  for (int twice = 0; twice < 2; twice++)
    qs_readiness_disarm(&readiness);
  qs_loop_poll(f.loop, false);
  CHECK(times == 2);
  close(near);
  close(far);
  fixture_close(&f);
}

static void test_timers(void) {
  static const double delays_s[COUNT] = {0.2, 0, 0.1, -1, NAN};
  struct fixture f;
  struct qs_waiter waiters[COUNT];
  struct qs_timer timers[COUNT];
  struct qs_error error;
  fixture_open(&f);
  for (int i = 0; i < COUNT; i++) {
    waiter_init(&waiters[i], NULL, true);
    CHECK(qs_timer_start(&timers[i], f.loop, &waiters[i], delays_s[i],
                         &error) == 0);
  }
  CHECK(f.loop->timers == COUNT);
  for (int i = 0; i < 3; i++) /* the past ones, in no order of their own */
    CHECK(next_ready(f.loop) != &waiters[0]);
  CHECK(!timers[1].is_pending && !timers[3].is_pending);
  CHECK(next_ready(f.loop) == &waiters[2]);
  CHECK(next_ready(f.loop) == &waiters[0]);
  for (int i = 0; i < COUNT; i++)
    qs_timer_stop(&timers[i]); /* past already: no effect */
  fixture_close(&f);
}

static void test_timer_stopped(void) {
  static const double far_off_s[] = {0, 1e9, 1e300, INFINITY};
  struct fixture f;
  struct qs_waiter waiter;
  struct qs_timer timer;
  struct qs_error error;
  fixture_open(&f);
  waiter_init(&waiter, NULL, true);
  for (size_t i = 0; i < sizeof far_off_s / sizeof far_off_s[0]; i++) {
    CHECK(qs_timer_start(&timer, f.loop, &waiter, far_off_s[i], &error) == 0);
    CHECK(f.loop->timers == 1);
    if (i > 0) CHECK(is_quiet(f.loop)); /* not taken for the past */
    qs_timer_stop(&timer);
    CHECK(f.loop->timers == 0);
    CHECK(is_quiet(f.loop));
  }
  fixture_close(&f);
}

static const struct check_case cases[] = {
    {"takers are served in the order they came", test_fifo},
    {"who is woken in vain keeps its place", test_keeps_place},
    {"those who only look are woken all together", test_lookers},
    {"a signal wakes all lookers and the first taker", test_mixed},
    {"the turn is the first taker's, or anybody's in an empty queue",
     test_turn},
    {"a turn that is withdrawn passes to the next", test_withdrawn_turn},
    {"who was not first has no turn to pass on", test_withdrawn_behind},
    {"a looker has no turn to pass on", test_withdrawn_looker},
    {"dissolving a queue wakes everybody", test_dissolve},
    {"readiness is told while armed, as often as it is true", test_readiness},
    {"deadlines come in their order, past ones at once", test_timers},
    {"a deadline can be withdrawn, however far off", test_timer_stopped},
};

int main(void) {
  return CHECK_ALL(cases);
}
