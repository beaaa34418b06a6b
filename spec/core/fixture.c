/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "resolve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { PEER_TIMEOUT_S = 60 };

void fixture_open(struct fixture *fixture) {
  struct qs_error error;
  fixture->loop = qs_loop_new(&error);
  CHECK(fixture->loop != NULL);
  fixture->root = qs_custodian_new(fixture->loop, NULL, &error);
  CHECK(fixture->root != NULL);
}

void fixture_close(struct fixture *fixture) {
  CHECK(fixture->root->members == NULL);
  CHECK(fixture->root->children == NULL);
  CHECK(fixture->root->references == 1);
  qs_custodian_release(fixture->root);
  CHECK(fixture->loop->ready_count == 0);
  CHECK(fixture->loop->armed == 0);
  CHECK(fixture->loop->timers == 0);
  CHECK(fixture->loop->lookups == 0);
  CHECK(fixture->loop->streams == 0);
  CHECK(!qs_loop_is_busy(fixture->loop));
  qs_loop_free(fixture->loop);
}

struct qs_address address_of(const char *host, uint16_t port) {
  struct qs_addresses list = {0};
  struct qs_error error;
  CHECK_ROW(qs_resolve_numeric(host, port, SOCK_STREAM, &list, &error) ==
                QS_DONE,
            host);
  struct qs_address address = list.items[0];
  qs_addresses_free(&list);
  return address;
}

void set_option(int fd, int level, int option, int value) {
  CHECK(setsockopt(fd, level, option, &value, sizeof value) == 0);
}

int listen_on(const char *host, uint16_t port, int backlog) {
  struct qs_address address = address_of(host, port);
  int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  if (address.any.sa_family == AF_INET6)
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  CHECK(bind(fd, &address.any, qs_address_length(&address)) == 0);
  CHECK(listen(fd, backlog) == 0);
  return fd;
}

uint16_t port_of(int fd) {
  struct qs_address address;
  qs_address_of_local(&address, fd);
  return qs_address_port(&address);
}

/* A peer that waits in vain shall fail its test, not hang it. */
static void limit_waits(int fd) {
  struct timeval limit = {.tv_sec = PEER_TIMEOUT_S};
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
}

int dial(const char *host, uint16_t port) {
  struct qs_address address = address_of(host, port);
  int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  limit_waits(fd);
  CHECK(connect(fd, &address.any, qs_address_length(&address)) == 0);
  return fd;
}

void dial_pair(int *near, int *far) {
  int listening = listen_on("127.0.0.1", 0, 1);
  *far = dial("127.0.0.1", port_of(listening));
  *near = accept(listening, NULL, NULL);
  CHECK(*near >= 0);
  close(listening);
}

struct qs_stream *stream_open(struct fixture *fixture, int *peer) {
  struct qs_address address;
  struct qs_error error;
  int fd;
  dial_pair(&fd, peer);
  CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  qs_address_of_peer(&address, fd);
  static const struct qs_address unknown;
  struct qs_stream *stream =
      qs_stream_new(fixture->loop, fd, &unknown, &address, &error);
  CHECK(stream != NULL);
  return stream;
}

void stream_close(struct qs_stream *stream) {
  bool is_input_open = stream->is_input_open;
  if (stream->is_output_open) qs_stream_close_output(stream, true);
  if (is_input_open) qs_stream_close_input(stream);
}

void peer_send(int fd, const char *text) {
  size_t size = strlen(text);
  CHECK(send(fd, text, size, MSG_NOSIGNAL) == (ssize_t)size);
}

void peer_expect(int fd, const char *text) {
  char bytes[256];
  size_t size = strlen(text);
  CHECK_ROW(recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size, text);
  CHECK_ROW(memcmp(bytes, text, size) == 0, text);
}

void peer_expect_end(int fd) {
  char byte;
  CHECK(recv(fd, &byte, 1, 0) == 0);
}

void peer_reset(int fd) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  close(fd);
}

void await_readable(int fd) {
  struct pollfd asked = {.fd = fd, .events = POLLIN};
  CHECK(poll(&asked, 1, PEER_TIMEOUT_S * 1000) == 1);
}

void waiter_init(struct qs_waiter *waiter, void *owner, bool takes) {
  memset(waiter, 0, sizeof *waiter);
  waiter->owner = owner;
  waiter->takes = takes;
}

struct qs_waiter *next_ready(struct qs_loop *loop) {
  while (loop->ready_count == 0)
    qs_loop_poll(loop, true);
  return qs_waiter_of(qs_loop_next(loop));
}

bool is_quiet(struct qs_loop *loop) {
  for (int i = 0; i < 10; i++)
    qs_loop_poll(loop, false);
  return loop->ready_count == 0;
}

bool is_under_valgrind(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

int rounds(int base) {
  const char *factor = getenv("QUAYSIDE_ROUNDS");
  int scaled = factor == NULL ? base : (int)(base * strtod(factor, NULL));
  return scaled > 0 ? scaled : 1;
}
