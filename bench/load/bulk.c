/* SPDX-License-Identifier: MIT */
/*
 * Much in one direction, one transfer after the other.
 *
 *   down: ask "BYTES WRITE\n", get so many letters x and the end of file;
 *   up:   send BYTES letters x, half-close, get the count as a line.
 *
 * Blocking calls serve: there is one connection and one thing to do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/net.h"
#include "load.h"

enum { BUFFER = 256 * 1024, TIMEOUT_S = 20 };

static char buffer[BUFFER], letters[BUFFER];

static int open_bulk(const struct options *o) {
  struct timeval limit = {.tv_sec = TIMEOUT_S};
  int fd = connect_loopback((int)o->port);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return fd;
}

static bool send_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data += n;
    size -= (size_t)n;
  }
  return true;
}

/* Exactly `bytes` letters and then the end of file. */
static bool read_letters(int fd, long bytes) {
  ssize_t n;
  while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
    if (n > bytes || memcmp(buffer, letters, (size_t)n) != 0)
      return false;
    bytes -= n;
  }
  return n == 0 && bytes == 0;
}

static bool down_once(int fd, const struct options *o) {
  char request[64];
  int n = snprintf(request, sizeof request, "%ld %ld\n", o->bytes, o->size);
  return send_all(fd, request, (size_t)n) && read_letters(fd, o->bytes);
}

/* The answer must be the count, a line end and the end of file. */
static bool read_count(int fd, long expected) {
  size_t got = 0;
  ssize_t n;
  char line[64], right[64];
  while ((n = recv(fd, line + got, sizeof line - got, 0)) > 0)
    got += (size_t)n;
  int length = snprintf(right, sizeof right, "%ld\n", expected);
  return n == 0 && got == (size_t)length && memcmp(line, right, got) == 0;
}

static bool up_once(int fd, const struct options *o) {
  static char *block;
  if (block == NULL) {
    block = allocate((size_t)o->size);
    memset(block, 'x', (size_t)o->size);
  }
  for (long left = o->bytes; left > 0; left -= o->size)
    if (!send_all(fd, block, (size_t)(left < o->size ? left : o->size)))
      return false;
  return shutdown(fd, SHUT_WR) == 0 && read_count(fd, o->bytes);
}

static bool transfer(const struct options *o, struct stats *s,
                     bool (*once)(int, const struct options *)) {
  int64_t started_ns = now_ns();
  int fd = open_bulk(o);
  bool good = once(fd, o);
  close(fd);
  if (good)
    stats_record(s, now_ns() - started_ns, (size_t)o->bytes);
  else
    s->errors++;
  return good;
}

/* Whole transfers until the time is up; the last one may end after it. */
static void run_bulk(const struct options *o, struct stats *s,
                     bool (*once)(int, const struct options *)) {
  int64_t end_ns;
  long left = o->count > 0 ? o->count : -1;
  memset(letters, 'x', sizeof letters);
  stats_start(s, o->pid);
  end_ns = s->start_ns + (int64_t)(o->secs * 1e9);
  while (left-- != 0 && transfer(o, s, once) && now_ns() < end_ns)
    continue;
  stats_stop(s);
  stats_expect(s, o->count);
}

void run_down(const struct options *o, struct stats *s) {
  run_bulk(o, s, down_once);
}

void run_up(const struct options *o, struct stats *s) {
  run_bulk(o, s, up_once);
}
