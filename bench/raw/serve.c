/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/net.h"
#include "raw.h"

enum { EVENTS = 256, BUFFER = 64 * 1024 };

static int epoll;
static const struct protocol *protocol;

/* Every connection reads into this: what must outlast the call is copied. */
static char buffer[BUFFER];

void conn_want_write(struct conn *c, bool wanted) {
  if (c->writing == wanted)
    return;
  c->writing = wanted;
  epoll_put(epoll, EPOLL_CTL_MOD, c->fd, wanted ? EPOLLOUT : EPOLLIN, c);
}

static void keep_unsent(struct conn *c, const char *data, size_t size) {
  size_t old = c->unsent_to - c->unsent_from;
  char *all = allocate(old + size);
  if (old > 0)
    memcpy(all, c->unsent + c->unsent_from, old);
  memcpy(all + old, data, size);
  free(c->unsent);
  c->unsent = all;
  c->unsent_from = 0;
  c->unsent_to = old + size;
  conn_want_write(c, true);
}

bool conn_send(struct conn *c, const char *data, size_t size) {
  ssize_t sent = 0;
  if (c->unsent == NULL)
    sent = send(c->fd, data, size, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN)
      return false;
    sent = 0;
  }
  if ((size_t)sent < size)
    keep_unsent(c, data + sent, size - (size_t)sent);
  return true;
}

bool conn_finish(struct conn *c, const char *data, size_t size) {
  c->closing = true;
  return conn_send(c, data, size) && c->unsent != NULL;
}

/* True when nothing is left unsent; *alive is false when the peer is gone. */
static bool flush_unsent(struct conn *c, bool *alive) {
  if (c->unsent == NULL)
    return true;
  ssize_t sent = send(c->fd, c->unsent + c->unsent_from,
                      c->unsent_to - c->unsent_from, MSG_NOSIGNAL);
  if (sent < 0) {
    *alive = errno == EAGAIN;
    return false;
  }
  c->unsent_from += (size_t)sent;
  if (c->unsent_from < c->unsent_to)
    return false;
  free(c->unsent);
  c->unsent = NULL;
  c->unsent_from = c->unsent_to = 0;
  return true;
}

static bool conn_writable(struct conn *c) {
  bool alive = true;
  if (!flush_unsent(c, &alive))
    return alive;
  if (c->closing)
    return false;
  conn_want_write(c, false);
  return protocol->on_writable == NULL || protocol->on_writable(c);
}

static bool conn_readable(struct conn *c) {
  ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
  if (n > 0)
    return protocol->on_data(c, buffer, (size_t)n);
  if (n < 0)
    return errno == EAGAIN;
  return protocol->on_end != NULL && protocol->on_end(c);
}

static void conn_close(struct conn *c) {
  close(c->fd);
  free(c->unsent);
  free(c->partial);
  free(c);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED)
        return;
      die("accept4");
    }
    struct conn *c = allocate(sizeof *c);
    memset(c, 0, sizeof *c);
    c->fd = fd;
    set_nodelay(fd);
    epoll_put(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, c);
  }
}

static void handle(struct epoll_event *e, int listener) {
  struct conn *c = e->data.ptr;
  if (c == NULL)
    accept_all(listener);
  else if (!(c->writing ? conn_writable(c) : conn_readable(c)))
    conn_close(c);
}

void serve(const struct protocol *p) {
  struct epoll_event events[EVENTS];
  int port, listener = listen_loopback(&port);
  protocol = p;
  epoll = epoll_new();
  epoll_put(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  printf("port %d\n", port);
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(epoll, events, EVENTS, -1);
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < n; i++)
      handle(&events[i], listener);
  }
}
