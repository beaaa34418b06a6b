/* SPDX-License-Identifier: MIT */
/* The cases that answer what they were asked: echo, lines, one request. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "../common/net.h"
#include "raw.h"

static bool echo_data(struct conn *c, const char *data, size_t size) {
  return conn_send(c, data, size);
}

const struct protocol echo_protocol = {.name = "echo", .on_data = echo_data};

/* Append to the line whose end has not come yet. */
static void keep_partial(struct conn *c, const char *data, size_t size) {
  c->partial = realloc(c->partial, c->partial_size + size);
  if (c->partial == NULL)
    die("realloc");
  memcpy(c->partial + c->partial_size, data, size);
  c->partial_size += size;
}

static void forget_partial(struct conn *c) {
  free(c->partial);
  c->partial = NULL;
  c->partial_size = 0;
}

/*
 * Cut the input into lines and give each, its end included, to `answer`.
 * A line that came in one piece is used where it stands.
 */
static bool each_line(struct conn *c, const char *data, size_t size,
                      bool (*answer)(struct conn *, const char *, size_t)) {
  const char *end;
  bool alive = true;
  while (alive && (end = memchr(data, '\n', size)) != NULL) {
    size_t n = (size_t)(end + 1 - data);
    if (c->partial == NULL) {
      alive = answer(c, data, n);
    } else {
      keep_partial(c, data, n);
      alive = answer(c, c->partial, c->partial_size);
      forget_partial(c);
    }
    data += n;
    size -= n;
  }
  if (alive && size > 0)
    keep_partial(c, data, size);
  return alive;
}

static bool line_data(struct conn *c, const char *data, size_t size) {
  return each_line(c, data, size, conn_send);
}

const struct protocol line_protocol = {.name = "line", .on_data = line_data};

/*
 * Pipelined lines: the answers to all lines of one recv leave in one send.
 * They are gathered line by line, as answers of any other text would be.
 */
static char *replies;
static size_t replies_size, replies_room;

static bool gather(struct conn *c, const char *line, size_t size) {
  (void)c;
  if (replies_size + size > replies_room) {
    replies_room = 2 * (replies_size + size);
    replies = realloc(replies, replies_room);
    if (replies == NULL)
      die("realloc");
  }
  memcpy(replies + replies_size, line, size);
  replies_size += size;
  return true;
}

static bool pipeline_data(struct conn *c, const char *data, size_t size) {
  replies_size = 0;
  each_line(c, data, size, gather);
  return replies_size == 0 || conn_send(c, replies, replies_size);
}

const struct protocol pipeline_protocol = {
    .name = "pipeline",
    .on_data = pipeline_data,
};

/* One request line, one answer, and the server closes. */
static bool churn_data(struct conn *c, const char *data, size_t size) {
  return each_line(c, data, size, conn_finish);
}

const struct protocol churn_protocol = {.name = "churn", .on_data = churn_data};
