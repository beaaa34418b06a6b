/* SPDX-License-Identifier: MIT */
#ifndef QS_BUFFER_H
#define QS_BUFFER_H

/*
 * Bytes between a port and the kernel.  An empty buffer holds no memory; one
 * in use begins in a block lent by the loop and moves to memory of its own
 * when it outgrows that, or when it must be kept while the port is idle.
 */

#include "loop.h"

struct qs_buffer {
  struct qs_block *block; /* NULL: empty */
};

static inline bool qs_buffer_is_empty(const struct qs_buffer *buffer) {
  return buffer->block == NULL;
}

static inline size_t qs_buffer_length(const struct qs_buffer *buffer) {
  return buffer->block == NULL ? 0 : buffer->block->end - buffer->block->start;
}

/* The first of its bytes; it must not be empty. */
static inline const char *qs_buffer_bytes(const struct qs_buffer *buffer) {
  return buffer->block->bytes + buffer->block->start;
}

/* The room behind the end: how much, and where, if there is any.  What has
 * been written there is added by making it part of the buffer. */
static inline size_t qs_buffer_room(const struct qs_buffer *buffer) {
  return buffer->block == NULL ? 0
                               : buffer->block->capacity - buffer->block->end;
}

static inline char *qs_buffer_space(const struct qs_buffer *buffer) {
  return buffer->block->bytes + buffer->block->end;
}

static inline void qs_buffer_extend(struct qs_buffer *buffer, size_t count) {
  buffer->block->end += count;
}

/* Makes room for at least `room` bytes behind the end; the first time, a whole
 * block.  -1 and *error without memory; then nothing has changed. */
int qs_buffer_grow(struct qs_buffer *buffer, struct qs_loop *loop, size_t room,
                   struct qs_error *error);

/* The same, unless there is room already.  After it the buffer has a block. */
static inline int qs_buffer_reserve(struct qs_buffer *buffer,
                                    struct qs_loop *loop, size_t room,
                                    struct qs_error *error) {
  if (buffer->block != NULL && qs_buffer_room(buffer) >= room) return 0;
  return qs_buffer_grow(buffer, loop, room, error);
}

/* Takes `count` bytes from the front; gives the memory back with the last. */
void qs_buffer_consume(struct qs_buffer *buffer, struct qs_loop *loop,
                       size_t count);

/* Moves a few bytes out of a block that others may want.  Without memory the
 * block is kept. */
void qs_buffer_settle(struct qs_buffer *buffer, struct qs_loop *loop);

/* Forgets everything. */
void qs_buffer_clear(struct qs_buffer *buffer, struct qs_loop *loop);

#endif
