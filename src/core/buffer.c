/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

size_t qs_buffer_length(const struct qs_buffer *buffer) {
  return buffer->end - buffer->start;
}

static void give_back(struct qs_buffer *buffer, struct qs_loop *loop) {
  if (buffer->capacity == QS_BLOCK_SIZE)
    qs_loop_give_block(loop, buffer->bytes);
  else
    free(buffer->bytes);
}

/* Into other memory, which becomes the buffer's. */
static void move(struct qs_buffer *buffer, struct qs_loop *loop, char *bytes,
                 size_t capacity) {
  size_t length = qs_buffer_length(buffer);
  if (buffer->bytes != NULL) {
    memcpy(bytes, buffer->bytes + buffer->start, length);
    give_back(buffer, loop);
  }
  buffer->bytes = bytes;
  buffer->start = 0;
  buffer->end = length;
  buffer->capacity = capacity;
}

static size_t grown(size_t needed) {
  size_t capacity = QS_BLOCK_SIZE;
  while (capacity < needed)
    capacity *= 2;
  return capacity;
}

/* The usual case: nothing is there, and a block is enough. */
static bool take_block(struct qs_buffer *buffer, struct qs_loop *loop,
                       size_t room) {
  if (buffer->bytes != NULL || room > QS_BLOCK_SIZE) return false;
  buffer->bytes = qs_loop_take_block(loop);
  if (buffer->bytes == NULL) return false;
  buffer->capacity = QS_BLOCK_SIZE;
  return true;
}

int qs_buffer_reserve(struct qs_buffer *buffer, struct qs_loop *loop,
                      size_t room, struct qs_error *error) {
  if (take_block(buffer, loop, room)) return 0;
  size_t length = qs_buffer_length(buffer);
  if (buffer->capacity - buffer->end >= room) return 0;
  if (buffer->capacity >= QS_BLOCK_SIZE && buffer->capacity - length >= room &&
      buffer->start >= length) {
    memcpy(buffer->bytes, buffer->bytes + buffer->start, length);
    buffer->start = 0;
    buffer->end = length;
    return 0;
  }
  size_t capacity = grown(length + room);
  char *bytes =
      capacity == QS_BLOCK_SIZE ? qs_loop_take_block(loop) : malloc(capacity);
  if (bytes == NULL) {
    qs_error_posix(error, "buffer", NULL);
    return -1;
  }
  move(buffer, loop, bytes, capacity);
  return 0;
}

void qs_buffer_consume(struct qs_buffer *buffer, struct qs_loop *loop,
                       size_t count) {
  buffer->start += count;
  if (buffer->start == buffer->end) qs_buffer_clear(buffer, loop);
}

void qs_buffer_settle(struct qs_buffer *buffer, struct qs_loop *loop) {
  size_t length = qs_buffer_length(buffer);
  if (buffer->capacity != QS_BLOCK_SIZE || length > QS_BLOCK_SIZE / 4) return;
  char *bytes = malloc(length);
  if (bytes != NULL) move(buffer, loop, bytes, length);
}

void qs_buffer_clear(struct qs_buffer *buffer, struct qs_loop *loop) {
  if (buffer->bytes != NULL) give_back(buffer, loop);
  memset(buffer, 0, sizeof *buffer);
}
