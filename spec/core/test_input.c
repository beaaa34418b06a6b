/* SPDX-License-Identifier: MIT */
#include "fixture.h"
#include "input.h"

#include <errno.h>
#include <string.h>

struct reader {
  struct fixture f;
  struct qs_input input;
  struct qs_found found;
  struct qs_error error;
  int peer;
};

static void open_reader(struct reader *r) {
  fixture_open(&r->f);
  struct qs_stream *stream = stream_open(&r->f, &r->peer);
  qs_input_open(&r->input, stream, r->f.root);
}

static void close_reader(struct reader *r) {
  struct qs_stream *stream = r->input.stream;
  for (int twice = 0; twice < 2; twice++)
    qs_input_close(&r->input);
  if (stream != NULL) qs_stream_close_output(stream, true);
  if (r->peer >= 0) close(r->peer);
  fixture_close(&r->f);
}

/* The peer sends and the port is told to look. */
static void arrive(struct reader *r, const char *text) {
  peer_send(r->peer, text);
  await_readable(r->input.stream->fd);
  qs_input_look(&r->input);
}

static void end(struct reader *r) {
  shutdown(r->peer, SHUT_WR);
  await_readable(r->input.stream->fd);
  qs_input_look(&r->input);
}

static void reset(struct reader *r) {
  peer_reset(r->peer);
  r->peer = -1;
  await_readable(r->input.stream->fd);
  qs_input_look(&r->input);
}

/* Waits the way a thread does. */
static void await_more(struct reader *r) {
  struct qs_waiter waiter;
  waiter_init(&waiter, NULL, true);
  CHECK(qs_input_wait(&r->input, &waiter, &r->error) == 0);
  CHECK(next_ready(r->f.loop) == &waiter);
  qs_waiter_leave(r->f.loop, &waiter);
}

static enum qs_status bytes(struct reader *r, size_t skip, size_t count) {
  return qs_input_try_bytes(&r->input, skip, count, &r->found, &r->error);
}

static enum qs_status some(struct reader *r, size_t most) {
  return qs_input_try_some(&r->input, most, &r->found, &r->error);
}

static enum qs_status all(struct reader *r) {
  return qs_input_try_all(&r->input, 0, &r->found, &r->error);
}

static void expect(const struct reader *r, const char *text) {
  CHECK_ROW(r->found.length == strlen(text), text);
  CHECK_ROW(r->found.taken == strlen(text), text);
  CHECK_ROW(memcmp(r->found.bytes, text, strlen(text)) == 0, text);
}

static void test_bytes(void) {
  struct reader r;
  open_reader(&r);
  CHECK(bytes(&r, 0, 3) == QS_AGAIN);
  arrive(&r, "ab");
  CHECK(bytes(&r, 0, 3) == QS_AGAIN); /* two are not three */
  arrive(&r, "cdef");
  for (int twice = 0; twice < 2; twice++) { /* found, not taken */
    CHECK(bytes(&r, 0, 3) == QS_DONE);
    expect(&r, "abc");
  }
  CHECK(bytes(&r, 2, 3) == QS_DONE);
  expect(&r, "cde");
  qs_input_consume(&r.input, 3);
  CHECK(bytes(&r, 0, 4) == QS_AGAIN);
  end(&r);
  CHECK(bytes(&r, 0, 4) == QS_DONE); /* fewer, at the end */
  expect(&r, "def");
  CHECK(bytes(&r, 3, 1) == QS_EOF);
  CHECK(bytes(&r, 2, 1) == QS_DONE);
  qs_input_consume(&r.input, 3);
  for (int i = 0; i < 3; i++)
    CHECK(bytes(&r, 0, 1) == QS_EOF);
  close_reader(&r);
}

static void test_no_bytes(void) {
  struct reader r;
  open_reader(&r);
  CHECK(bytes(&r, 0, 0) == QS_AGAIN); /* an end may come, or a byte */
  arrive(&r, "a");
  CHECK(bytes(&r, 0, 0) == QS_DONE);
  expect(&r, "");
  qs_input_consume(&r.input, 1);
  end(&r);
  CHECK(bytes(&r, 0, 0) == QS_EOF);
  close_reader(&r);
}

static void test_some(void) {
  struct reader r;
  open_reader(&r);
  CHECK(some(&r, 10) == QS_AGAIN);
  arrive(&r, "hello");
  CHECK(some(&r, 2) == QS_DONE);
  expect(&r, "he");
  qs_input_consume(&r.input, 2);
  CHECK(some(&r, 100) == QS_DONE);
  expect(&r, "llo");
  qs_input_consume(&r.input, 3);
  end(&r);
  CHECK(some(&r, 1) == QS_EOF);
  close_reader(&r);
}

static void test_all(void) {
  struct reader r;
  open_reader(&r);
  arrive(&r, "one");
  CHECK(all(&r) == QS_AGAIN);
  arrive(&r, "two");
  end(&r);
  CHECK(all(&r) == QS_AGAIN); /* the bytes; now for the end */
  await_more(&r);
  CHECK(all(&r) == QS_DONE);
  expect(&r, "onetwo");
  qs_input_consume(&r.input, 6);
  CHECK(all(&r) == QS_DONE); /* nothing is all there is */
  expect(&r, "");
  close_reader(&r);
}

