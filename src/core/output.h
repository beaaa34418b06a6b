/* SPDX-License-Identifier: MIT */
#ifndef QS_OUTPUT_H
#define QS_OUTPUT_H

/*
 * The writing port of a connection: a buffer, a turn for writers, flushing,
 * and sending behind a thread's back while it waits for something else.
 *
 * Source: the Racket reference, "Byte and String Output", "Port Buffers and
 * Positions".
 */

#include "buffer.h"
#include "custodian.h"
#include "stream.h"

enum qs_buffer_mode {
  QS_MODE_NONE,  /* every write is sent */
  QS_MODE_LINE,  /* a write with a line feed in it is sent */
  QS_MODE_BLOCK, /* sent when full, at flush and close */
  QS_MODE_AUTO,  /* likewise, and whenever the writing thread waits or ends */
};

struct qs_output {
  struct qs_stream *stream; /* NULL: closed */
  struct qs_member member;
  struct qs_queue writers; /* who is first has the turn */
  struct qs_buffer buffer;
  LIST_ENTRY(qs_output) dirty; /* written in "auto" mode since the last wait */
  int failure; /* errno of a send behind, not told to anybody yet */
  unsigned char mode;
  bool is_dirty;
  bool is_behind;  /* the loop goes on sending whenever there is room */
  bool is_closing; /* takes no new writes */
};

LIST_HEAD(qs_dirty_outputs, qs_output);

/* Makes the output side of `stream`, managed by `custodian`, which must be
 * alive. */
void qs_output_open(struct qs_output *output, struct qs_stream *stream,
                    struct qs_custodian *custodian);

/* Ends it at once: what has not been sent is forgotten, waiters are woken.
 * `sends_fin` as in qs_stream_close_output.  Again: no effect. */
void qs_output_close(struct qs_output *output, bool sends_fin);

/* Into the buffer or to the kernel, from bytes[*taken] on, advancing *taken.
 * A large piece goes to the kernel directly.  QS_AGAIN: neither has room. */
enum qs_status qs_output_try_write(struct qs_output *output, const char *bytes,
                                   size_t size, size_t *taken,
                                   struct qs_error *error);

/* To the kernel only, behind what is in the buffer: QS_DONE when at least one
 * byte went, and *taken says how many.  Of nothing, QS_DONE when the buffer is
 * empty. */
enum qs_status qs_output_try_write_some(struct qs_output *output,
                                        const char *bytes, size_t size,
                                        size_t *taken, struct qs_error *error);

/* QS_DONE when the buffer is empty.  A failure empties it, too. */
enum qs_status qs_output_try_flush(struct qs_output *output,
                                   struct qs_error *error);

/* The same, when the caller goes on to close the output with FIN at once: the
 * last bytes and the FIN travel in one packet. */
enum qs_status qs_output_try_end(struct qs_output *output,
                                 struct qs_error *error);

/* Flushes and closes with FIN.  False, and it stays open, if that would have to
 * wait or has failed; the failure is kept for the next write, flush or close. */
bool qs_output_close_in_order(struct qs_output *output);

/* Puts the output on a list of those to send when the thread waits. */
void qs_output_mark(struct qs_output *output, struct qs_dirty_outputs *list);

/* Sends all on the list without waiting; what does not go goes later.  A
 * failure is kept for the next write, flush or close. */
void qs_output_send_marked(struct qs_dirty_outputs *list);

/* Would a write of one byte not wait?  True when closed or failed. */
bool qs_output_is_ready(struct qs_output *output);

/* Waits for room, or for the turn.  Joins the writers unless it has. */
int qs_output_wait(struct qs_output *output, struct qs_waiter *waiter,
                   struct qs_error *error);

#endif
