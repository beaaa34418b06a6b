/* SPDX-License-Identifier: MIT */
#include "buffer.h"
#include "fixture.h"

#include <string.h>

static void append(struct qs_buffer *buffer, struct qs_loop *loop,
                   const char *bytes, size_t size) {
  struct qs_error error;
  CHECK(qs_buffer_reserve(buffer, loop, size, &error) == 0);
  CHECK(qs_buffer_room(buffer) >= size);
  memcpy(qs_buffer_space(buffer), bytes, size);
  qs_buffer_extend(buffer, size);
}

static void expect(const struct qs_buffer *buffer, const char *text) {
  CHECK_ROW(qs_buffer_length(buffer) == strlen(text), text);
  CHECK_ROW(memcmp(qs_buffer_bytes(buffer), text, strlen(text)) == 0, text);
}

static void test_empty(void) {
  struct fixture f;
  struct qs_buffer buffer = {0};
  fixture_open(&f);
  CHECK(qs_buffer_length(&buffer) == 0);
  append(&buffer, f.loop, "abc", 3);
  CHECK(buffer.block->capacity == QS_BLOCK_SIZE);
  qs_buffer_consume(&buffer, f.loop, 1);
  expect(&buffer, "bc");
  qs_buffer_consume(&buffer, f.loop, 2);
  CHECK(qs_buffer_is_empty(&buffer));
  CHECK(f.loop->block_count == 1); /* given back */
  qs_buffer_clear(&buffer, f.loop);
  qs_buffer_settle(&buffer, f.loop);
  CHECK(qs_buffer_is_empty(&buffer));
  fixture_close(&f);
}

static void test_settle(void) {
  struct fixture f;
  struct qs_buffer buffer = {0};
  fixture_open(&f);
  append(&buffer, f.loop, "xabc", 4);
  qs_buffer_consume(&buffer, f.loop, 1);
  qs_buffer_settle(&buffer, f.loop);
  expect(&buffer, "abc");
  CHECK(buffer.block->capacity == 3 && f.loop->block_count == 1);
  qs_buffer_settle(&buffer, f.loop);
  append(&buffer, f.loop, "de", 2);
  expect(&buffer, "abcde");
  CHECK(buffer.block->capacity == QS_BLOCK_SIZE && f.loop->block_count == 0);
  qs_buffer_clear(&buffer, f.loop);
  CHECK(f.loop->block_count == 1);
  fixture_close(&f);
}

static void test_settle_full(void) {
  static char bytes[QS_BLOCK_SIZE];
  struct fixture f;
  struct qs_buffer buffer = {0};
  fixture_open(&f);
  append(&buffer, f.loop, bytes, sizeof bytes);
  qs_buffer_settle(&buffer, f.loop); /* copying would cost too much */
  CHECK(buffer.block->capacity == QS_BLOCK_SIZE && f.loop->block_count == 0);
  qs_buffer_clear(&buffer, f.loop);
  fixture_close(&f);
}

static void test_grow(void) {
  static char bytes[3 * QS_BLOCK_SIZE];
  struct fixture f;
  struct qs_buffer buffer = {0};
  fixture_open(&f);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)(i * 31 + i / 257);
  for (size_t i = 0; i < sizeof bytes; i += 4096)
    append(&buffer, f.loop, bytes + i, 4096);
  CHECK(f.loop->block_count == 1); /* outgrown */
  CHECK(qs_buffer_length(&buffer) == sizeof bytes);
  CHECK(memcmp(qs_buffer_bytes(&buffer), bytes, sizeof bytes) == 0);
  qs_buffer_consume(&buffer, f.loop, sizeof bytes);
  CHECK(qs_buffer_is_empty(&buffer) && f.loop->block_count == 1);
  fixture_close(&f);
}

/* Bytes come and go for ever; the memory must not follow. */
static void test_slide(void) {
  static char bytes[10000];
  struct fixture f;
  struct qs_buffer buffer = {0};
  unsigned char next_in = 0;
  unsigned char next_out = 0;
  fixture_open(&f);
  append(&buffer, f.loop, (char *)&next_in, 1);
  next_in++;
  for (int i = 0; i < 200; i++) {
    for (size_t j = 0; j < sizeof bytes; j++)
      bytes[j] = (char)next_in++;
    append(&buffer, f.loop, bytes, sizeof bytes);
    for (size_t j = 0; j < sizeof bytes; j++)
      CHECK((unsigned char)qs_buffer_bytes(&buffer)[j] == next_out++);
    qs_buffer_consume(&buffer, f.loop, sizeof bytes);
  }
  CHECK(qs_buffer_length(&buffer) == 1);
  CHECK(buffer.block->capacity == QS_BLOCK_SIZE);
  qs_buffer_clear(&buffer, f.loop);
  fixture_close(&f);
}

static const struct check_case cases[] = {
    {"an empty buffer holds no memory", test_empty},
    {"a few bytes settle outside the block", test_settle},
    {"many bytes stay in the block", test_settle_full},
    {"a buffer grows and keeps its bytes", test_grow},
    {"a buffer that is read as it is filled does not grow", test_slide},
};

int main(void) {
  return CHECK_ALL(cases);
}