static void test_all_limit(void) {
  struct reader r;
  open_reader(&r);
  r.input.all_limit = 4;
  arrive(&r, "abcd");
  CHECK(all(&r) == QS_AGAIN);
  arrive(&r, "e");
  CHECK(all(&r) == QS_FAILED && r.error.kind == QS_ERROR_LIMIT);
  CHECK(bytes(&r, 0, 5) == QS_DONE); /* kept */
  expect(&r, "abcde");
  qs_input_consume(&r.input, 1);
  end(&r);
  CHECK(all(&r) == QS_DONE);
  expect(&r, "bcde");
  close_reader(&r);
}

static void test_end(void) {
  struct reader r;
  open_reader(&r);
  CHECK(qs_input_try_end(&r.input, &r.error) == QS_AGAIN);
  arrive(&r, "x");
  end(&r);
  CHECK(qs_input_try_end(&r.input, &r.error) == QS_AGAIN); /* x comes first */
  qs_input_consume(&r.input, 1);
  CHECK(qs_input_try_end(&r.input, &r.error) == QS_AGAIN);
  await_more(&r);
  CHECK(qs_input_try_end(&r.input, &r.error) == QS_DONE);
  close_reader(&r);
}

static void test_reset(void) {
  struct reader r;
  open_reader(&r);
  arrive(&r, "some");
  CHECK(bytes(&r, 0, 5) == QS_AGAIN);
  reset(&r);
  for (int i = 0; i < 3; i++) {
    CHECK(bytes(&r, 0, 5) == QS_FAILED && r.error.code == ECONNRESET);
    CHECK(all(&r) == QS_FAILED && r.error.code == ECONNRESET);
    CHECK(bytes(&r, 0, 4) == QS_DONE); /* what came before stays */
    expect(&r, "some");
    CHECK(qs_input_is_ready(&r.input));
  }
  qs_input_consume(&r.input, 4);
  CHECK(bytes(&r, 0, 1) == QS_FAILED && r.error.code == ECONNRESET);
  CHECK(qs_input_try_end(&r.input, &r.error) == QS_FAILED);
  close_reader(&r);
}

/* After "nothing more" the kernel is not asked again until a poll tells. */
static void test_hope(void) {
  struct reader r;
  struct qs_waiter waiter;
  open_reader(&r);
  CHECK(some(&r, 9) == QS_AGAIN);
  peer_send(r.peer, "x");
  await_readable(r.input.stream->fd);
  CHECK(some(&r, 9) == QS_AGAIN);
  CHECK(qs_input_is_ready(&r.input)); /* this does ask */
  waiter_init(&waiter, NULL, true);
  CHECK(qs_input_wait(&r.input, &waiter, &r.error) == 0);
  CHECK(next_ready(r.f.loop) == &waiter);
  CHECK(some(&r, 9) == QS_DONE);
  qs_waiter_leave(r.f.loop, &waiter);
  qs_input_consume(&r.input, 1);
  close_reader(&r);
}

static void test_ready(void) {
  struct reader r;
  open_reader(&r);
  CHECK(!qs_input_is_ready(&r.input));
  arrive(&r, "ab");
  CHECK(qs_input_is_ready(&r.input));
  CHECK(bytes(&r, 0, 1) == QS_DONE);
  qs_input_consume(&r.input, 1);
  CHECK(qs_input_is_ready(&r.input)); /* in the buffer */
  qs_input_consume(&r.input, 1);
  CHECK(!qs_input_is_ready(&r.input));
  end(&r);
  CHECK(qs_input_is_ready(&r.input));
  CHECK(some(&r, 1) == QS_EOF);
  CHECK(qs_input_is_ready(&r.input));
  struct qs_stream *stream = r.input.stream;
  qs_input_close(&r.input);
  CHECK(qs_input_is_ready(&r.input));
  qs_stream_close_output(stream, true);
  close_reader(&r);
}

static void test_fair(void) {
  struct reader r;
  struct qs_waiter takers[2];
  struct qs_waiter looker;
  open_reader(&r);
  for (int i = 0; i < 2; i++) {
    waiter_init(&takers[i], NULL, true);
    CHECK(qs_input_wait(&r.input, &takers[i], &r.error) == 0);
    CHECK(qs_input_wait(&r.input, &takers[i], &r.error) == 0);
  }
  waiter_init(&looker, NULL, false);
  CHECK(qs_input_wait(&r.input, &looker, &r.error) == 0);
  arrive(&r, "ab");
  CHECK(next_ready(r.f.loop) == &takers[0]);
  CHECK(next_ready(r.f.loop) == &looker);
  CHECK(r.f.loop->ready_count == 0);
  qs_waiter_leave(r.f.loop, &looker);
  CHECK(bytes(&r, 0, 1) == QS_DONE);
  qs_input_consume(&r.input, 1); /* one is left for the next */
  qs_waiter_leave(r.f.loop, &takers[0]);
  CHECK(next_ready(r.f.loop) == &takers[1] || !"the turn passes on");
  CHECK(bytes(&r, 0, 1) == QS_DONE);
  qs_waiter_leave(r.f.loop, &takers[1]);
  close_reader(&r);
}

