/* SPDX-License-Identifier: MIT */
#ifndef QS_OPERATION_H
#define QS_OPERATION_H

/*
 * Blocking calls.  Every one has the same course: check the arguments, try;
 * where that would have to wait, join a queue, park, and try again.
 */

#include "binding.h"

/* What an attempt answers besides a number of results: that it would have to
 * wait; that it failed; that the only result is the object it works on. */
enum { QS_OP_AGAIN = -1, QS_OP_FAILED = -2, QS_OP_OBJECT = -3 };

/* A call that may have to wait.  `self` is what it works on, userdata that
 * stays on the stack, the object at index 1.  Its other arguments are on the
 * stack from 2, or in the two `numbers` of the current thread. */
struct qs_operation {
  const char *name; /* for error objects */
  /* Raises argument errors; leaves stack and numbers as the others expect
   * them.  Returns self. */
  void *(*check)(lua_State *L, struct qs_state *state);
  /* Before a try that nobody will wait for: asks the kernel in any case.  May
   * be NULL. */
  void (*look)(void *self);
  /* Never waits.  The number of results pushed, or one of the above. */
  int (*attempt)(lua_State *L, struct qs_state *state, void *self,
                 struct qs_error *error);
  /* Joins a queue (unless in it) and arms what will wake the thread. */
  int (*wait)(void *self, struct qs_waiter *waiter, struct qs_error *error);
  /* Fills in what an error object tells beside the name; may push strings.
   * May be NULL. */
  void (*describe)(lua_State *L, void *self, struct qs_context *context);
  /* Adds to the error object on top of the stack.  May be NULL. */
  void (*decorate)(lua_State *L, void *self);
};

/* Can the current thread wait here: not in a foreign coroutine, a C call that
 * cannot yield, a handler of errors, or while it is being killed? */
bool qs_can_wait(lua_State *L, const struct qs_state *state);

/* Counts an operation of the current thread.  True when it has had so many
 * since it last waited that it must pause before this one. */
bool qs_must_pause(lua_State *L, struct qs_state *state);

/* Pushes the error object of a failure. */
QS_COLD void qs_push_failure(lua_State *L, const struct qs_operation *operation,
                             void *self, const struct qs_error *error);

/* What a try tells Lua of its outcome, whose results or error object are on
 * top: false; or true and the results; or nil and the error. */
int qs_answer(lua_State *L, int outcome);

/* Goes on with a blocking call whose arguments have been checked. */
QS_SHARED int qs_operate(lua_State *L, struct qs_state *state,
                         const struct qs_operation *operation, void *self);

/* Goes on with one that has been tried, and must wait or has failed. */
QS_SHARED int qs_operate_on(lua_State *L, struct qs_state *state,
                            const struct qs_operation *operation, void *self,
                            int outcome, const struct qs_error *error);

/* The object of a call, as its only result. */
static inline int qs_push_object(lua_State *L) {
  lua_pushvalue(L, 1);
  return 1;
}

/* A blocking call as the body of a C function, of an operation whose check
 * does not enable breaks.  In line, so that the compiler knows the operation
 * and calls its functions directly. */
static inline int qs_call(lua_State *L, struct qs_state *state,
                          const struct qs_operation *operation) {
  struct qs_error error;
  void *self = operation->check(L, state);
  if (--state->budget <= 0) return qs_operate(L, state, operation, self);
  int outcome = operation->attempt(L, state, self, &error);
  if (outcome >= 0) return outcome;
  if (outcome == QS_OP_OBJECT) return qs_push_object(L);
  return qs_operate_on(L, state, operation, self, outcome, &error);
}

/* Pushes a function that does a blocking call. */
void qs_push_blocking(lua_State *L, struct qs_state *state,
                      const struct qs_operation *operation);
/* Pushes a function that tries it once: false, or true and the results, or nil
 * and the error. */
void qs_push_try(lua_State *L, struct qs_state *state,
                 const struct qs_operation *operation);

/* Makes the blocking call a method of a type. */
void qs_add_operation(lua_State *L, struct qs_state *state, enum qs_type type,
                      const char *name, const struct qs_operation *operation);

/* --- l_listener.c ------------------------------------------------------------- */

/* An attempt to accept: the ports are to belong to `owner`. */
int qs_accept(lua_State *L, struct qs_state *state,
              struct qs_listener *listener, struct qs_custodian *owner,
              struct qs_error *error);
void qs_accept_describe(lua_State *L, void *self, struct qs_context *context);

#endif
