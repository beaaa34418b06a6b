/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

/* What the final close may read and forget: more than the receive buffer of
 * any ordinary kernel, so that a peer that has stopped sending is not reset;
 * bounded, so that one that never stops cannot hold us. */
enum { DRAIN_LIMIT = 8 * 1024 * 1024 };

struct qs_stream *qs_stream_new(struct qs_loop *loop, int fd,
                                const struct qs_address *local,
                                const struct qs_address *peer,
                                struct qs_error *error) {
  struct qs_stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL) {
    qs_error_posix(error, "stream", NULL);
    qs_socket_close(fd);
    return NULL;
  }
  stream->readable.loop = loop;
  stream->fd = fd;
  stream->peer = *peer;
  stream->is_input_open = true;
  stream->is_output_open = true;
  stream->local = *local;
  if (local->any.sa_family == AF_UNSPEC)
    qs_address_of_local(&stream->local, fd);
  loop->streams++;
  return stream;
}

/* The kernel tells a reset once, to whoever comes first; the stream tells it
 * to everybody.  EPIPE alone is not remembered: the peer may have stopped
 * reading and still have sent an orderly end. */
static void remember_reset(struct qs_stream *stream,
                           const struct qs_error *error) {
  if (error->kind == QS_ERROR_POSIX && error->code != EPIPE &&
      stream->reset == 0)
    stream->reset = (int16_t)error->code;
}

static enum qs_status repeat_reset(const struct qs_stream *stream,
                                   const char *step, struct qs_error *error) {
  errno = stream->reset;
  qs_error_posix(error, step, NULL);
  return QS_FAILED;
}

enum qs_status qs_stream_try_recv(struct qs_stream *stream, void *bytes,
                                  size_t size, size_t *received,
                                  struct qs_error *error) {
  enum qs_status status =
      qs_socket_try_recv(stream->fd, bytes, size, received, error);
  stream->has_ended = status == QS_EOF;
  if (status == QS_FAILED)
    remember_reset(stream, error);
  else if (status != QS_DONE && stream->reset != 0)
    return repeat_reset(stream, "recv", error);
  return status;
}

enum qs_status qs_stream_try_send(struct qs_stream *stream,
                                  const struct iovec *pieces, size_t count,
                                  size_t *sent, struct qs_error *error) {
  if (stream->reset != 0) return repeat_reset(stream, "send", error);
  enum qs_status status = qs_socket_try_send(
      stream->fd, pieces, count, stream->is_ending ? MSG_MORE : 0, sent, error);
  if (status == QS_FAILED) remember_reset(stream, error);
  return status;
}

int qs_stream_arm_writable(struct qs_stream *stream, event_callback_fn callback,
                           void *owner, struct qs_error *error) {
  if (stream->writable == NULL) {
    stream->writable = malloc(sizeof *stream->writable);
    if (stream->writable == NULL) {
      qs_error_posix(error, "send", NULL);
      return -1;
    }
    qs_readiness_init(stream->writable, qs_stream_loop(stream), stream->fd,
                      EV_WRITE, callback, owner);
  }
  return qs_readiness_arm(stream->writable, error);
}

/* Bytes left unread would turn the close into a reset, and a reset destroys
 * what the peer has not read yet. */
static void free_stream(struct qs_stream *stream) {
  qs_stream_loop(stream)->streams--;
  if (!stream->has_ended) qs_socket_drain(stream->fd, DRAIN_LIMIT);
  qs_socket_close(stream->fd);
  free(stream);
}

void qs_stream_close_input(struct qs_stream *stream) {
  qs_readiness_disarm(&stream->readable);
  stream->is_input_open = false;
  if (stream->is_output_open)
    qs_socket_shutdown(stream->fd, SHUT_RD);
  else
    free_stream(stream);
}

void qs_stream_close_output(struct qs_stream *stream, bool sends_fin) {
  if (stream->writable != NULL) {
    qs_readiness_disarm(stream->writable);
    free(stream->writable);
    stream->writable = NULL;
  }
  stream->is_output_open = false;
  if (!stream->is_input_open)
    free_stream(stream);
  else if (sends_fin)
    qs_socket_shutdown(stream->fd, SHUT_WR);
}
