/* SPDX-License-Identifier: MIT */
#ifndef QS_INPUT_H
#define QS_INPUT_H

/*
 * The reading port of a connection: bytes, lines, what is there, peeking, the
 * end.
 *
 * A try finds bytes and leaves them where they are; the caller copies them and
 * then consumes them.  So whatever interrupts a read - a break, another event,
 * a reset - takes no bytes.
 *
 * Source: the Racket reference, "Byte and String Input".
 */

#include "buffer.h"
#include "custodian.h"
#include "stream.h"

/* How a line ends. Source: read-line. */
enum qs_line_end {
  QS_LINE_LINEFEED,
  QS_LINE_RETURN,
  QS_LINE_RETURN_LINEFEED,
  QS_LINE_ANY,     /* CR LF, else CR, else LF */
  QS_LINE_ANY_ONE, /* CR or LF, each on its own */
};

/* Unread bytes a line, or "all", may grow to unless set otherwise. */
enum { QS_LIMIT_DEFAULT = 16 * 1024 * 1024 };

struct qs_input {
  struct qs_stream *stream; /* NULL: closed */
  struct qs_member member;
  struct qs_queue readers;
  struct qs_buffer buffer;
  size_t line_limit;
  size_t all_limit;
  uint32_t scanned;          /* leading bytes known to hold no `scanned_end` */
  unsigned char scanned_end; /* enum qs_line_end */
  bool has_ended;            /* the peer's end of file has been seen */
  bool is_unbuffered;        /* mode "none": no reading ahead */
};

/* What a try found: where, how long, and how much of the port it takes up
 * (a line takes its terminator too).  Valid until the next call. */
struct qs_found {
  const char *bytes;
  size_t length;
  size_t taken;
};

/* Makes the input side of `stream`, managed by `custodian`, which must be
 * alive. */
void qs_input_open(struct qs_input *input, struct qs_stream *stream,
                   struct qs_custodian *custodian);

/* Wakes all waiters.  Again: no effect. */
void qs_input_close(struct qs_input *input);

/* Nothing is buffered, and the last look found nothing: a try would answer
 * QS_AGAIN. */
static inline bool qs_input_is_idle(const struct qs_input *input) {
  return qs_buffer_is_empty(&input->buffer) && input->stream != NULL &&
         !input->stream->readable.is_hopeful && !input->has_ended &&
         input->stream->reset == 0;
}

/* Makes the next try ask the kernel, even when its last answer was "nothing"
 * and no poll has come since. */
void qs_input_look(struct qs_input *input);

/* Reads until at least `length` bytes lie in the buffer.  QS_EOF: fewer do,
 * and that is all there will be. */
enum qs_status qs_input_want(struct qs_input *input, size_t length,
                             struct qs_error *error);

/* The tries begin `skip` bytes behind what has been consumed.  QS_EOF: nothing
 * more will come and nothing is there.  QS_FAILED: kind CLOSED, LIMIT, or what
 * recv(2) said; the bytes stay. */

/* One line without its terminator; at end of file, what there is. */
enum qs_status qs_input_try_line(struct qs_input *input, size_t skip,
                                 enum qs_line_end end, struct qs_found *found,
                                 struct qs_error *error);

/* Exactly `count` bytes; fewer only at end of file. */
enum qs_status qs_input_try_bytes(struct qs_input *input, size_t skip,
                                  size_t count, struct qs_found *found,
                                  struct qs_error *error);

/* From 1 to `most` bytes, whatever is there. */
enum qs_status qs_input_try_some(struct qs_input *input, size_t most,
                                 struct qs_found *found,
                                 struct qs_error *error);

/* Everything up to the end of file; never QS_EOF, but possibly 0 bytes. */
enum qs_status qs_input_try_all(struct qs_input *input, size_t skip,
                                struct qs_found *found, struct qs_error *error);

/* QS_DONE when the next read would answer end of file, QS_AGAIN when bytes
 * come first. */
enum qs_status qs_input_try_end(struct qs_input *input, struct qs_error *error);

/* Takes bytes that a try has found. */
void qs_input_consume(struct qs_input *input, size_t count);

/* Would a read of one byte not wait?  True at end of file, after an error and
 * when closed. */
bool qs_input_is_ready(struct qs_input *input);

/* Waits for more: the waiter is posted when a try may answer otherwise.  It
 * joins the readers unless it is there already. */
int qs_input_wait(struct qs_input *input, struct qs_waiter *waiter,
                  struct qs_error *error);

/* Likewise, for one that only cares about the end: while bytes lie unread it
 * is posted when they are consumed. */
int qs_input_wait_end(struct qs_input *input, struct qs_waiter *waiter,
                      struct qs_error *error);

#endif
