/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <errno.h>
#include <string.h>

struct ends {
  struct fixture f;
  struct qs_stream *stream;
  int peer;
};

static void open_ends(struct ends *ends) {
  fixture_open(&ends->f);
  ends->stream = stream_open(&ends->f, &ends->peer);
  CHECK(ends->f.loop->streams == 1);
}

/* The stream has been freed already. */
static void close_ends(struct ends *ends) {
  if (ends->peer >= 0) close(ends->peer);
  fixture_close(&ends->f);
}

static enum qs_status send_text(struct qs_stream *stream, const char *text,
                                struct qs_error *error) {
  struct iovec pieces[2] = {
      {.iov_base = (void *)(uintptr_t)text, .iov_len = 1},
      {.iov_base = (void *)(uintptr_t)(text + 1), .iov_len = strlen(text) - 1},
  };
  size_t sent = 0;
  enum qs_status status = qs_stream_try_send(
      stream, pieces, pieces[1].iov_len > 0 ? 2 : 1, &sent, error);
  if (status == QS_DONE) CHECK(sent == strlen(text));
  return status;
}

static enum qs_status receive(struct qs_stream *stream, char *bytes,
                              struct qs_error *error) {
  size_t received = 0;
  enum qs_status status =
      qs_stream_try_recv(stream, bytes, 100, &received, error);
  bytes[received] = '\0';
  return status;
}

static void test_exchange(void) {
  struct ends ends;
  struct qs_error error;
  char bytes[128];
  open_ends(&ends);
  CHECK(receive(ends.stream, bytes, &error) == QS_AGAIN);
  CHECK(send_text(ends.stream, "hello", &error) == QS_DONE);
  peer_expect(ends.peer, "hello");
  peer_send(ends.peer, "there");
  await_readable(ends.stream->fd);
  CHECK(receive(ends.stream, bytes, &error) == QS_DONE);
  CHECK(strcmp(bytes, "there") == 0);
  CHECK(qs_address_port(&ends.stream->peer) == port_of(ends.peer));
  stream_close(ends.stream);
  close_ends(&ends);
}

static void test_half_closed(void) {
  struct ends ends;
  struct qs_error error;
  char bytes[128];
  open_ends(&ends);
  qs_stream_close_output(ends.stream, true);
  peer_expect_end(ends.peer);
  peer_send(ends.peer, "late");
  await_readable(ends.stream->fd);
  CHECK(receive(ends.stream, bytes, &error) == QS_DONE);
  CHECK(strcmp(bytes, "late") == 0);
  CHECK(ends.f.loop->streams == 1);
  qs_stream_close_input(ends.stream);
  CHECK(ends.f.loop->streams == 0);
  close_ends(&ends);
}

static void test_input_closed_first(void) {
  struct ends ends;
  struct qs_error error;
  open_ends(&ends);
  qs_stream_close_input(ends.stream);
  CHECK(ends.f.loop->streams == 1);
  CHECK(send_text(ends.stream, "still", &error) == QS_DONE);
  peer_expect(ends.peer, "still");
  qs_stream_close_output(ends.stream, true);
  peer_expect_end(ends.peer);
  close_ends(&ends);
}

