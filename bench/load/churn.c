/* SPDX-License-Identifier: MIT */
/*
 * Connect, one request line, the answer, the end: `conns` at a time.
 *
 * The server closes first, so the waiting time of closed connections is on
 * its side and the load never runs out of ports.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/net.h"
#include "load.h"

enum { REQUEST_MAX = 4096 };

struct visit {
  int fd;
  bool asked; /* the request is sent */
  size_t received;
  int64_t started_ns;
};

struct churn {
  const struct options *options;
  struct stats *stats;
  int epoll;
  long open;
  long left; /* connections still to start; negative: until time is up */
  int64_t end_ns;
  size_t size;
  char request[REQUEST_MAX];
};

static void ask(struct churn *k, struct visit *v);

static void visit_start(struct churn *k, struct visit *v) {
  bool done;
  v->asked = false;
  v->received = 0;
  v->started_ns = now_ns();
  v->fd = start_connect((int)k->options->port, &done);
  if (v->fd < 0)
    die("connect");
  k->open++;
  k->left--;
  epoll_put(k->epoll, EPOLL_CTL_ADD, v->fd, done ? EPOLLIN : EPOLLOUT, v);
  if (done)
    ask(k, v);
}

/* Close this one and go on with the next in its place. */
static void visit_end(struct churn *k, struct visit *v, bool good) {
  int64_t now = now_ns();
  close(v->fd);
  k->open--;
  if (!good)
    k->stats->errors++;
  else if (now < k->end_ns)
    stats_record(k->stats, now - v->started_ns, k->size);
  else
    stats_record_late(k->stats);
  /* After an error nothing new starts here, or a dead server would spin. */
  if (good && k->left != 0 && now < k->end_ns)
    visit_start(k, v);
}

static void ask(struct churn *k, struct visit *v) {
  v->asked = true;
  if (send(v->fd, k->request, k->size, MSG_NOSIGNAL) != (ssize_t)k->size)
    visit_end(k, v, false);
}

static void connected(struct churn *k, struct visit *v) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    visit_end(k, v, false);
    return;
  }
  epoll_put(k->epoll, EPOLL_CTL_MOD, v->fd, EPOLLIN, v);
  ask(k, v);
}

static void readable(struct churn *k, struct visit *v) {
  char answer[REQUEST_MAX];
  ssize_t n = recv(v->fd, answer, sizeof answer, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n == 0) {
    visit_end(k, v, v->received == k->size);
  } else if (n < 0 || v->received + (size_t)n > k->size ||
             memcmp(answer, k->request + v->received, (size_t)n) != 0) {
    visit_end(k, v, false);
  } else {
    v->received += (size_t)n;
  }
}

static void loop(struct churn *k) {
  struct epoll_event events[LOAD_EVENTS];
  int64_t last_ns = k->end_ns + (int64_t)LOAD_GRACE_S * 1000000000;
  while (k->open > 0 && now_ns() < last_ns) {
    int n = epoll_wait(k->epoll, events, LOAD_EVENTS, 1000);
    for (int i = 0; i < n; i++) {
      struct visit *v = events[i].data.ptr;
      (v->asked ? readable : connected)(k, v);
    }
  }
  k->stats->errors += (uint64_t)k->open;
}

static void fill_request(struct churn *k) {
  k->size = (size_t)k->options->size;
  if (k->size < 1 || k->size > sizeof k->request)
    refuse("size must be 1 to 4096");
  memset(k->request, 'r', k->size);
  k->request[k->size - 1] = '\n';
}

void run_churn(const struct options *o, struct stats *s) {
  struct churn k = {.options = o, .stats = s, .epoll = epoll_new()};
  struct visit *all = calloc((size_t)o->conns, sizeof *all);
  if (all == NULL)
    die("calloc");
  fill_request(&k);
  k.left = o->count > 0 ? o->count : -1;
  stats_start(s, o->pid);
  k.end_ns = s->start_ns + (int64_t)(o->secs * 1e9);
  for (long i = 0; i < o->conns && k.left != 0; i++)
    visit_start(&k, &all[i]);
  loop(&k);
  stats_stop(s);
  stats_expect(s, o->count);
  if (o->count == 0 && s->end_ns > k.end_ns)
    s->end_ns = k.end_ns;
  free(all);
}
