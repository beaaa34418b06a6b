/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

/* Into another block, which becomes the buffer's. */
static void move(struct qs_buffer *buffer, struct qs_loop *loop,
                 struct qs_block *block) {
  size_t length = qs_buffer_length(buffer);
  if (length > 0) memcpy(block->bytes, qs_buffer_bytes(buffer), length);
  qs_buffer_clear(buffer, loop);
  buffer->block = block;
  block->end = length;
}

/* To the front of its block, if that makes room and costs little. */
static bool slide(struct qs_buffer *buffer, size_t room) {
  struct qs_block *block = buffer->block;
  size_t length = qs_buffer_length(buffer);
  if (block->capacity < QS_BLOCK_SIZE || block->capacity - length < room ||
      block->start < length)
    return false;
  memcpy(block->bytes, block->bytes + block->start, length);
  block->start = 0;
  block->end = length;
  return true;
}

static struct qs_block *block_for(struct qs_loop *loop, size_t needed) {
  size_t capacity = QS_BLOCK_SIZE;
  while (capacity < needed)
    capacity *= 2;
  return capacity == QS_BLOCK_SIZE ? qs_loop_take_block(loop)
                                   : qs_block_new(capacity);
}

static int fail(struct qs_error *error) {
  qs_error_posix(error, "buffer", NULL);
  return -1;
}

/* The first time there is nothing to move. */
static int begin(struct qs_buffer *buffer, struct qs_loop *loop, size_t room,
                 struct qs_error *error) {
  buffer->block = block_for(loop, room);
  return buffer->block == NULL ? fail(error) : 0;
}

int qs_buffer_grow(struct qs_buffer *buffer, struct qs_loop *loop, size_t room,
                   struct qs_error *error) {
  if (buffer->block == NULL) return begin(buffer, loop, room, error);
  if (slide(buffer, room)) return 0;
  struct qs_block *block = block_for(loop, qs_buffer_length(buffer) + room);
  if (block == NULL) return fail(error);
  move(buffer, loop, block);
  return 0;
}

void qs_buffer_consume(struct qs_buffer *buffer, struct qs_loop *loop,
                       size_t count) {
  struct qs_block *block = buffer->block;
  if (block == NULL) return;
  block->start += count;
  if (block->start == block->end) qs_buffer_clear(buffer, loop);
}

void qs_buffer_settle(struct qs_buffer *buffer, struct qs_loop *loop) {
  size_t length = qs_buffer_length(buffer);
  if (length == 0 || buffer->block->capacity != QS_BLOCK_SIZE ||
      length > QS_BLOCK_SIZE / 4)
    return;
  struct qs_block *block = qs_block_new(length);
  if (block != NULL) move(buffer, loop, block);
}

void qs_buffer_clear(struct qs_buffer *buffer, struct qs_loop *loop) {
  if (buffer->block != NULL) qs_loop_give_block(loop, buffer->block);
  buffer->block = NULL;
}
