/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <poll.h>
#include <string.h>

static void shut_down(struct qs_member *member) {
  struct qs_input *input =
      (struct qs_input *)(void *)((char *)member -
                                  offsetof(struct qs_input, member));
  qs_input_close(input);
}

static const struct qs_member_kind input_kind = {"input", shut_down};

/* Level-triggered: as long as somebody wants the bytes this stays armed.
 * Those who only look are told once and must ask again. */
QS_HOT static void on_readable(evutil_socket_t fd, short what, void *owner) {
  struct qs_input *input = owner;
  (void)fd;
  (void)what;
  input->stream->readable.is_hopeful = true;
  qs_queue_signal(qs_stream_loop(input->stream), &input->readers);
  if (qs_queue_first(&input->readers) == NULL)
    qs_readiness_disarm(&input->stream->readable);
}

void qs_input_open(struct qs_input *input, struct qs_stream *stream,
                   struct qs_custodian *custodian) {
  struct qs_error unused;
  memset(input, 0, sizeof *input);
  input->stream = stream;
  input->line_limit = QS_LIMIT_DEFAULT;
  input->all_limit = QS_LIMIT_DEFAULT;
  qs_queue_init(&input->readers);
  qs_readiness_init(&stream->readable, qs_stream_loop(stream), stream->fd,
                    EV_READ, on_readable, input);
  qs_custodian_add(custodian, &input->member, &input_kind, &unused);
}

void qs_input_close(struct qs_input *input) {
  struct qs_stream *stream = input->stream;
  if (stream == NULL) return;
  input->stream = NULL;
  qs_member_leave(&input->member);
  qs_queue_dissolve(qs_stream_loop(stream), &input->readers);
  qs_buffer_clear(&input->buffer, qs_stream_loop(stream));
  qs_stream_close_input(stream);
}

void qs_input_look(struct qs_input *input) {
  if (input->stream != NULL) input->stream->readable.is_hopeful = true;
}

/* One recv; an unbuffered port asks for no more than is wanted.  A short one
 * has emptied the kernel's buffer; the next poll tells when there is more. */
static enum qs_status fill(struct qs_input *input, size_t wanted,
                           struct qs_error *error) {
  struct qs_stream *stream = input->stream;
  struct qs_buffer *buffer = &input->buffer;
  if (input->has_ended) return QS_EOF;
  if (!stream->readable.is_hopeful) return QS_AGAIN;
  if (qs_buffer_reserve(buffer, qs_stream_loop(stream), 1, error) != 0)
    return QS_FAILED;
  size_t room = qs_buffer_room(buffer);
  if (input->is_unbuffered && room > wanted) room = wanted;
  size_t received = 0;
  enum qs_status status = qs_stream_try_recv(stream, qs_buffer_space(buffer),
                                             room, &received, error);
  qs_buffer_extend(buffer, received);
  if (status == QS_DONE || status == QS_AGAIN)
    stream->readable.is_hopeful = received == room;
  if (qs_buffer_length(buffer) == 0)
    qs_buffer_clear(buffer, qs_stream_loop(stream));
  input->has_ended = status == QS_EOF;
  return status;
}

static enum qs_status refuse(enum qs_error_kind kind, struct qs_error *error) {
  qs_error_state(error, kind, "read");
  return QS_FAILED;
}

/* Until `length` bytes are there, of which an unbuffered port reads no more
 * than `most` at a time. */
static enum qs_status want(struct qs_input *input, size_t length, size_t most,
                           struct qs_error *error) {
  enum qs_status status = QS_DONE;
  if (input->stream == NULL) return refuse(QS_ERROR_CLOSED, error);
  while (status == QS_DONE && qs_buffer_length(&input->buffer) < length)
    status = fill(input, most - qs_buffer_length(&input->buffer), error);
  return status;
}

enum qs_status qs_input_want(struct qs_input *input, size_t length,
                             struct qs_error *error) {
  return want(input, length, length, error);
}

static void point(const struct qs_input *input, size_t skip, size_t length,
                  size_t taken, struct qs_found *found) {
  found->bytes = "";
  if (!qs_buffer_is_empty(&input->buffer))
    found->bytes = qs_buffer_bytes(&input->buffer) + skip;
  found->length = length;
  found->taken = taken;
}

enum qs_status qs_input_try_bytes(struct qs_input *input, size_t skip,
                                  size_t count, struct qs_found *found,
                                  struct qs_error *error) {
  /* Nothing is something only before the end of file. */
  size_t needed = count > 0 ? count : 1;
  if (needed > SIZE_MAX - skip) needed = SIZE_MAX - skip;
  enum qs_status status = qs_input_want(input, skip + needed, error);
  if (status == QS_AGAIN || status == QS_FAILED) return status;
  size_t length = qs_buffer_length(&input->buffer);
  if (length <= skip) return QS_EOF;
  size_t there = length - skip < count ? length - skip : count;
  point(input, skip, there, there, found);
  return QS_DONE;
}

enum qs_status qs_input_try_some(struct qs_input *input, size_t most,
                                 struct qs_found *found,
                                 struct qs_error *error) {
  enum qs_status status = want(input, 1, most, error);
  if (status != QS_DONE) return status;
  size_t length = qs_buffer_length(&input->buffer);
  size_t there = length < most ? length : most;
  point(input, 0, there, there, found);
  return QS_DONE;
}

/* One byte over the limit is enough to know; the rest stays in the kernel. */
enum qs_status qs_input_try_all(struct qs_input *input, size_t skip,
                                struct qs_found *found,
                                struct qs_error *error) {
  size_t most = SIZE_MAX - 1 - skip;
  if (input->all_limit < most) most = input->all_limit;
  enum qs_status status = qs_input_want(input, skip + most + 1, error);
  if (status == QS_DONE) return refuse(QS_ERROR_LIMIT, error);
  if (status != QS_EOF) return status;
  size_t length = qs_buffer_length(&input->buffer) - skip;
  point(input, skip, length, length, found);
  return QS_DONE;
}

enum qs_status qs_input_try_end(struct qs_input *input,
                                struct qs_error *error) {
  enum qs_status status = qs_input_want(input, 1, error);
  if (status == QS_EOF) return QS_DONE;
  return status == QS_DONE ? QS_AGAIN : status;
}

void qs_input_consume(struct qs_input *input, size_t count) {
  struct qs_loop *loop = qs_stream_loop(input->stream);
  input->scanned -= count < input->scanned ? (uint32_t)count : input->scanned;
  qs_buffer_consume(&input->buffer, loop, count);
  if (!qs_queue_is_empty(&input->readers))
    qs_queue_signal(loop, &input->readers);
}

bool qs_input_is_ready(struct qs_input *input) {
  if (input->stream == NULL || qs_buffer_length(&input->buffer) > 0 ||
      input->has_ended || input->stream->reset != 0)
    return true;
  return qs_socket_is_ready(input->stream->fd, POLLIN);
}

static int join(struct qs_input *input, struct qs_waiter *waiter) {
  if (waiter->queue == NULL) qs_waiter_join(waiter, &input->readers);
  qs_buffer_settle(&input->buffer, qs_stream_loop(input->stream));
  return 0;
}

int qs_input_wait(struct qs_input *input, struct qs_waiter *waiter,
                  struct qs_error *error) {
  if (qs_readiness_arm(&input->stream->readable, error) != 0) return -1;
  return join(input, waiter);
}

int qs_input_wait_end(struct qs_input *input, struct qs_waiter *waiter,
                      struct qs_error *error) {
  if (qs_buffer_length(&input->buffer) == 0)
    return qs_input_wait(input, waiter, error);
  return join(input, waiter);
}
