/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

static void test_ready_list(void) {
  struct fixture f;
  struct qs_ready ready[4] = {0};
  fixture_open(&f);
  for (int i = 0; i < 4; i++)
    qs_loop_post(f.loop, &ready[i]);
  CHECK(f.loop->ready_count == 4);
  qs_loop_unpost(f.loop, &ready[1]);
  CHECK(qs_loop_next(f.loop) == &ready[0]);
  CHECK(qs_loop_next(f.loop) == &ready[2]);
  qs_loop_post(f.loop, &ready[0]);
  CHECK(qs_loop_next(f.loop) == &ready[3]);
  CHECK(qs_loop_next(f.loop) == &ready[0]);
  CHECK(qs_loop_next(f.loop) == NULL);
  fixture_close(&f);
}

static void test_posted_once(void) {
  struct fixture f;
  struct qs_ready ready = {0};
  fixture_open(&f);
  qs_loop_unpost(f.loop, &ready);
  CHECK(f.loop->ready_count == 0);
  qs_loop_post(f.loop, &ready);
  qs_loop_post(f.loop, &ready);
  CHECK(f.loop->ready_count == 1);
  CHECK(qs_loop_next(f.loop) == &ready);
  CHECK(!qs_ready_is_listed(&ready) && f.loop->ready_count == 0);
  fixture_close(&f);
}

static void test_busy(void) {
  struct fixture f;
  fixture_open(&f);
  size_t *counters[] = {&f.loop->armed, &f.loop->timers, &f.loop->lookups};
  CHECK(!qs_loop_is_busy(f.loop));
  for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
    ++*counters[i];
    CHECK(qs_loop_is_busy(f.loop));
    --*counters[i];
  }
  f.loop->streams = 1; /* open, but nobody waits for it */
  CHECK(!qs_loop_is_busy(f.loop));
  f.loop->streams = 0;
  fixture_close(&f);
}

static void test_look(void) {
  struct fixture f;
  fixture_open(&f);
  qs_loop_poll(f.loop, false); /* would hang if it waited */
  CHECK(f.loop->ready_count == 0);
  fixture_close(&f);
}

static void test_blocks(void) {
  struct fixture f;
  struct qs_block *blocks[QS_BLOCKS_KEPT + 4];

  enum { COUNT = sizeof blocks / sizeof blocks[0] };

  fixture_open(&f);
  for (int i = 0; i < COUNT; i++) {
    blocks[i] = qs_loop_take_block(f.loop);
    CHECK(blocks[i] != NULL);
    blocks[i]->bytes[0] = blocks[i]->bytes[QS_BLOCK_SIZE - 1] = 'x';
  }
  for (int i = 0; i < COUNT; i++)
    qs_loop_give_block(f.loop, blocks[i]);
  CHECK(f.loop->block_count == QS_BLOCKS_KEPT);
  blocks[0] = qs_loop_take_block(f.loop);
  CHECK(f.loop->block_count == QS_BLOCKS_KEPT - 1);
  qs_loop_give_block(f.loop, blocks[0]);
  fixture_close(&f);
}

/* Behind the beginning of a page, where some processors copy slowly to. */
static void test_place_of_bytes(void) {
  static const size_t capacities[] = {QS_BLOCK_SIZE, (size_t)4 * QS_BLOCK_SIZE};
  struct fixture f;
  fixture_open(&f);
  for (int i = 0; i < 2; i++) {
    struct qs_block *block = qs_block_new(capacities[i]);
    CHECK(block != NULL && (uintptr_t)block->bytes % 4096 == 256);
    memset(block->bytes, 'x', capacities[i]);
    qs_loop_give_block(f.loop, block);
  }
  CHECK(f.loop->block_count == 1);
  fixture_close(&f);
}

static void test_two_loops(void) {
  struct fixture one;
  struct fixture other;
  struct qs_ready ready = {0};
  fixture_open(&one);
  fixture_open(&other);
  qs_loop_post(one.loop, &ready);
  CHECK(qs_loop_next(other.loop) == NULL);
  CHECK(qs_loop_next(one.loop) == &ready);
  fixture_close(&one);
  fixture_close(&other);
  qs_loop_free(NULL);
}

static const struct check_case cases[] = {
    {"what is ready comes out in the order it was posted", test_ready_list},
    {"posting twice lists once", test_posted_once},
    {"a loop is busy while a poll could still bring something", test_busy},
    {"a look does not wait", test_look},
    {"blocks are kept for reuse, but not without bound", test_blocks},
    {"bytes lie where it is fast to receive them", test_place_of_bytes},
    {"loops know nothing of each other", test_two_loops},
};

int main(void) {
  return CHECK_ALL(cases);
}
