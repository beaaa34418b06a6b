/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* A piece of this size or more is not worth copying into the buffer. */
enum { DIRECT_SIZE = 8 * 1024 };

static void shut_down(struct qs_member *member) {
  struct qs_output *output =
      (struct qs_output *)(void *)((char *)member -
                                   offsetof(struct qs_output, member));
  qs_output_close(output, true);
}

static const struct qs_member_kind output_kind = {"output", shut_down};

void qs_output_open(struct qs_output *output, struct qs_stream *stream,
                    struct qs_custodian *custodian) {
  struct qs_error unused;
  memset(output, 0, sizeof *output);
  output->stream = stream;
  output->mode = QS_MODE_BLOCK;
  qs_queue_init(&output->writers);
  qs_custodian_add(custodian, &output->member, &output_kind, &unused);
}

static void unmark(struct qs_output *output) {
  if (!output->is_dirty) return;
  LIST_REMOVE(output, dirty);
  output->is_dirty = false;
}

void qs_output_close(struct qs_output *output, bool sends_fin) {
  struct qs_stream *stream = output->stream;
  if (stream == NULL) return;
  output->stream = NULL;
  unmark(output);
  qs_member_leave(&output->member);
  qs_queue_dissolve(qs_stream_loop(stream), &output->writers);
  qs_buffer_clear(&output->buffer, qs_stream_loop(stream));
  qs_stream_close_output(stream, sends_fin);
}

static enum qs_status check_usable(struct qs_output *output,
                                   struct qs_error *error) {
  if (output->stream == NULL) {
    qs_error_state(error, QS_ERROR_CLOSED, "write");
    return QS_FAILED;
  }
  if (output->failure == 0) return QS_DONE;
  errno = output->failure;
  output->failure = 0;
  qs_error_posix(error, "send", NULL);
  return QS_FAILED;
}

/* Only to be sent from. */
static struct iovec piece(const char *bytes, size_t size) {
  struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
  return piece;
}

/* One system call for the buffer and the `size` bytes behind it. */
static enum qs_status send_once(struct qs_output *output, const char *bytes,
                                size_t size, size_t *taken,
                                struct qs_error *error) {
  struct qs_buffer *buffer = &output->buffer;
  size_t buffered = qs_buffer_length(buffer);
  struct iovec pieces[2];
  size_t count = 0;
  if (buffered > 0) pieces[count++] = piece(qs_buffer_bytes(buffer), buffered);
  if (size > 0) pieces[count++] = piece(bytes, size);
  size_t sent = 0;
  enum qs_status status =
      qs_stream_try_send(output->stream, pieces, count, &sent, error);
  if (status == QS_FAILED)
    qs_buffer_clear(buffer, qs_stream_loop(output->stream));
  if (status != QS_DONE) return status;
  size_t from_buffer = sent < buffered ? sent : buffered;
  if (from_buffer > 0)
    qs_buffer_consume(buffer, qs_stream_loop(output->stream), from_buffer);
  *taken += sent - from_buffer;
  return QS_DONE;
}

static enum qs_status store(struct qs_output *output, const char *bytes,
                            size_t size, struct qs_error *error) {
  struct qs_buffer *buffer = &output->buffer;
  if (qs_buffer_reserve(buffer, qs_stream_loop(output->stream), size, error) !=
      0)
    return QS_FAILED;
  memcpy(qs_buffer_space(buffer), bytes, size);
  qs_buffer_extend(buffer, size);
  return QS_DONE;
}

static bool has_room(const struct qs_output *output, size_t size) {
  return size < DIRECT_SIZE &&
         qs_buffer_length(&output->buffer) + size <= QS_BLOCK_SIZE;
}

enum qs_status qs_output_try_write(struct qs_output *output, const char *bytes,
                                   size_t size, size_t *taken,
                                   struct qs_error *error) {
  enum qs_status status = check_usable(output, error);
  while (status == QS_DONE && *taken < size) {
    size_t rest = size - *taken;
    if (has_room(output, rest)) {
      status = store(output, bytes + *taken, rest, error);
      if (status == QS_DONE) *taken = size;
      return status;
    }
    status = send_once(output, bytes + *taken, rest, taken, error);
  }
  return status;
}

