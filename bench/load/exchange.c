/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/net.h"

enum { BUFFER = 256 * 1024, NUMBER_DIGITS = 8, OPEN_TIMEOUT_S = 5 };

struct talker {
  int fd;
  bool writing; /* epoll asks for EPOLLOUT too */
  char *message;
  size_t sent, received;
  int64_t started_ns;
  uint32_t number; /* of the next line */
  long left;       /* messages still to send; negative: until time is up */
};

struct exchange {
  const struct options *options;
  struct stats *stats;
  bool newlines;
  int epoll;
  struct talker *talkers;
  long opened, talking;
  size_t message_size;
  int64_t end_ns; /* no message starts after this, none counts */
};

static char buffer[BUFFER];

struct exchange *exchange_new(const struct options *o, bool newlines) {
  struct exchange *x = allocate(sizeof *x);
  memset(x, 0, sizeof *x);
  if (o->size <= NUMBER_DIGITS)
    refuse("size is too small to number the lines");
  x->options = o;
  x->newlines = newlines;
  x->epoll = epoll_new();
  x->message_size = (size_t)(o->size * o->lines);
  return x;
}

static void fill_message(const struct exchange *x, struct talker *t, long id) {
  size_t size = (size_t)x->options->size;
  t->message = allocate(x->message_size);
  for (size_t i = 0; i < x->message_size; i++)
    t->message[i] = (char)('a' + (id * 7 + (long)i) % 26);
  for (size_t end = size; x->newlines && end <= x->message_size; end += size)
    t->message[end - 1] = '\n';
}

/* Give each line of the message the next number, in hexadecimal. */
static void number_lines(const struct exchange *x, struct talker *t) {
  size_t size = (size_t)x->options->size;
  for (size_t at = 0; at < x->message_size; at += size) {
    uint32_t n = t->number++;
    for (int i = NUMBER_DIGITS - 1; i >= 0; i--, n >>= 4)
      t->message[at + (size_t)i] = "0123456789abcdef"[n & 15];
  }
}

/*
 * One message there and back with blocking calls.  It proves that the server
 * has accepted, and paces the opening so that no backlog overflows.
 */
static void greet(const struct exchange *x, struct talker *t) {
  struct timeval limit = {.tv_sec = OPEN_TIMEOUT_S};
  setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  number_lines(x, t);
  if (send(t->fd, t->message, x->message_size, MSG_NOSIGNAL) !=
      (ssize_t)x->message_size)
    die("send to a new connection");
  for (size_t got = 0; got < x->message_size;) {
    size_t room = x->message_size - got;
    ssize_t n = recv(t->fd, buffer, room < BUFFER ? room : BUFFER, 0);
    if (n < 0)
      die("answer on a new connection");
    if (n == 0 || memcmp(buffer, t->message + got, (size_t)n) != 0)
      refuse("a new connection ends, or answers wrongly");
    got += (size_t)n;
  }
}

static void open_one(struct exchange *x, struct talker *t, long id) {
  memset(t, 0, sizeof *t);
  fill_message(x, t, id);
  t->fd = connect_loopback((int)x->options->port);
  greet(x, t);
  set_nonblocking(t->fd);
}

void exchange_open(struct exchange *x, long n) {
  size_t all = (size_t)(x->opened + n);
  x->talkers = realloc(x->talkers, all * sizeof *x->talkers);
  if (x->talkers == NULL)
    die("realloc");
  for (long i = 0; i < n; i++, x->opened++)
    open_one(x, &x->talkers[x->opened], x->opened);
}

static void stop(struct exchange *x, struct talker *t) {
  epoll_put(x->epoll, EPOLL_CTL_DEL, t->fd, 0, NULL);
  x->talking--;
}

static void fail(struct exchange *x, struct talker *t) {
  x->stats->errors++;
  stop(x, t);
}

static void want_write(struct exchange *x, struct talker *t, bool wanted) {
  if (t->writing == wanted)
    return;
  t->writing = wanted;
  epoll_put(x->epoll, EPOLL_CTL_MOD, t->fd,
            wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, t);
}

static void send_rest(struct exchange *x, struct talker *t) {
  ssize_t n = send(t->fd, t->message + t->sent, x->message_size - t->sent,
                   MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) {
    fail(x, t);
    return;
  }
  if (n > 0)
    t->sent += (size_t)n;
  want_write(x, t, t->sent < x->message_size);
}

static void start_message(struct exchange *x, struct talker *t, int64_t now) {
  number_lines(x, t);
  t->sent = t->received = 0;
  t->started_ns = now;
  send_rest(x, t);
}

/* The time at which the next message starts. */
static int64_t rest(const struct exchange *x, int64_t now) {
  if (x->options->pause_us == 0)
    return now;
  usleep((useconds_t)x->options->pause_us);
  return now_ns();
}

static void finish_message(struct exchange *x, struct talker *t) {
  int64_t now = now_ns();
  if (now < x->end_ns)
    stats_record(x->stats, now - t->started_ns, x->message_size);
  else
    stats_record_late(x->stats);
  t->left--;
  if (t->left == 0 || now >= x->end_ns)
    stop(x, t);
  else
    start_message(x, t, rest(x, now));
}

static void readable(struct exchange *x, struct talker *t) {
  ssize_t n = recv(t->fd, buffer, sizeof buffer, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0 || t->received + (size_t)n > t->sent ||
      memcmp(buffer, t->message + t->received, (size_t)n) != 0) {
    fail(x, t);
    return;
  }
  t->received += (size_t)n;
  if (t->received == x->message_size)
    finish_message(x, t);
}

static void handle(struct exchange *x, const struct epoll_event *e) {
  struct talker *t = e->data.ptr;
  if (t->writing && (e->events & EPOLLOUT) != 0)
    send_rest(x, t);
  else
    readable(x, t);
}

/* Answers that never come are errors, not an endless wait. */
static void talk(struct exchange *x) {
  struct epoll_event events[LOAD_EVENTS];
  int64_t last_ns = x->end_ns + (int64_t)LOAD_GRACE_S * 1000000000;
  while (x->talking > 0 && now_ns() < last_ns) {
    int n = epoll_wait(x->epoll, events, LOAD_EVENTS, 1000);
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < n; i++)
      handle(x, &events[i]);
  }
  x->stats->errors += (uint64_t)x->talking;
}

void exchange_run(struct exchange *x, long active, struct stats *s) {
  const struct options *o = x->options;
  long each = o->count > 0 ? (o->count + active - 1) / active : -1;
  x->stats = s;
  stats_start(s, o->pid);
  x->end_ns = s->start_ns + (int64_t)(o->secs * 1e9);
  for (long i = 0; i < active; i++) {
    struct talker *t = &x->talkers[i * x->opened / active];
    t->left = each;
    epoll_put(x->epoll, EPOLL_CTL_ADD, t->fd, EPOLLIN, t);
    x->talking++;
    start_message(x, t, now_ns());
  }
  talk(x);
  stats_stop(s);
  stats_expect(s, o->count);
  if (o->count == 0 && s->end_ns > x->end_ns)
    s->end_ns = x->end_ns;
}

void exchange_keep(struct exchange *x, long n) {
  while (x->opened > n) {
    struct talker *t = &x->talkers[--x->opened];
    close(t->fd);
    free(t->message);
  }
}

void exchange_close(struct exchange *x) {
  exchange_keep(x, 0);
  close(x->epoll);
  free(x->talkers);
  free(x);
}
