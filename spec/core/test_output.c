/* SPDX-License-Identifier: MIT */
#include "fixture.h"
#include "output.h"

#include <errno.h>
#include <string.h>

enum { LARGE = 1024 * 1024, SMALL_BUFFER = 16 * 1024 };

struct writer {
  struct fixture f;
  struct qs_output output;
  struct qs_dirty_outputs dirty;
  struct qs_error error;
  int peer;
};

static void open_writer(struct writer *w) {
  fixture_open(&w->f);
  LIST_INIT(&w->dirty);
  struct qs_stream *stream = stream_open(&w->f, &w->peer);
  qs_output_open(&w->output, stream, w->f.root);
}

static void close_writer(struct writer *w) {
  struct qs_stream *stream = w->output.stream;
  for (int twice = 0; twice < 2; twice++)
    qs_output_close(&w->output, true);
  if (stream != NULL) qs_stream_close_input(stream);
  if (w->peer >= 0) close(w->peer);
  CHECK(LIST_EMPTY(&w->dirty));
  fixture_close(&w->f);
}

static enum qs_status put(struct writer *w, const char *bytes, size_t size,
                          size_t *taken) {
  return qs_output_try_write(&w->output, bytes, size, taken, &w->error);
}

static void put_text(struct writer *w, const char *text) {
  size_t taken = 0;
  CHECK_ROW(put(w, text, strlen(text), &taken) == QS_DONE, text);
  CHECK_ROW(taken == strlen(text), text);
}

static enum qs_status flush(struct writer *w) {
  return qs_output_try_flush(&w->output, &w->error);
}

