/* SPDX-License-Identifier: MIT */
#ifndef QS_PORTS_H
#define QS_PORTS_H

/*
 * What the files of the ports share.
 */

#include "operation.h"

void qs_describe_stream(lua_State *L, const struct qs_stream *stream,
                        struct qs_context *context);

/* What the operations on a reading port have in common. */
void qs_input_op_look(void *self);
int qs_input_op_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error);
void qs_input_op_describe(lua_State *L, void *self, struct qs_context *context);

/* Nothing to be had, or somebody else has the turn. */
static inline bool qs_input_must_queue(const struct qs_state *state,
                                       const struct qs_input *input) {
  if (qs_input_is_idle(input)) return true;
  return input->stream != NULL && !qs_queue_is_empty(&input->readers) &&
         !qs_queue_is_turn(&input->readers, state->current);
}

/* What the operations on a writing port have in common. */
int qs_output_op_wait(void *self, struct qs_waiter *waiter,
                      struct qs_error *error);
void qs_output_op_describe(lua_State *L, void *self,
                           struct qs_context *context);

/* A call that begins once the port is closing is refused; one that had begun
 * (it stands in the queue) is not.  QS_AGAIN: somebody else has the turn. */
enum qs_status qs_output_check_turn(const struct qs_state *state,
                                    const struct qs_output *output,
                                    struct qs_error *error);

/* What an attempt answers, `when_done` for QS_DONE. */
static inline int qs_outcome(enum qs_status status, int when_done) {
  if (status == QS_DONE) return when_done;
  return status == QS_AGAIN ? QS_OP_AGAIN : QS_OP_FAILED;
}

/* Is a writing port ready for the current thread: would a write of one byte not
 * wait, for room or for another's turn? */
bool qs_output_op_is_ready(const struct qs_state *state,
                           struct qs_output *output);
/* Closed, or being closed? */
bool qs_output_op_is_closed(const struct qs_output *output);

/* The calls of both kinds of ports that are events, too, with what their
 * `numbers` are. */
extern const struct qs_operation qs_read_line;  /* the enum qs_line_end */
extern const struct qs_operation qs_read_some;  /* at most */
extern const struct qs_operation qs_read_bytes; /* how many */
extern const struct qs_operation qs_peek;       /* how many, bytes to skip */
extern const struct qs_operation qs_flush;
/* The string is on top of the stack: bytes to skip, how many. */
extern const struct qs_operation qs_write_some;

/* Arguments of such a call, or argument errors. */
enum qs_line_end qs_check_line_end(lua_State *L, int index);
size_t qs_check_count(lua_State *L, int index, lua_Integer least);

/* Methods that have a file of their own. */
int qs_read(lua_State *L);
int qs_input_buffer_mode(lua_State *L);
int qs_input_setvbuf(lua_State *L);
int qs_output_buffer_mode(lua_State *L);
int qs_output_setvbuf(lua_State *L);

#endif
