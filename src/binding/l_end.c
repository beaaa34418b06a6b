/* SPDX-License-Identifier: MIT */
#include "binding.h"

/*
 * What keeps a thread alive, and how it ends.
 *
 * A thread that is running, ready, or waits for something in the loop stands
 * in the table of anchors.  One that waits for another thread's hand only
 * (a channel) does not: whoever could wake it holds it, and when nobody can,
 * it is collected.
 *
 * User value QS_THREAD_COROUTINE of a thread is its coroutine while it lives,
 * then the table of its results (nil: none), or its error.
 */

static const char anchors;     /* registry key */
static const char on_error;    /* registry key */
static const char epilogue;    /* registry key: how a connection is ended */
static const char counted_out; /* registry key */

/* --- anchors -------------------------------------------------------------- */

void qs_anchor(lua_State *L, struct qs_thread *thread, int index) {
  if (thread->anchor != 0) return;
  index = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors);
  lua_pushvalue(L, index);
  thread->anchor = luaL_ref(L, -2);
  lua_pop(L, 1);
}

static void drop_anchor(lua_State *L, struct qs_thread *thread) {
  if (thread->anchor == 0) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors);
  luaL_unref(L, -1, thread->anchor);
  thread->anchor = 0;
  lua_pop(L, 1);
}

void qs_unanchor(lua_State *L, struct qs_thread *thread) {
  qs_push_thread(L, thread);
  qs_remember(L, thread, -1);
  lua_pop(L, 1);
  drop_anchor(L, thread);
}

void qs_push_thread(lua_State *L, struct qs_thread *thread) {
  if (thread->anchor == 0) {
    if (!qs_recall(L, thread)) lua_pushnil(L);
    return;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors);
  lua_rawgeti(L, -1, thread->anchor);
  lua_remove(L, -2);
}

/* --- the end of a thread ---------------------------------------------------- */

static int close_coroutine(lua_State *co) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, NULL);
#else
  return lua_resetthread(co);
#endif
}

/* What the connection had opened goes with its thread, however that ended. */
static void shut_owner_down(struct qs_thread *thread) {
  struct qs_custodian *owner = thread->member.custodian;
  if (owner == NULL) return; /* that is what ended it */
  qs_custodian_retain(owner);
  qs_member_leave(&thread->member);
  qs_custodian_shut_down(owner);
  qs_custodian_release(owner);
}

/* Counts a connection out at its server.  Nothing that goes wrong there may
 * reach whoever happened to end this thread. */
static void count_out(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &counted_out);
  lua_getiuservalue(L, -2, QS_THREAD_SERVER);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
  for (int i = QS_THREAD_SERVER; i <= QS_THREAD_OUTPUT; i++) {
    lua_pushnil(L);
    lua_setiuservalue(L, -2, i);
  }
}

/* Replaces the coroutine by the value on top of L, which is popped.  With a
 * connection's thread goes what it had opened, also when it was killed. */
static void release(lua_State *L, struct qs_state *state,
                    struct qs_thread *thread) {
  qs_push_thread(L, thread);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, QS_THREAD_COROUTINE);
  thread->L = NULL;
  thread->phase = QS_PHASE_DEAD;
  state->thread_count--;
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  qs_leave_visits(thread);
  if (thread->has_server) shut_owner_down(thread);
  qs_member_leave(&thread->member);
  qs_custodian_release(thread->custodian);
  thread->custodian = NULL;
  qs_queue_dissolve(state->loop, &thread->joiners);
  drop_anchor(L, thread);
  if (thread->has_server) count_out(L);
  lua_pop(L, 1);
}

/* The coroutine's stack holds nothing else. */
static void keep_results(lua_State *L, struct qs_state *state,
                         struct qs_thread *thread) {
  lua_State *co = thread->L;
  int count = lua_gettop(co);
  luaL_checkstack(L, count + 8, "too many results");
  if (count == 0) {
    lua_pushnil(L);
    release(L, state, thread);
    return;
  }
  lua_createtable(L, count, 1);
  int table = lua_gettop(L);
  lua_xmove(co, L, count);
  for (int i = count; i >= 1; i--)
    lua_rawseti(L, table, i);
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "n");
  release(L, state, thread);
}

/* Stack of L: thread, error, traceback.  The handler may do anything but its
 * own errors end here. */
static void tell(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &on_error);
  lua_insert(L, -4);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
    lua_warning(L, "error in thread.on_error handler: ", 1);
    lua_warning(L, luaL_tolstring(L, -1, NULL), 0);
    lua_pop(L, 2);
  }
}

/* Runs the pending <close> variables on the C stack of whoever kills. */
static void unwind(struct qs_state *state, struct qs_thread *thread) {
  struct qs_thread *current = state->current;
  lua_State *active = state->active;
  thread->is_dying = true;
  state->current = thread;
  state->active = thread->L;
  close_coroutine(thread->L);
  state->current = current;
  state->active = active;
}

/* Pops the error object and runs the pending <close> variables.  Leaves the
 * error and a traceback on L. */
