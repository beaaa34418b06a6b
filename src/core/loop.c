/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>

/* The bytes of a large block begin this far behind the beginning of a page.
 * What the kernel has received mostly lies at the beginning of one, and some
 * processors (AMD's, with Zen 3 and 4) take three times as long to copy to an
 * address that is the source's or a little more, modulo the size of a page. */
enum { PAGE_SIZE = 4096, BYTES_AT = 256 };

static size_t pad_of(size_t capacity) {
  return capacity < QS_BLOCK_SIZE ? 0 : BYTES_AT - sizeof(struct qs_block);
}

static void *allocate(size_t size, size_t pad) {
  void *memory;
  if (pad == 0) return malloc(size);
  if (posix_memalign(&memory, PAGE_SIZE, pad + size) != 0) return NULL;
  return (char *)memory + pad;
}

static void free_block(struct qs_block *block) {
  free((char *)block - pad_of(block->capacity));
}

/* No locks: one loop belongs to one OS thread; look-ups report by a pipe. */
static struct event_base *make_base(void) {
  struct event_config *config = event_config_new();
  if (config == NULL) return NULL;
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  struct event_base *base = event_base_new_with_config(config);
  event_config_free(config);
  return base;
}

struct qs_loop *qs_loop_new(struct qs_error *error) {
  struct qs_loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) goto fail;
  errno = ENOMEM; /* libevent does not always say */
  loop->base = make_base();
  if (loop->base == NULL) goto fail_base;
  return loop;

fail_base:
  qs_error_posix(error, "event_base_new", NULL);
  free(loop);
  return NULL;
fail:
  qs_error_posix(error, "event_base_new", NULL);
  return NULL;
}

void qs_loop_free(struct qs_loop *loop) {
  if (loop == NULL) return;
  while (loop->block_count > 0)
    free_block(loop->blocks[--loop->block_count]);
  event_base_free(loop->base);
  free(loop);
}

void qs_loop_poll(struct qs_loop *loop, bool may_wait) {
  event_base_loop(loop->base, EVLOOP_ONCE | (may_wait ? EVLOOP_NO_EXIT_ON_EMPTY
                                                      : EVLOOP_NONBLOCK));
}

bool qs_loop_is_busy(const struct qs_loop *loop) {
  return loop->armed + loop->timers + loop->lookups > 0;
}

void qs_loop_post(struct qs_loop *loop, struct qs_ready *ready) {
  if (qs_ready_is_listed(ready)) return;
  QS_RING_APPEND(loop->ready, ready, link);
  loop->ready_count++;
}

void qs_loop_unpost(struct qs_loop *loop, struct qs_ready *ready) {
  if (!qs_ready_is_listed(ready)) return;
  QS_RING_REMOVE(loop->ready, ready, link);
  ready->link.next = NULL;
  loop->ready_count--;
}

struct qs_ready *qs_loop_next(struct qs_loop *loop) {
  struct qs_ready *ready = loop->ready;
  if (ready != NULL) qs_loop_unpost(loop, ready);
  return ready;
}

struct qs_block *qs_block_new(size_t capacity) {
  struct qs_block *block = allocate(sizeof *block + capacity, pad_of(capacity));
  if (block == NULL) return NULL;
  block->start = 0;
  block->end = 0;
  block->capacity = capacity;
  return block;
}

struct qs_block *qs_loop_take_block(struct qs_loop *loop) {
  if (loop->block_count == 0) return qs_block_new(QS_BLOCK_SIZE);
  struct qs_block *block = loop->blocks[--loop->block_count];
  block->start = 0;
  block->end = 0;
  return block;
}

void qs_loop_give_block(struct qs_loop *loop, struct qs_block *block) {
  if (block->capacity == QS_BLOCK_SIZE && loop->block_count < QS_BLOCKS_KEPT)
    loop->blocks[loop->block_count++] = block;
  else
    free_block(block);
}
