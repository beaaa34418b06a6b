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
  char *bytes; /* NULL: empty */
  size_t start;
  size_t end;
  size_t capacity;
};

size_t qs_buffer_length(const struct qs_buffer *buffer);

/* Makes room for at least `room` bytes behind the end; the first time, a whole
 * block.  -1 and *error without memory; then nothing has changed. */
int qs_buffer_reserve(struct qs_buffer *buffer, struct qs_loop *loop,
                      size_t room, struct qs_error *error);

/* Takes `count` bytes from the front; gives the memory back with the last. */
void qs_buffer_consume(struct qs_buffer *buffer, struct qs_loop *loop,
                       size_t count);

/* Moves a few bytes out of a block that others may want.  Without memory the
 * block is kept. */
void qs_buffer_settle(struct qs_buffer *buffer, struct qs_loop *loop);

/* Forgets everything. */
void qs_buffer_clear(struct qs_buffer *buffer, struct qs_loop *loop);

#endif
