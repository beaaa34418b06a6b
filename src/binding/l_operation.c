/* SPDX-License-Identifier: MIT */
#include "binding.h"

/*
 * Every blocking call has the same course: try; where that would have to wait,
 * join a queue, park, and try again.  The continuation is the body.
 */

static int fail(lua_State *L, struct qs_thread *thread,
                const struct qs_operation *operation, void *self,
                const struct qs_error *error) {
  struct qs_context context = {operation->name, NULL, -1};
  thread->is_wait_breakable = false;
  if (operation->describe != NULL) operation->describe(L, self, &context);
  qs_push_error(L, &context, error);
  if (operation->decorate != NULL) operation->decorate(L, self);
  return QS_OP_FAILED;
}

/* Results, or QS_OP_AGAIN, or QS_OP_FAILED with the error object pushed. */
static int attempt(lua_State *L, struct qs_state *state,
                   const struct qs_operation *operation, void *self) {
  struct qs_thread *thread = state->current;
  struct qs_error error;
  int results = operation->attempt(L, state, self, &error);
  if (results == QS_OP_AGAIN) return results;
  qs_waiter_leave(state->loop, &thread->waiter);
  if (results == QS_OP_FAILED) return fail(L, thread, operation, self, &error);
  thread->is_wait_breakable = false;
  return results;
}

/* Joins and arms; raises when it must not or cannot wait. */
static void begin_wait(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  struct qs_error error;
  qs_prepare_wait(L, state);
  if (thread->operation->wait(thread->self, &thread->waiter, &error) == 0)
    return;
  qs_waiter_leave(state->loop, &thread->waiter);
  fail(L, thread, thread->operation, thread->self, &error);
  lua_error(L);
}

/* The main thread comes round by itself; a coroutine, by being resumed.  The
 * context is the state. */
static int operate_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = (struct qs_state *)context;
  struct qs_thread *thread = state->current;
  for (;;) {
    if (status == LUA_YIELD) qs_resumed(L, state);
    int results = attempt(L, state, thread->operation, thread->self);
    if (results == QS_OP_FAILED) return lua_error(L);
    if (results != QS_OP_AGAIN) return results;
    begin_wait(L, state);
    if (L != state->main) return qs_suspend(L, state, context, operate_k);
    qs_run_until_woken(state);
    status = LUA_YIELD;
  }
}

bool qs_can_wait(lua_State *L, const struct qs_state *state) {
  if (L != state->active || state->current->is_dying) return false;
  return L == state->main || lua_isyieldable(L);
}

bool qs_must_pause(lua_State *L, struct qs_state *state) {
  return --state->budget <= 0 && qs_can_wait(L, state);
}

int qs_operate(lua_State *L, struct qs_state *state,
               const struct qs_operation *operation, void *self) {
  lua_KContext context = (lua_KContext)state;
  struct qs_thread *thread = state->current;
  thread->operation = operation;
  thread->self = self;
  thread->progress = 0;
  thread->argument = 0;
  thread->waiter.takes = true;
  if (!qs_must_pause(L, state)) return operate_k(L, LUA_OK, context);
  qs_pause(state);
  if (L != state->main) return qs_suspend(L, state, context, operate_k);
  qs_run_until_woken(state);
  return operate_k(L, LUA_YIELD, context);
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

/* An event stands for its arguments, which are its elements 1 to 3. */
static void spread(lua_State *L) {
  lua_settop(L, 1);
  for (int i = 1; i <= 3; i++)
    lua_rawgeti(L, 1, i);
  lua_remove(L, 1);
}

static int try_once(lua_State *L) {
  const struct binding *binding = lua_touserdata(L, lua_upvalueindex(1));
  if (lua_istable(L, 1)) spread(L);
  void *self = binding->operation->check(L, binding->state);
  if (binding->operation->look != NULL) binding->operation->look(self);
  int results = attempt(L, binding->state, binding->operation, self);
  if (results == QS_OP_AGAIN) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (results == QS_OP_FAILED) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, -results - 1);
  return results + 1;
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