static void test_abandoned(void) {
  struct ends ends;
  open_ends(&ends);
  qs_stream_close_output(ends.stream, false);
  char byte;
  CHECK(recv(ends.peer, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  qs_stream_close_input(ends.stream);
  peer_expect_end(ends.peer);
  close_ends(&ends);
}

/* Without the draining the peer would lose "answer" to a reset. */
static void test_unread(void) {
  struct ends ends;
  struct qs_error error;
  open_ends(&ends);
  peer_send(ends.peer, "a request nobody reads");
  await_readable(ends.stream->fd);
  CHECK(send_text(ends.stream, "answer", &error) == QS_DONE);
  stream_close(ends.stream);
  peer_expect(ends.peer, "answer");
  peer_expect_end(ends.peer);
  close_ends(&ends);
}

static void test_end(void) {
  struct ends ends;
  struct qs_error error;
  char bytes[128];
  open_ends(&ends);
  peer_send(ends.peer, "bye");
  shutdown(ends.peer, SHUT_WR);
  await_readable(ends.stream->fd);
  CHECK(receive(ends.stream, bytes, &error) == QS_DONE);
  for (int i = 0; i < 3; i++) {
    await_readable(ends.stream->fd);
    CHECK(receive(ends.stream, bytes, &error) == QS_EOF);
  }
  CHECK(send_text(ends.stream, "ok", &error) == QS_DONE);
  peer_expect(ends.peer, "ok");
  stream_close(ends.stream);
  close_ends(&ends);
}

static bool is_reset(enum qs_status status, const struct qs_error *error) {
  return status == QS_FAILED && error->kind == QS_ERROR_POSIX &&
         error->code == ECONNRESET;
}

static void reset(struct ends *ends) {
  open_ends(ends);
  peer_reset(ends->peer);
  ends->peer = -1;
  await_readable(ends->stream->fd);
}

static void test_reset_seen_by_reader(void) {
  struct ends ends;
  struct qs_error error;
  char bytes[128];
  reset(&ends);
  for (int i = 0; i < 3; i++) {
    CHECK(is_reset(receive(ends.stream, bytes, &error), &error));
    CHECK(strcmp(error.step, "recv") == 0);
  }
  for (int i = 0; i < 3; i++) {
    CHECK(is_reset(send_text(ends.stream, "x", &error), &error));
    CHECK(strcmp(error.step, "send") == 0);
  }
  stream_close(ends.stream);
  close_ends(&ends);
}

static void test_reset_seen_by_writer(void) {
  struct ends ends;
  struct qs_error error;
  char bytes[128];
  reset(&ends);
  for (int i = 0; i < 3; i++)
    CHECK(is_reset(send_text(ends.stream, "x", &error), &error));
  for (int i = 0; i < 3; i++)
    CHECK(is_reset(receive(ends.stream, bytes, &error), &error));
  stream_close(ends.stream);
  close_ends(&ends);
}

/* The peer has said all it had to say and then gone: its last words count. */
static void test_broken_pipe(void) {
  struct ends ends;
  struct qs_error error;
  char bytes[128];
  open_ends(&ends);
  shutdown(ends.stream->fd, SHUT_WR); /* the shortest way to EPIPE */
  peer_send(ends.peer, "last");
  await_readable(ends.stream->fd);
  CHECK(send_text(ends.stream, "x", &error) == QS_FAILED);
  CHECK(error.code == EPIPE);
  CHECK(receive(ends.stream, bytes, &error) == QS_DONE);
  CHECK(strcmp(bytes, "last") == 0);
  CHECK(ends.stream->reset == 0);
  stream_close(ends.stream);
  close_ends(&ends);
}

static void on_writable(evutil_socket_t fd, short what, void *owner) {
  int *times = owner;
  (void)fd;
  CHECK(what == EV_WRITE);
  ++*times;
}

static void test_writable(void) {
  struct ends ends;
  struct qs_error error;
  int times = 0;
  open_ends(&ends);
  CHECK(ends.stream->writable == NULL);
  for (int twice = 0; twice < 2; twice++)
    CHECK(qs_stream_arm_writable(ends.stream, on_writable, &times, &error) ==
          0);
  CHECK(ends.f.loop->armed == 1);
  qs_loop_poll(ends.f.loop, true);
  CHECK(times == 1);
  qs_stream_close_output(ends.stream, true); /* while still armed */
  CHECK(ends.f.loop->armed == 0);
  qs_loop_poll(ends.f.loop, false);
  CHECK(times == 1);
  qs_stream_close_input(ends.stream);
  close_ends(&ends);
}

static const struct check_case cases[] = {
    {"bytes travel both ways", test_exchange},
    {"closing the output sends an end and leaves the input open",
     test_half_closed},
    {"closing the input leaves the output open", test_input_closed_first},
    {"an abandoned output says nothing until the input is closed",
     test_abandoned},
    {"unread bytes do not turn the final close into a reset", test_unread},
    {"the end of file repeats and does not hinder writing", test_end},
    {"a reset that the reader saw repeats for both", test_reset_seen_by_reader},
    {"a reset that the writer saw repeats for both", test_reset_seen_by_writer},
    {"a broken pipe does not hide what the peer has sent", test_broken_pipe},
    {"room to send is told until the output is closed", test_writable},
};

int main(void) {
  return CHECK_ALL(cases);
}