enum qs_status qs_output_try_write_some(struct qs_output *output,
                                        const char *bytes, size_t size,
                                        size_t *taken, struct qs_error *error) {
  enum qs_status status = check_usable(output, error);
  *taken = 0;
  while (status == QS_DONE && *taken == 0 &&
         (size > 0 || qs_buffer_length(&output->buffer) > 0))
    status = send_once(output, bytes, size, taken, error);
  return status;
}

enum qs_status qs_output_try_flush(struct qs_output *output,
                                   struct qs_error *error) {
  size_t unused = 0;
  enum qs_status status = check_usable(output, error);
  while (status == QS_DONE && qs_buffer_length(&output->buffer) > 0)
    status = send_once(output, NULL, 0, &unused, error);
  if (status == QS_DONE) unmark(output);
  return status;
}

static void keep_failure(struct qs_output *output,
                         const struct qs_error *error) {
  output->failure = error->code;
  output->is_behind = false;
}

enum qs_status qs_output_try_end(struct qs_output *output,
                                 struct qs_error *error) {
  if (output->stream == NULL) return QS_DONE;
  output->stream->is_ending = true;
  enum qs_status status = qs_output_try_flush(output, error);
  output->stream->is_ending = false;
  return status;
}

bool qs_output_close_in_order(struct qs_output *output) {
  struct qs_error error;
  if (output->stream == NULL) return true;
  if (output->failure != 0 || !qs_queue_is_empty(&output->writers))
    return false;
  enum qs_status status = qs_output_try_end(output, &error);
  if (status == QS_FAILED) keep_failure(output, &error);
  if (status == QS_DONE) qs_output_close(output, true);
  return status == QS_DONE;
}

/* Level-triggered, like the input: armed while somebody wants to send. */
static void on_writable(evutil_socket_t fd, short what, void *owner) {
  struct qs_output *output = owner;
  struct qs_error error;
  (void)fd;
  (void)what;
  if (output->is_behind) {
    enum qs_status status = qs_output_try_flush(output, &error);
    if (status == QS_FAILED) keep_failure(output, &error);
    output->is_behind = status == QS_AGAIN;
  }
  qs_queue_signal(qs_stream_loop(output->stream), &output->writers);
  if (!output->is_behind && qs_queue_first(&output->writers) == NULL)
    qs_readiness_disarm(output->stream->writable);
}

static void send_behind(struct qs_output *output) {
  struct qs_error error;
  enum qs_status status;
  if (output->failure != 0) return;
  status = qs_output_try_flush(output, &error);
  output->is_behind = status == QS_AGAIN;
  if (status == QS_AGAIN &&
      qs_stream_arm_writable(output->stream, on_writable, output, &error) != 0)
    status = QS_FAILED;
  if (status == QS_FAILED) keep_failure(output, &error);
}

void qs_output_mark(struct qs_output *output, struct qs_dirty_outputs *list) {
  if (output->is_dirty || output->stream == NULL) return;
  LIST_INSERT_HEAD(list, output, dirty);
  output->is_dirty = true;
}

QS_HOT void qs_output_send_marked(struct qs_dirty_outputs *list) {
  struct qs_output *output;
  while ((output = LIST_FIRST(list)) != NULL) {
    unmark(output);
    send_behind(output);
  }
}

bool qs_output_is_ready(struct qs_output *output) {
  if (output->stream == NULL || output->is_closing || output->failure != 0 ||
      output->stream->reset != 0)
    return true;
  if (output->mode != QS_MODE_NONE && has_room(output, 1)) return true;
  return qs_socket_is_ready(output->stream->fd, POLLOUT);
}

int qs_output_wait(struct qs_output *output, struct qs_waiter *waiter,
                   struct qs_error *error) {
  if (waiter->queue == NULL) qs_waiter_join(waiter, &output->writers);
  if (waiter->takes && qs_queue_first(&output->writers) != waiter) return 0;
  return qs_stream_arm_writable(output->stream, on_writable, output, error);
}
