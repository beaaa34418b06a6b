/* SPDX-License-Identifier: MIT */
#include "operation.h"

void qs_push_failure(lua_State *L, const struct qs_operation *operation,
                     void *self, const struct qs_error *error) {
  struct qs_context context = {operation->name, NULL, -1};
  if (operation->describe != NULL) operation->describe(L, self, &context);
  qs_push_error(L, &context, error);
  if (operation->decorate != NULL) operation->decorate(L, self);
}

QS_COLD static int raise_failure(lua_State *L, struct qs_state *state,
                                 const struct qs_operation *operation,
                                 void *self, const struct qs_error *error) {
  state->current->is_wait_breakable = false;
  qs_waiter_leave(state->loop, &state->current->waiter);
  qs_push_failure(L, operation, self, error);
  return lua_error(L);
}

/* Joins and arms; raises when it must not or cannot wait. */
static void begin_wait(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  struct qs_error error;
  qs_prepare_wait(L, state);
  if (thread->operation->wait(thread->self, &thread->waiter, &error) != 0)
    raise_failure(L, state, thread->operation, thread->self, &error);
}

/* The operation of the current thread: results, or QS_OP_AGAIN. */
static int attempt(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  const struct qs_operation *operation = thread->operation;
  struct qs_error error;
  int outcome = operation->attempt(L, state, thread->self, &error);
  if (outcome == QS_OP_AGAIN) return outcome;
  if (outcome == QS_OP_FAILED)
    return raise_failure(L, state, operation, thread->self, &error);
  qs_waiter_leave(state->loop, &thread->waiter);
  thread->is_wait_breakable = false;
  return outcome == QS_OP_OBJECT ? qs_push_object(L) : outcome;
}

/* The main thread comes round by itself; a coroutine, by being resumed.  The
 * context is the state. */
QS_HOT static int operate_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = (struct qs_state *)context;
  for (;;) {
    if (status == LUA_YIELD) qs_resumed(L, state);
    int outcome = attempt(L, state);
    if (outcome != QS_OP_AGAIN) return outcome;
    begin_wait(L, state);
    if (L != state->main) return qs_suspend(L, state, context, operate_k);
    qs_run_until_woken(state);
    status = LUA_YIELD;
  }
}

bool qs_can_wait(lua_State *L, const struct qs_state *state) {
  const struct qs_thread *thread = state->current;
  if (L != state->active || thread->is_dying || thread == state->scheduler)
    return false;
  return L == state->main || lua_isyieldable(L);
}

bool qs_must_pause(lua_State *L, struct qs_state *state) {
  return --state->budget <= 0 && qs_can_wait(L, state);
}

static void begin(struct qs_state *state, const struct qs_operation *operation,
                  void *self) {
  struct qs_thread *thread = state->current;
  thread->operation = operation;
  thread->self = self;
  thread->waiter.takes = true;
}

/* Parks the thread, which has registered for what will wake it. */
static int park(lua_State *L, struct qs_state *state) {
  lua_KContext context = (lua_KContext)state;
  if (L != state->main) return qs_suspend(L, state, context, operate_k);
  qs_run_until_woken(state);
  return operate_k(L, LUA_YIELD, context);
}

int qs_operate(lua_State *L, struct qs_state *state,
               const struct qs_operation *operation, void *self) {
  begin(state, operation, self);
  if (!qs_must_pause(L, state))
    return operate_k(L, LUA_OK, (lua_KContext)state);
  qs_pause(state);
  return park(L, state);
}

QS_HOT int qs_operate_on(lua_State *L, struct qs_state *state,
                         const struct qs_operation *operation, void *self,
                         int outcome, const struct qs_error *error) {
  if (outcome == QS_OP_FAILED)
    return raise_failure(L, state, operation, self, error);
  begin(state, operation, self);
  begin_wait(L, state);
  return park(L, state);
}

/* The only upvalue of the functions below. */
struct binding {
  struct qs_state *state;
  const struct qs_operation *operation;
};

static int block(lua_State *L) {
  const struct binding *binding = lua_touserdata(L, lua_upvalueindex(1));
  void *self = binding->operation->check(L, binding->state);
  return qs_operate(L, binding->state, binding->operation, self);
}

int qs_answer(lua_State *L, int outcome) {
  if (outcome == QS_OP_AGAIN) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (outcome == QS_OP_FAILED) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, -outcome - 1);
  return outcome + 1;
}

static int try_once(lua_State *L) {
  const struct binding *binding = lua_touserdata(L, lua_upvalueindex(1));
  const struct qs_operation *operation = binding->operation;
  struct qs_error error;
  void *self = operation->check(L, binding->state);
  if (operation->look != NULL) operation->look(self);
  int outcome = operation->attempt(L, binding->state, self, &error);
  if (outcome == QS_OP_FAILED) qs_push_failure(L, operation, self, &error);
  if (outcome == QS_OP_OBJECT) outcome = qs_push_object(L);
  return qs_answer(L, outcome);
}

static void push(lua_State *L, struct qs_state *state,
                 const struct qs_operation *operation, lua_CFunction function) {
  struct binding *binding = lua_newuserdatauv(L, sizeof *binding, 0);
  binding->state = state;
  binding->operation = operation;
  lua_pushcclosure(L, function, 1);
}

void qs_push_blocking(lua_State *L, struct qs_state *state,
                      const struct qs_operation *operation) {
  push(L, state, operation, block);
}

void qs_push_try(lua_State *L, struct qs_state *state,
                 const struct qs_operation *operation) {
  push(L, state, operation, try_once);
}

void qs_add_operation(lua_State *L, struct qs_state *state, enum qs_type type,
                      const char *name, const struct qs_operation *operation) {
  qs_push_metatable(L, state, type);
  lua_getfield(L, -1, "__index");
  qs_push_blocking(L, state, operation);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}
