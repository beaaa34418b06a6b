/* SPDX-License-Identifier: MIT */
#include "event.h"

/*
 * The scheduler.  The ready list is the run queue.  The main thread is the one
 * that runs it: while the main chunk waits, the others get their turns.
 */

/* Operations a thread may complete before others get a turn. */
enum { BUDGET = 128 };

/* Resumptions between looks at the descriptors while threads keep busy. */
enum { TURNS = 64 };

bool qs_is_breakable(const struct qs_thread *thread) {
  return thread->is_break_enabled || thread->is_wait_breakable;
}

static bool has_break(struct qs_state *state, struct qs_thread *thread) {
  if (thread->pending_break == QS_BREAK_NONE && thread == state->main_thread &&
      qs_interrupt_take(state))
    thread->pending_break = QS_BREAK_BREAK;
  return thread->pending_break != QS_BREAK_NONE;
}

/* Whatever the thread waited for, it waits no more. */
QS_COLD static int raise_pending_break(lua_State *L, struct qs_state *state,
                                       struct qs_thread *thread) {
  enum qs_break kind = thread->pending_break;
  thread->pending_break = QS_BREAK_NONE;
  thread->is_broken = false;
  thread->is_wait_breakable = false;
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  return qs_raise_break(L, kind);
}

void qs_raise_if_broken(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  if (qs_is_breakable(thread) && has_break(state, thread))
    raise_pending_break(L, state, thread);
}

QS_COLD static int refuse(lua_State *L, struct qs_state *state,
                          const char *message) {
  state->current->is_wait_breakable = false;
  qs_waiter_leave(state->loop, &state->current->waiter);
  return luaL_error(L, "%s", message);
}

void qs_prepare_wait(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  if (L != state->active)
    refuse(L, state,
           "attempt to wait inside a coroutine that quayside does not know: "
           "make it with quayside.coroutine, or call "
           "quayside.coroutine.install() first");
  if (thread == state->scheduler)
    refuse(L, state, "attempt to wait in a handler of errors or a finalizer");
  if (thread->is_dying)
    refuse(L, state, "attempt to wait in a thread that is being killed");
  if (L != state->main && !lua_isyieldable(L))
    refuse(L, state,
           "attempt to wait inside a C call that cannot yield (such as a "
           "table.sort or string.gsub callback)");
  if (thread->is_killed) qs_raise_kill(L);
  qs_raise_if_broken(L, state);
}

void qs_resumed(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  if (L != state->active)
    luaL_error(L, "a coroutine was resumed while it waits for quayside");
  if (thread->is_broken) raise_pending_break(L, state, thread);
}

int qs_suspend(lua_State *L, struct qs_state *state, lua_KContext context,
               lua_KFunction k) {
  state->is_suspending = true;
  return lua_yieldk(L, 0, context, k);
}

void qs_wake(struct qs_state *state, struct qs_thread *thread) {
  qs_loop_post(state->loop, &thread->waiter.ready);
}

void qs_pause(struct qs_state *state) {
  state->turns = TURNS;
  qs_wake(state, state->current);
}

void qs_break_thread(struct qs_state *state, struct qs_thread *thread,
                     enum qs_break kind) {
  if (thread->phase == QS_PHASE_DEAD) return;
  if (kind > thread->pending_break) thread->pending_break = (unsigned char)kind;
  if (thread->phase != QS_PHASE_PARKED || thread->is_woken ||
      !qs_is_breakable(thread))
    return;
  /* From here on nothing else can end this wait. */
  thread->is_broken = true;
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  qs_wake(state, thread);
}

static void give_turn(struct qs_state *state, struct qs_thread *thread,
                      lua_State *active) {
  state->current = thread;
  state->active = active;
  state->budget = BUDGET;
  thread->phase = QS_PHASE_RUNNING;
}

/* The main thread is parked; what runs is the scheduler. */
static void step_aside(struct qs_state *state) {
  give_turn(state, state->scheduler, state->main);
  state->main_thread->phase = QS_PHASE_PARKED;
}

/* What lua_resume brought back. */
static void settle(struct qs_state *state, struct qs_thread *thread,
                   int status) {
  bool was_suspending = state->is_suspending;
  state->is_suspending = false;
  thread->phase = QS_PHASE_PARKED; /* it runs no more */
  if (status == LUA_YIELD && thread->is_killed) {
    qs_thread_kill(state, thread);
  } else if (status == LUA_YIELD && !was_suspending) {
    lua_pushliteral(thread->L,
                    "attempt to yield from outside a coroutine (a quayside "
                    "thread gives up its turn by thread.yield)");
    qs_thread_finish(state, thread, LUA_ERRRUN);
  } else if (status != LUA_YIELD) {
    qs_thread_finish(state, thread, status);
  }
}

/* A new coroutine has its function and arguments on its stack. */
static void resume(struct qs_state *state, struct qs_thread *thread) {
  lua_State *L = thread->L;
  int results;
  int arguments = 0;
  if (lua_status(L) == LUA_OK) arguments = lua_gettop(L) - 1;
  give_turn(state, thread, L);
  qs_loop_unpost(state->loop, &thread->waiter.ready);
  int status = lua_resume(L, state->main, arguments, &results);
  step_aside(state);
  settle(state, thread, status);
  qs_output_send_marked(&state->dirty);
}

/* True when it was the main thread's turn. */
static bool run_one(struct qs_state *state, struct qs_waiter *waiter) {
  struct qs_thread *thread = waiter->owner;
  if (waiter != &thread->waiter)
    ((struct qs_registration *)(void *)waiter)->is_signaled = true;
  if (thread == state->main_thread) return true;
  if (thread->phase == QS_PHASE_READY || thread->phase == QS_PHASE_PARKED)
    resume(state, thread);
  return false;
}

/* Looks at the descriptors when there is nothing else to do, and now and then
 * while there is. */
static bool look(struct qs_state *state, size_t resumed) {
  bool is_idle = state->loop->ready_count == 0;
  state->turns += (int)resumed;
  if (!is_idle && state->turns < TURNS) return true;
  state->turns = 0;
  if (is_idle && !qs_loop_is_busy(state->loop)) return false;
  qs_loop_poll(state->loop, is_idle);
  return true;
}

/* One round: those that are ready now, each once. */
QS_HOT static bool run_round(struct qs_state *state) {
  size_t count = state->loop->ready_count;
  for (size_t i = 0; i < count; i++) {
    struct qs_ready *ready = qs_loop_next(state->loop);
    if (ready == NULL) break;
    if (run_one(state, qs_waiter_of(ready))) return true;
  }
  return false;
}

bool qs_run_turn(struct qs_state *state) {
  size_t count = state->loop->ready_count;
  qs_output_send_marked(&state->dirty);
  qs_interrupt_refresh(state);
  step_aside(state);
  /* Looking may wait, and there must be somebody left to wait for. */
  bool can_go_on =
      run_round(state) || state->thread_count == 0 || look(state, count);
  give_turn(state, state->main_thread, state->main);
  return can_go_on;
}

/* With nothing registered only a signal can end the wait. */
void qs_run_until_woken(struct qs_state *state) {
  struct qs_thread *self = state->main_thread;
  qs_output_send_marked(&state->dirty);
  qs_interrupt_refresh(state);
  if (state->turns >= TURNS) qs_loop_poll(state->loop, false);
  for (;;) {
    size_t count = state->loop->ready_count;
    step_aside(state);
    if (run_round(state)) break;
    if (!look(state, count)) qs_loop_poll(state->loop, true);
  }
  give_turn(state, self, state->main);
  qs_loop_unpost(state->loop, &self->waiter.ready);
}