static void unwind_failed(lua_State *L, struct qs_state *state,
                          struct qs_thread *thread) {
  lua_State *co = thread->L;
  lua_pushvalue(co, -1);
  lua_xmove(co, L, 1);
  luaL_traceback(L, co, NULL, 0);
  unwind(state, thread);
}

/* The error is on top of the coroutine's stack, the stack not yet unwound. */
static void keep_error(lua_State *L, struct qs_state *state,
                       struct qs_thread *thread) {
  bool is_awaited = !qs_queue_is_empty(&thread->joiners);
  luaL_checkstack(L, 8, NULL);
  qs_push_thread(L, thread);
  unwind_failed(L, state, thread); /* thread, error, traceback */
  thread->has_failed = true;
  lua_pushvalue(L, -2);
  release(L, state, thread);
  if (is_awaited || thread->is_killed)
    lua_pop(L, 3);
  else
    tell(L);
}

/* The usual end of a connection.  False when there is something to wait for, or
 * to tell. */
static bool close_at_once(lua_State *L, struct qs_thread *thread) {
  luaL_checkstack(L, 8, NULL);
  qs_push_thread(L, thread);
  lua_getiuservalue(L, -1, QS_THREAD_INPUT);
  lua_getiuservalue(L, -2, QS_THREAD_OUTPUT);
  bool is_closed = qs_output_close_in_order(lua_touserdata(L, -1));
  if (is_closed) qs_input_close(lua_touserdata(L, -2));
  lua_pop(L, 3);
  return is_closed;
}

/* The same thread goes on with the epilogue: (server, input, output, ok, error,
 * traceback). */
static void begin_epilogue(lua_State *L, struct qs_state *state,
                           struct qs_thread *thread, int status) {
  lua_State *co = thread->L;
  luaL_checkstack(L, 12, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &epilogue);
  qs_push_thread(L, thread);
  for (int i = QS_THREAD_SERVER; i <= QS_THREAD_OUTPUT; i++)
    lua_getiuservalue(L, -1 - (i - QS_THREAD_SERVER), i);
  lua_remove(L, -4);
  lua_pushboolean(L, status == LUA_OK);
  if (status != LUA_OK) unwind_failed(L, state, thread);
  int count = status == LUA_OK ? 5 : 7;
  thread->is_dying = false;
  thread->has_epilogue = false;
  lua_settop(co, 0);
  luaL_checkstack(co, count, NULL);
  lua_xmove(L, co, count);
  thread->phase = QS_PHASE_READY;
  qs_wake(state, thread);
}

void qs_thread_finish(struct qs_state *state, struct qs_thread *thread,
                      int status) {
  bool is_in_order = thread->has_epilogue && !thread->is_killed;
  if (is_in_order && !(status == LUA_OK && close_at_once(state->main, thread)))
    begin_epilogue(state->main, state, thread, status);
  else if (status == LUA_OK)
    keep_results(state->main, state, thread);
  else
    keep_error(state->main, state, thread);
}

void qs_thread_kill(struct qs_state *state, struct qs_thread *thread) {
  lua_State *L = state->main;
  if (thread->phase == QS_PHASE_DEAD || thread->is_dying ||
      thread == state->main_thread)
    return;
  thread->is_killed = true;
  if (thread->phase == QS_PHASE_RUNNING)
    return; /* it ends by itself: qs_end_if_killed, or at its next wait */
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  luaL_checkstack(L, 8, NULL);
  qs_push_thread(L, thread); /* stays alive meanwhile */
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1); /* about to be collected */
    return;
  }
  unwind(state, thread);
  qs_push_kind(L, "kill", "kill", "the thread has been killed");
  thread->has_failed = true;
  release(L, state, thread);
  lua_pop(L, 1);
}

static int end_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return qs_raise_kill(L); /* never resumed after its end */
}

int qs_end_if_killed(lua_State *L, struct qs_state *state, int results) {
  struct qs_thread *thread = state->current;
  if (!thread->is_killed || thread->is_dying) return results;
  if (L != state->active || !lua_isyieldable(L)) return qs_raise_kill(L);
  return qs_suspend(L, state, 0, end_k);
}

static void shut_down(struct qs_member *member) {
  struct qs_thread *thread =
      (struct qs_thread *)(void *)((char *)member -
                                   offsetof(struct qs_thread, member));
  qs_thread_kill(qs_custodian_loop(thread->custodian)->owner, thread);
}

const struct qs_member_kind qs_thread_kind = {"thread", shut_down};

/* core.on_error(handler): called with thread, error, traceback. */
static int set_on_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &on_error);
  lua_insert(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &on_error);
  return 1;
}

/* core.on_connection(epilogue, counted_out) */
static int on_connection(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &counted_out);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &epilogue);
  return 0;
}

void qs_open_end(lua_State *L, struct qs_state *state) {
  static const luaL_Reg functions[] = {
      {"on_error", set_on_error},
      {"on_connection", on_connection},
      {NULL, NULL},
  };
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &anchors);
  qs_set_functions(L, state, functions);
}
