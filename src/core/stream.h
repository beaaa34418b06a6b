/* SPDX-License-Identifier: MIT */
#ifndef QS_STREAM_H
#define QS_STREAM_H

/*
 * A TCP connection as its two ports share it: the descriptor, the addresses,
 * which sides are open, and the reset that may have ended it.
 *
 * Each port holds one side.  Closing the output sends FIN, closing the input
 * stops reception, and the second of the two closes the descriptor.
 * Source: the Racket reference, tcp-connect: "Both of the returned ports must
 * be closed to terminate the TCP connection."
 */

#include "socket.h"
#include "waiter.h"

struct qs_stream {
  int fd;
  int16_t reset; /* errno that ended the connection, 0: none seen */
  bool is_input_open : 1;
  bool is_output_open : 1;
  bool has_ended : 1; /* the peer's end has been read: nothing is left there */
  bool is_ending : 1; /* what is sent now is followed by FIN at once */
  struct qs_address local; /* as they were when the connection began */
  struct qs_address peer;
  struct qs_readiness readable;  /* knows the loop from the beginning */
  struct qs_readiness *writable; /* made when a send first has to wait */
};

/* Takes over `fd`, also when it fails (then it has been closed).  A `local` of
 * AF_UNSPEC is asked of the kernel.
 * Errors: NULL and *error (ENOMEM). */
struct qs_stream *qs_stream_new(struct qs_loop *loop, int fd,
                                const struct qs_address *local,
                                const struct qs_address *peer,
                                struct qs_error *error);

static inline struct qs_loop *qs_stream_loop(const struct qs_stream *stream) {
  return stream->readable.loop;
}

/* One recv(2).  After a reset has been seen by either side, that reset is
 * repeated, once what the kernel still holds has been read. */
enum qs_status qs_stream_try_recv(struct qs_stream *stream, void *bytes,
                                  size_t size, size_t *received,
                                  struct qs_error *error);

/* One send(2) or sendmsg(2).  A reset seen by either side is repeated. */
enum qs_status qs_stream_try_send(struct qs_stream *stream,
                                  const struct iovec *pieces, size_t count,
                                  size_t *sent, struct qs_error *error);

/* Waits for room to send: `callback(fd, EV_WRITE, owner)` runs at each poll
 * that finds room, until qs_readiness_disarm(stream->writable). */
int qs_stream_arm_writable(struct qs_stream *stream, event_callback_fn callback,
                           void *owner, struct qs_error *error);

/* Each is called once.  `sends_fin` false is how an abandoned port leaves: the
 * peer hears nothing until the input is closed too.  The second call frees
 * the stream.  Source: tcp-abandon-port. */
void qs_stream_close_input(struct qs_stream *stream);
void qs_stream_close_output(struct qs_stream *stream, bool sends_fin);

#endif
