/* SPDX-License-Identifier: MIT */
/*
 * The client case in C: N connections to an echo server, 64 bytes to and fro,
 * each answer compared with what was sent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/net.h"
#include "../common/options.h"
#include "raw.h"

enum { SIZE = 64, EVENTS = 256, GRACE_S = 5 };

struct talker {
  int fd;
  size_t received;
  long left; /* messages this connection may still send */
};

static const char message[SIZE + 1] =
    "the quick brown fox jumps over the lazy dog, and then home again";

struct client {
  int epoll;
  long open, count, errors;
  int64_t end_ns; /* no new message after this */
};

static void stop(struct client *k, struct talker *t) {
  close(t->fd);
  t->fd = -1;
  k->open--;
}

static void fail(struct client *k, struct talker *t) {
  k->errors++;
  stop(k, t);
}

/* 64 bytes always fit: a full socket would mean a server that never reads. */
static void ask(struct client *k, struct talker *t) {
  t->received = 0;
  if (send(t->fd, message, SIZE, MSG_NOSIGNAL) != SIZE)
    fail(k, t);
}

static void answered(struct client *k, struct talker *t) {
  k->count++;
  if (--t->left == 0 || now_ns() >= k->end_ns)
    stop(k, t);
  else
    ask(k, t);
}

static void readable(struct client *k, struct talker *t) {
  char buffer[4096];
  ssize_t n = recv(t->fd, buffer, sizeof buffer, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0 || t->received + (size_t)n > SIZE ||
      memcmp(buffer, message + t->received, (size_t)n) != 0) {
    fail(k, t);
    return;
  }
  t->received += (size_t)n;
  if (t->received == SIZE)
    answered(k, t);
}

static void run(struct client *k) {
  struct epoll_event events[EVENTS];
  int64_t last_ns = k->end_ns + (int64_t)GRACE_S * 1000000000;
  while (k->open > 0) {
    int n = epoll_wait(k->epoll, events, EVENTS, 1000);
    for (int i = 0; i < n; i++)
      readable(k, events[i].data.ptr);
    if (now_ns() > last_ns) {
      k->errors += k->open;
      return;
    }
  }
}

static void open_all(struct client *k, struct talker *all,
                     const struct options *o) {
  for (long i = 0; i < o->conns; i++) {
    all[i].fd = connect_loopback((int)o->port);
    all[i].left = o->count > 0 ? (o->count + o->conns - 1) / o->conns : -1;
    set_nonblocking(all[i].fd);
    epoll_put(k->epoll, EPOLL_CTL_ADD, all[i].fd, EPOLLIN, &all[i]);
    k->open++;
  }
}

static void print(const struct client *k, int64_t elapsed_ns) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  double cpu_us = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
                  (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  printf("mode=client count=%ld rate=%.0f errors=%ld cpu_us=%.3f\n", k->count,
         (double)k->count * 1e9 / (double)elapsed_ns, k->errors,
         cpu_us / (double)(k->count > 0 ? k->count : 1));
}

int run_client(int argc, char **argv) {
  struct options o = {.conns = 1, .secs = 1};
  struct client k = {.epoll = epoll_new()};
  options_parse(&o, argc, argv);
  struct talker *all = calloc((size_t)o.conns, sizeof *all);
  if (all == NULL)
    die("calloc");
  open_all(&k, all, &o);
  int64_t start_ns = now_ns();
  k.end_ns = start_ns + (int64_t)(o.secs * 1e9);
  for (long i = 0; i < o.conns; i++)
    ask(&k, &all[i]);
  run(&k);
  print(&k, now_ns() - start_ns);
  free(all);
  return k.errors > 0;
}