static void test_disarmed(void) {
  struct reader r;
  struct qs_waiter looker;
  open_reader(&r);
  waiter_init(&looker, NULL, false);
  CHECK(qs_input_wait(&r.input, &looker, &r.error) == 0);
  CHECK(r.f.loop->armed == 1);
  arrive(&r, "x");
  CHECK(next_ready(r.f.loop) == &looker);
  CHECK(r.f.loop->armed == 0); /* told once; no busy loop */
  qs_waiter_leave(r.f.loop, &looker);
  close_reader(&r);
}

static void test_wait_end(void) {
  struct reader r;
  struct qs_waiter waiter;
  open_reader(&r);
  arrive(&r, "x");
  end(&r);
  CHECK(bytes(&r, 0, 1) == QS_DONE);
  waiter_init(&waiter, NULL, false);
  CHECK(qs_input_wait_end(&r.input, &waiter, &r.error) == 0);
  CHECK(is_quiet(r.f.loop)); /* unread bytes are no news */
  qs_input_consume(&r.input, 1);
  CHECK(next_ready(r.f.loop) == &waiter);
  CHECK(qs_input_wait_end(&r.input, &waiter, &r.error) == 0);
  CHECK(next_ready(r.f.loop) == &waiter);
  CHECK(qs_input_try_end(&r.input, &r.error) == QS_DONE);
  qs_waiter_leave(r.f.loop, &waiter);
  close_reader(&r);
}

static void test_closed(void) {
  struct reader r;
  struct qs_waiter waiter;
  open_reader(&r);
  arrive(&r, "unread");
  CHECK(bytes(&r, 0, 1) == QS_DONE);
  waiter_init(&waiter, NULL, true);
  CHECK(qs_input_wait(&r.input, &waiter, &r.error) == 0);
  struct qs_stream *stream = r.input.stream;
  qs_input_close(&r.input);
  CHECK(next_ready(r.f.loop) == &waiter && waiter.queue == NULL);
  CHECK(bytes(&r, 0, 1) == QS_FAILED && r.error.kind == QS_ERROR_CLOSED);
  CHECK(some(&r, 1) == QS_FAILED && r.error.kind == QS_ERROR_CLOSED);
  CHECK(all(&r) == QS_FAILED && r.error.kind == QS_ERROR_CLOSED);
  CHECK(qs_input_try_line(&r.input, 0, QS_LINE_ANY, &r.found, &r.error) ==
        QS_FAILED);
  CHECK(r.error.kind == QS_ERROR_CLOSED);
  qs_input_look(&r.input);
  qs_stream_close_output(stream, true);
  close_reader(&r);
}

static void test_custodian(void) {
  struct fixture f;
  struct qs_input input;
  struct qs_error error;
  int peer;
  fixture_open(&f);
  struct qs_stream *stream = stream_open(&f, &peer);
  struct qs_custodian *custodian = qs_custodian_new(f.loop, f.root, &error);
  qs_input_open(&input, stream, custodian);
  qs_stream_close_output(stream, true);
  qs_custodian_shut_down(custodian);
  CHECK(input.stream == NULL && f.loop->streams == 0);
  qs_custodian_release(custodian);
  close(peer);
  fixture_close(&f);
}

/* An idle connection holds no block, also with a few bytes unread. */
static void test_memory(void) {
  struct reader r;
  struct qs_waiter waiter;
  open_reader(&r);
  waiter_init(&waiter, NULL, true);
  CHECK(some(&r, 9) == QS_AGAIN);
  CHECK(qs_buffer_is_empty(&r.input.buffer) && r.f.loop->block_count == 1);
  arrive(&r, "abc");
  CHECK(bytes(&r, 0, 9) == QS_AGAIN);
  CHECK(qs_input_wait(&r.input, &waiter, &r.error) == 0);
  CHECK(r.input.buffer.block->capacity == 3 && r.f.loop->block_count == 1);
  qs_waiter_leave(r.f.loop, &waiter);
  close_reader(&r);
}

static const struct check_case cases[] = {
    {"as many bytes as asked for, fewer only at the end", test_bytes},
    {"no bytes at all still wait to see whether the end comes", test_no_bytes},
    {"some bytes are what is there", test_some},
    {"all is everything up to the end", test_all},
    {"past the limit all is an error that keeps the bytes", test_all_limit},
    {"the end comes after the last byte", test_end},
    {"a reset repeats and takes no bytes", test_reset},
    {"the kernel is asked again only after a poll", test_hope},
    {"ready means that a read would not wait", test_ready},
    {"readers are served in order", test_fair},
    {"one who only looks is told once", test_disarmed},
    {"one who waits for the end is not bothered by bytes", test_wait_end},
    {"closing wakes the readers and forgets the bytes", test_closed},
    {"a custodian closes its ports", test_custodian},
    {"an idle port holds no block", test_memory},
};

int main(void) {
  return CHECK_ALL(cases);
}
