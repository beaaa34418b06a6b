/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net.h"

void die(const char *step) {
  perror(step);
  exit(1);
}

void refuse(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(2);
}

int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void *allocate(size_t size) {
  void *p = malloc(size);
  if (p == NULL)
    die("malloc");
  return p;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a;
  memset(&a, 0, sizeof a);
  a.sin_family = AF_INET;
  a.sin_port = htons((uint16_t)port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static int tcp_socket(int flags) {
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

int listen_loopback(int *port) {
  struct sockaddr_in a = loopback(0);
  socklen_t length = sizeof a;
  int fd = tcp_socket(SOCK_NONBLOCK);
  if (fd < 0)
    die("socket");
  if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
    die("bind");
  if (listen(fd, 4096) != 0)
    die("listen");
  if (getsockname(fd, (struct sockaddr *)&a, &length) != 0)
    die("getsockname");
  *port = ntohs(a.sin_port);
  return fd;
}

int connect_loopback(int port) {
  struct sockaddr_in a = loopback(port);
  int fd = tcp_socket(0);
  if (fd < 0)
    die("socket");
  if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
    die("connect");
  set_nodelay(fd);
  return fd;
}

int start_connect(int port, bool *done) {
  struct sockaddr_in a = loopback(port);
  int fd = tcp_socket(SOCK_NONBLOCK);
  if (fd < 0)
    die("socket");
  *done = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
  if (!*done && errno != EINPROGRESS) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

void set_nonblocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
    die("fcntl");
}

void set_nodelay(int fd) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    die("setsockopt");
}

int epoll_new(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0)
    die("epoll_create1");
  return fd;
}

void epoll_put(int epoll, int op, int fd, uint32_t events, void *owner) {
  struct epoll_event e = {.events = events, .data.ptr = owner};
  if (epoll_ctl(epoll, op, fd, &e) != 0)
    die("epoll_ctl");
}