static bool has_arrived(const struct writer *w) {
  char byte;
  return recv(w->peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static char byte_at(size_t i) {
  return (char)(i * 7 + i / 251);
}

static char *make_large(void) {
  char *bytes = malloc(LARGE);
  CHECK(bytes != NULL);
  for (size_t i = 0; i < LARGE; i++)
    bytes[i] = byte_at(i);
  return bytes;
}

/* The peer reads what is there, and checks that it is the right bytes. */
static size_t swallow(const struct writer *w, size_t from) {
  static char bytes[256 * 1024];
  ssize_t got;
  while ((got = recv(w->peer, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    for (ssize_t i = 0; i < got; i++)
      CHECK(bytes[i] == byte_at(from++));
  return from;
}

/* Writes until neither the buffer nor the kernel takes more. */
static size_t stuff(struct writer *w, const char *bytes) {
  size_t taken = 0;
  set_option(w->output.stream->fd, SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER);
  CHECK(put(w, bytes, LARGE, &taken) == QS_AGAIN);
  CHECK(taken > 0 && taken < LARGE);
  return taken;
}

static void test_buffered(void) {
  struct writer w;
  open_writer(&w);
  put_text(&w, "hello ");
  put_text(&w, "");
  put_text(&w, "world");
  CHECK(!has_arrived(&w));
  for (int twice = 0; twice < 2; twice++)
    CHECK(flush(&w) == QS_DONE);
  peer_expect(w.peer, "hello world");
  CHECK(qs_buffer_is_empty(&w.output.buffer));
  close_writer(&w);
}

static void test_full(void) {
  static char bytes[1000];
  struct writer w;
  open_writer(&w);
  size_t written = 0;
  while (!has_arrived(&w)) {
    for (size_t i = 0; i < sizeof bytes; i++)
      bytes[i] = byte_at(written + i);
    size_t taken = 0;
    CHECK(put(&w, bytes, sizeof bytes, &taken) == QS_DONE);
    written += sizeof bytes;
    CHECK(written < (size_t)2 * QS_BLOCK_SIZE);
  }
  CHECK(written > QS_BLOCK_SIZE);
  CHECK(flush(&w) == QS_DONE);
  shutdown(w.output.stream->fd, SHUT_WR);
  await_readable(w.peer);
  size_t arrived = 0;
  while (arrived < written)
    arrived = swallow(&w, arrived);
  close_writer(&w);
}

static void test_direct(void) {
  static char bytes[20000];
  struct writer w;
  size_t taken = 0;
  open_writer(&w);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = byte_at(i + 2);
  char first[2] = {byte_at(0), byte_at(1)};
  CHECK(put(&w, first, 2, &taken) == QS_DONE);
  taken = 0;
  CHECK(put(&w, bytes, sizeof bytes, &taken) == QS_DONE);
  size_t arrived = 0;
  while (arrived < sizeof bytes + 2) /* in order, and without a flush */
    arrived = swallow(&w, arrived);
  CHECK(qs_buffer_is_empty(&w.output.buffer));
  close_writer(&w);
}

/* Nothing is lost, doubled or mixed up when the peer reads slowly. */
static void test_back_pressure(void) {
  struct writer w;
  struct qs_waiter waiter;
  char *bytes = make_large();
  open_writer(&w);
  size_t taken = stuff(&w, bytes);
  size_t arrived = 0;
  waiter_init(&waiter, NULL, true);
  enum qs_status status = QS_AGAIN;
  while (status == QS_AGAIN) {
    CHECK(qs_output_wait(&w.output, &waiter, &w.error) == 0);
    arrived = swallow(&w, arrived);
    CHECK(next_ready(w.f.loop) == &waiter);
    status = put(&w, bytes, LARGE, &taken);
  }
  CHECK(status == QS_DONE && taken == LARGE);
  while ((status = flush(&w)) == QS_AGAIN)
    arrived = swallow(&w, arrived);
  CHECK(status == QS_DONE);
  while (arrived < LARGE)
    arrived = swallow(&w, arrived);
  qs_waiter_leave(w.f.loop, &waiter);
  free(bytes);
  close_writer(&w);
}

static void test_bounded(void) {
  struct writer w;
  char *bytes = make_large();
  open_writer(&w);
  stuff(&w, bytes);
  CHECK(qs_buffer_length(&w.output.buffer) <= QS_BLOCK_SIZE);
  CHECK(flush(&w) ==
        (qs_buffer_is_empty(&w.output.buffer) ? QS_DONE : QS_AGAIN));
  CHECK(!qs_output_is_ready(&w.output) || w.output.mode != QS_MODE_NONE);
  free(bytes);
  close_writer(&w);
}

static void test_some(void) {
  struct writer w;
  char *bytes = make_large();
  size_t taken = 0;
  open_writer(&w);
  set_option(w.output.stream->fd, SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER);
  CHECK(put(&w, bytes, 3, &taken) == QS_DONE);
  size_t sent = taken;
  size_t arrived = 0;
  while (sent < LARGE) {
    enum qs_status status = qs_output_try_write_some(
        &w.output, bytes + sent, LARGE - sent, &taken, &w.error);
    CHECK(status == QS_DONE ? taken > 0 : status == QS_AGAIN && taken == 0);
    CHECK(qs_buffer_is_empty(&w.output.buffer)); /* nothing stays behind */
    sent += taken;
    if (status == QS_AGAIN) arrived = swallow(&w, arrived);
  }
  while (arrived < LARGE)
    arrived = swallow(&w, arrived);
  free(bytes);
  close_writer(&w);
}

static void test_some_of_nothing(void) {
  struct writer w;
  size_t taken = 1;
  open_writer(&w);
  CHECK(qs_output_try_write_some(&w.output, "", 0, &taken, &w.error) ==
        QS_DONE);
  CHECK(taken == 0);
  put_text(&w, "before");
  CHECK(qs_output_try_write_some(&w.output, "", 0, &taken, &w.error) ==
        QS_DONE);
  CHECK(taken == 0);
  CHECK(flush(&w) == QS_DONE);
  peer_expect(w.peer, "before");
  close_writer(&w);
}

static void test_marked(void) {
  struct writer w;
  open_writer(&w);
  put_text(&w, "behind");
  for (int twice = 0; twice < 2; twice++)
    qs_output_mark(&w.output, &w.dirty);
  CHECK(!has_arrived(&w));
  for (int twice = 0; twice < 2; twice++)
    qs_output_send_marked(&w.dirty);
  peer_expect(w.peer, "behind");
  put_text(&w, "flushed");
  qs_output_mark(&w.output, &w.dirty);
  CHECK(flush(&w) == QS_DONE);
  CHECK(LIST_EMPTY(&w.dirty)); /* nothing is left to send */
  qs_output_mark(&w.output, &w.dirty);
  close_writer(&w); /* closing takes it off the list */
}

/* What does not go at once goes as soon as there is room, with nobody
 * waiting. */
static void test_behind(void) {
  struct writer w;
  char *bytes = make_large();
  open_writer(&w);
  size_t sent = stuff(&w, bytes);
  size_t more = sent;
  CHECK(put(&w, bytes, sent + 4000, &more) == QS_DONE);
  qs_output_mark(&w.output, &w.dirty);
  qs_output_send_marked(&w.dirty);
  CHECK(w.output.is_behind && w.f.loop->armed == 1);
  size_t arrived = 0;
  while (w.output.is_behind) {
    arrived = swallow(&w, arrived);
    qs_loop_poll(w.f.loop, true);
  }
  CHECK(w.f.loop->armed == 0);
  while (arrived < sent + 4000)
    arrived = swallow(&w, arrived);
  CHECK(w.f.loop->ready_count == 0);
  free(bytes);
  close_writer(&w);
}

static void reset(struct writer *w) {
  peer_reset(w->peer);
  w->peer = -1;
  await_readable(w->output.stream->fd);
}

static void test_reset(void) {
  struct writer w;
  char *bytes = make_large();
  open_writer(&w);
  put_text(&w, "lost");
  reset(&w);
  for (int i = 0; i < 3; i++) {
    size_t taken = 0;
    CHECK(put(&w, bytes, LARGE, &taken) == QS_FAILED);
    CHECK(w.error.code == ECONNRESET && taken == 0);
    CHECK(qs_output_try_write_some(&w.output, "x", 1, &taken, &w.error) ==
          QS_FAILED);
    CHECK(w.error.code == ECONNRESET);
    CHECK(qs_output_is_ready(&w.output));
  }
  CHECK(qs_buffer_is_empty(&w.output.buffer)); /* it has nowhere to go */
  free(bytes);
  close_writer(&w);
}

static void test_failure_behind(void) {
  struct writer w;
  open_writer(&w);
  put_text(&w, "lost");
  reset(&w);
  qs_output_mark(&w.output, &w.dirty);
  qs_output_send_marked(&w.dirty);
  CHECK(qs_output_is_ready(&w.output));
  CHECK(flush(&w) == QS_FAILED && w.error.code == ECONNRESET);
  CHECK(flush(&w) == QS_DONE); /* told once; nothing is left to send */
  put_text(&w, "x");
  CHECK(flush(&w) == QS_FAILED && w.error.code == ECONNRESET);
  close_writer(&w);
}

static void test_turn(void) {
  struct writer w;
  struct qs_waiter waiters[3];
  char *bytes = make_large();
  open_writer(&w);
  stuff(&w, bytes);
  for (int i = 0; i < 3; i++) {
    waiter_init(&waiters[i], &waiters[i], i < 2);
    CHECK(qs_output_wait(&w.output, &waiters[i], &w.error) == 0);
  }
  CHECK(is_quiet(w.f.loop));
  size_t arrived = swallow(&w, 0);
  CHECK(arrived > 0);
  CHECK(next_ready(w.f.loop) == &waiters[0]);
  CHECK(next_ready(w.f.loop) == &waiters[2]); /* it only looks */
  CHECK(w.f.loop->ready_count == 0);
  qs_waiter_leave(w.f.loop, &waiters[2]);
  qs_waiter_leave(w.f.loop, &waiters[0]);
  CHECK(next_ready(w.f.loop) == &waiters[1]);
  CHECK(qs_queue_is_turn(&w.output.writers, &waiters[1]));
  qs_waiter_leave(w.f.loop, &waiters[1]);
  free(bytes);
  close_writer(&w);
}

static void test_closed(void) {
  struct writer w;
  struct qs_waiter waiter;
  size_t taken = 0;
  open_writer(&w);
  put_text(&w, "forgotten");
  qs_output_mark(&w.output, &w.dirty);
  waiter_init(&waiter, NULL, true);
  CHECK(qs_output_wait(&w.output, &waiter, &w.error) == 0);
  struct qs_stream *stream = w.output.stream;
  qs_output_close(&w.output, true);
  peer_expect_end(w.peer);
  CHECK(next_ready(w.f.loop) == &waiter && waiter.queue == NULL);
  CHECK(put(&w, "x", 1, &taken) == QS_FAILED);
  CHECK(w.error.kind == QS_ERROR_CLOSED);
  CHECK(flush(&w) == QS_FAILED && w.error.kind == QS_ERROR_CLOSED);
  CHECK(qs_output_is_ready(&w.output));
  qs_output_mark(&w.output, &w.dirty); /* no effect */
  CHECK(LIST_EMPTY(&w.dirty));
  qs_stream_close_input(stream);
  close_writer(&w);
}

static void test_in_order(void) {
  struct writer w;
  open_writer(&w);
  struct qs_stream *stream = w.output.stream;
  put_text(&w, "the last words");
  qs_output_mark(&w.output, &w.dirty);
  CHECK(qs_output_close_in_order(&w.output));
  CHECK(w.output.stream == NULL);
  CHECK(qs_output_close_in_order(&w.output)); /* no effect */
  peer_expect(w.peer, "the last words");
  peer_expect_end(w.peer);
  qs_stream_close_input(stream);
  close_writer(&w);
}

/* What would have to wait stays as it is. */
static void test_in_order_later(void) {
  struct writer w;
  struct qs_waiter waiter;
  char *bytes = make_large();
  open_writer(&w);
  put_text(&w, "x");
  waiter_init(&waiter, NULL, true);
  CHECK(qs_output_wait(&w.output, &waiter, &w.error) == 0);
  CHECK(!qs_output_close_in_order(&w.output)); /* somebody has the turn */
  CHECK(!has_arrived(&w));
  qs_waiter_leave(w.f.loop, &waiter);
  CHECK(flush(&w) == QS_DONE);
  peer_expect(w.peer, "x");
  size_t taken = stuff(&w, bytes);
  size_t kept = 0; /* in the buffer */
  CHECK(put(&w, bytes + taken, 100, &kept) == QS_DONE && kept == 100);
  CHECK(!qs_output_close_in_order(&w.output)); /* there is no room */
  CHECK(w.output.stream != NULL && !qs_buffer_is_empty(&w.output.buffer));
  struct qs_stream *stream = w.output.stream;
  for (size_t arrived = 0; arrived < taken + kept;) {
    arrived = swallow(&w, arrived);
    qs_output_close_in_order(&w.output);
  }
  CHECK(w.output.stream == NULL);
  peer_expect_end(w.peer);
  qs_stream_close_input(stream);
  free(bytes);
  close_writer(&w);
}

static void test_in_order_failed(void) {
  struct writer w;
  open_writer(&w);
  struct qs_stream *stream = w.output.stream;
  put_text(&w, "x");
  reset(&w);
  for (int twice = 0; twice < 2; twice++)
    CHECK(!qs_output_close_in_order(&w.output));
  CHECK(flush(&w) == QS_FAILED && w.error.code == ECONNRESET);
  CHECK(qs_output_close_in_order(&w.output)); /* told: nothing is left */
  qs_stream_close_input(stream);
  close_writer(&w);
}

static void test_custodian(void) {
  struct writer w;
  char *bytes = make_large();
  open_writer(&w);
  stuff(&w, bytes);
  qs_output_mark(&w.output, &w.dirty);
  qs_output_send_marked(&w.dirty);
  struct qs_stream *stream = w.output.stream;
  qs_custodian_shut_down(w.f.root);
  CHECK(w.output.stream == NULL && w.f.loop->armed == 0);
  qs_stream_close_input(stream);
  free(bytes);
  close_writer(&w);
}

static const struct check_case cases[] = {
    {"closing in order sends what is left, then the end", test_in_order},
    {"closing in order does not wait", test_in_order_later},
    {"closing in order keeps a failure to be told", test_in_order_failed},
    {"what is written goes at the flush", test_buffered},
    {"a full buffer goes by itself", test_full},
    {"a large piece goes at once, behind the small ones", test_direct},
    {"a slow reader loses nothing", test_back_pressure},
    {"the buffer does not grow while the reader is slow", test_bounded},
    {"some is what goes without a further wait", test_some},
    {"some of nothing is nothing", test_some_of_nothing},
    {"marked outputs are sent together", test_marked},
    {"what does not go at once goes behind", test_behind},
    {"a reset repeats", test_reset},
    {"a failure behind is told by the next call", test_failure_behind},
    {"writers have their turn in order", test_turn},
    {"closing forgets what was not sent and wakes the writers", test_closed},
    {"a custodian closes an output that is sending", test_custodian},
};

int main(void) {
  return CHECK_ALL(cases);
}
