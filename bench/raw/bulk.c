/* SPDX-License-Identifier: MIT */
/* The cases that move much in one direction. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../common/net.h"
#include "raw.h"

enum { REQUEST = 64 };

/*
 * The body of `down` is the letter x, so any part of one block is right, and
 * one block as large as the largest write asked for serves every connection.
 */
static char *block;
static size_t block_size;

static void grow_block(size_t size) {
  if (size <= block_size)
    return;
  block = realloc(block, size);
  if (block == NULL)
    die("realloc");
  memset(block, 'x', size);
  block_size = size;
}

/*
 * Send until all is sent or the kernel is full.  True: wait for room.
 * The block is not copied anywhere: what did not go is simply sent again.
 */
static bool down_pump(struct conn *c) {
  while (c->total > 0) {
    size_t n = c->write_size;
    if ((int64_t)n > c->total)
      n = (size_t)c->total;
    ssize_t sent = send(c->fd, block, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
      return false;
    if (sent < 0) {
      conn_want_write(c, true);
      return true;
    }
    c->total -= sent;
  }
  return false;
}

/* "BYTES WRITE\n": so many bytes, so many with one write. */
static bool down_data(struct conn *c, const char *data, size_t size) {
  char request[REQUEST];
  size_t n = size < sizeof request ? size : sizeof request - 1;
  memcpy(request, data, n);
  request[n] = '\0';
  if (sscanf(request, "%" SCNd64 " %zu\n", &c->total, &c->write_size) != 2)
    return false;
  grow_block(c->write_size);
  return down_pump(c);
}

const struct protocol down_protocol = {
    .name = "down",
    .on_data = down_data,
    .on_writable = down_pump,
};

/* Count until the client half-closes, then answer the count as a line. */
static bool up_data(struct conn *c, const char *data, size_t size) {
  (void)data;
  c->total += (int64_t)size;
  return true;
}

static bool up_end(struct conn *c) {
  char line[32];
  int n = snprintf(line, sizeof line, "%" PRId64 "\n", c->total);
  return conn_finish(c, line, (size_t)n);
}

const struct protocol up_protocol = {
    .name = "up",
    .on_data = up_data,
    .on_end = up_end,
};
