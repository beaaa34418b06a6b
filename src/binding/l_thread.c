/* SPDX-License-Identifier: MIT */
#include "binding.h"

/*
 * Threads: spawn, wait, sleep, yield, kill, breaks.
 *
 * A thread that is running, ready, or waits for something in the loop stands
 * in the table of anchors.  One that waits for another thread's hand only
 * (a channel) does not: whoever could wake it holds it, and when nobody can,
 * it is collected.
 *
 * User value 1 of a thread is its coroutine while it lives, then the table of
 * its results, or its error.
 */

static const char anchors;  /* registry key */
static const char on_error; /* registry key */

enum { THREAD_VALUE = 1 };

/* --- anchors -------------------------------------------------------------- */

void qs_anchor(lua_State *L, struct qs_thread *thread, int index) {
  index = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, thread);
  lua_pop(L, 1);
}

static void drop_anchor(lua_State *L, const struct qs_thread *thread) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors);
  lua_pushnil(L);
  lua_rawsetp(L, -2, thread);
  lua_pop(L, 1);
}

void qs_unanchor(lua_State *L, struct qs_thread *thread) {
  qs_push_thread(L, thread);
  qs_remember(L, thread, -1);
  lua_pop(L, 1);
  drop_anchor(L, thread);
}

void qs_push_thread(lua_State *L, struct qs_thread *thread) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors);
  lua_rawgetp(L, -1, thread);
  lua_remove(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    if (!qs_recall(L, thread)) lua_pushnil(L);
  }
}

/* --- the end of a thread ---------------------------------------------------- */

static int close_coroutine(lua_State *co) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, NULL);
#else
  return lua_resetthread(co);
#endif
}

/* Replaces the coroutine by the value on top of L, which is popped. */
static void release(lua_State *L, struct qs_state *state,
                    struct qs_thread *thread) {
  qs_push_thread(L, thread);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, THREAD_VALUE);
  lua_pop(L, 1);
  thread->L = NULL;
  thread->phase = QS_PHASE_DEAD;
  state->thread_count--;
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  qs_leave_visits(thread);
  qs_member_leave(&thread->member);
  qs_custodian_release(thread->custodian);
  thread->custodian = NULL;
  qs_queue_dissolve(state->loop, &thread->joiners);
  drop_anchor(L, thread);
}

static void keep_results(lua_State *L, struct qs_state *state,
                         struct qs_thread *thread) {
  lua_State *co = thread->L;
  int count = lua_gettop(co);
  luaL_checkstack(L, count + 8, "too many results");
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

/* The error is on top of the coroutine's stack, the stack not yet unwound. */
static void keep_error(lua_State *L, struct qs_state *state,
                       struct qs_thread *thread) {
  lua_State *co = thread->L;
  bool is_awaited = !qs_queue_is_empty(&thread->joiners);
  luaL_checkstack(L, 8, NULL);
  qs_push_thread(L, thread);
  lua_pushvalue(co, -1);
  lua_xmove(co, L, 1);
  luaL_traceback(L, co, NULL, 0); /* thread, error, traceback */
  thread->has_failed = true;
  thread->is_dying = true;
  state->current = thread;
  state->active = co;
  close_coroutine(co);
  state->current = state->main_thread;
  state->active = state->main;
  lua_pushvalue(L, -2);
  release(L, state, thread);
  if (is_awaited || thread->is_killed)
    lua_pop(L, 3);
  else
    tell(L);
}

void qs_thread_finish(struct qs_state *state, struct qs_thread *thread,
                      int status) {
  if (status == LUA_OK)
    keep_results(state->main, state, thread);
  else
    keep_error(state->main, state, thread);
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
  qs_thread_kill(thread->custodian->loop->owner, thread);
}

const struct qs_member_kind qs_thread_kind = {"thread", shut_down};

/* --- making one ------------------------------------------------------------ */

static struct qs_thread *push_thread_record(lua_State *L,
                                            struct qs_state *state) {
  struct qs_thread *thread =
      qs_push_new(L, state, QS_TYPE_THREAD, sizeof *thread, 1);
  thread->phase = QS_PHASE_DEAD;
  thread->waiter.owner = thread;
  thread->waiter.takes = true;
  TAILQ_INIT(&thread->registrations);
  LIST_INIT(&thread->visits);
  qs_queue_init(&thread->joiners);
  return thread;
}

/* The function and its arguments are the whole stack. */
static int spawn_under(lua_State *L, struct qs_state *state,
                       struct qs_custodian *owner) {
  static const struct qs_context context = {"thread.spawn", NULL, -1};
  struct qs_thread *parent = state->current;
  struct qs_error error;
  int count = lua_gettop(L);
  struct qs_thread *thread = push_thread_record(L, state);
  lua_State *co = lua_newthread(L);
  lua_setiuservalue(L, -2, THREAD_VALUE);
  lua_insert(L, 1);
  luaL_checkstack(co, count, "too many arguments");
  lua_xmove(L, co, count);
  if (qs_custodian_add(owner, &thread->member, &qs_thread_kind, &error) != 0)
    return qs_raise(L, &context, &error);
  thread->L = co;
  thread->custodian = owner;
  qs_custodian_retain(thread->custodian);
  thread->is_break_enabled = parent->is_break_enabled;
  thread->phase = QS_PHASE_READY;
  state->thread_count++;
  qs_anchor(L, thread, 1);
  qs_wake(state, thread);
  return 1;
}

/* thread.spawn(f, ...) -> thread */
static int spawn(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  return spawn_under(L, state, state->current->custodian);
}

/* core.spawn_for(custodian, f, ...) -> thread */
static int spawn_for(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *owner = qs_check_custodian(L, state, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_remove(L, 1);
  return spawn_under(L, state, owner);
}

/* A thread nobody could ever have woken. */
static int thread_gc(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_thread *thread = lua_touserdata(L, 1);
  if (thread->phase == QS_PHASE_DEAD || thread == state->main_thread) return 0;
  thread->phase = QS_PHASE_DEAD;
  state->thread_count--;
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  qs_leave_visits(thread);
  qs_member_leave(&thread->member);
  qs_custodian_release(thread->custodian);
  qs_queue_dissolve(state->loop, &thread->joiners);
  return 0;
}

/* --- methods ----------------------------------------------------------------- */

static struct qs_thread *check_thread(lua_State *L, struct qs_state *state,
                                      int index) {
  return qs_check(L, state, index, QS_TYPE_THREAD);
}

static void join_check(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = check_thread(L, state, 1);
  luaL_argcheck(L, thread != state->current, 1,
                "a thread cannot wait for itself");
  luaL_argcheck(L, thread != state->main_thread, 1,
                "the main thread cannot be waited for");
  lua_settop(L, 1);
}

static int join_attempt(lua_State *L, struct qs_state *state,
                        struct qs_error *error) {
  struct qs_thread *thread = lua_touserdata(L, 1);
  (void)state;
  (void)error;
  if (thread->phase != QS_PHASE_DEAD) return QS_OP_AGAIN;
  lua_pushboolean(L, !thread->has_failed);
  lua_getiuservalue(L, 1, THREAD_VALUE);
  if (thread->has_failed) return 2;
  lua_getfield(L, -1, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count, "too many results");
  int table = lua_gettop(L);
  for (int i = 1; i <= count; i++)
    lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return count + 1;
}

/* Joiners all look and none takes: all of them hear of the end. */
static int join_wait(lua_State *L, struct qs_state *state,
                     struct qs_waiter *waiter, struct qs_error *error) {
  struct qs_thread *thread = lua_touserdata(L, 1);
  (void)state;
  (void)error;
  if (waiter->queue == NULL) qs_waiter_join(waiter, &thread->joiners);
  return 0;
}

static const struct qs_operation join = {
    .name = "thread.wait",
    .check = join_check,
    .attempt = join_attempt,
    .wait = join_wait,
};

static int join_arm(void *target, struct qs_waiter *waiter,
                    struct qs_error *error) {
  struct qs_thread *thread = target;
  (void)error;
  if (waiter->queue == NULL) qs_waiter_join(waiter, &thread->joiners);
  return 0;
}

/* core.watch_thread(thread, tag) */
static int watch_thread(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_thread *thread = check_thread(L, state, 1);
  qs_watch(L, state, thread, (int)luaL_checkinteger(L, 2), false, join_arm);
  return 0;
}

static int is_dead(lua_State *L) {
  struct qs_thread *thread = check_thread(L, qs_state_of(L), 1);
  lua_pushboolean(L, thread->phase == QS_PHASE_DEAD);
  return 1;
}

static int is_thread(lua_State *L) {
  lua_pushboolean(L, qs_to(L, qs_state_of(L), 1, QS_TYPE_THREAD) != NULL);
  return 1;
}

static int current(lua_State *L) {
  qs_push_thread(L, qs_state_of(L)->current);
  return 1;
}

static int kill(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_thread *thread = check_thread(L, state, 1);
  luaL_argcheck(L, thread != state->main_thread, 1,
                "the main thread cannot be killed");
  qs_thread_kill(state, thread);
  return qs_end_if_killed(L, state, 0);
}

static int send_break(lua_State *L) {
  static const char *const kinds[] = {"break", "hang-up", "terminate", NULL};
  struct qs_state *state = qs_state_of(L);
  struct qs_thread *thread = check_thread(L, state, 1);
  int kind = luaL_checkoption(L, 2, "break", kinds);
  qs_break_thread(state, thread, (enum qs_break)(kind + 1));
  if (thread == state->current && thread->is_break_enabled)
    qs_prepare_wait(L, state);
  return 0;
}

/* thread.break_enabled([on]) -> boolean: enabling lets in what was kept. */
static int break_enabled(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_thread *thread = state->current;
  lua_pushboolean(L, thread->is_break_enabled);
  if (lua_isnone(L, 1)) return 1;
  thread->is_break_enabled = lua_toboolean(L, 1);
  if (thread->is_break_enabled) qs_raise_if_broken(L, state);
  return 1;
}

static int thread_tostring(lua_State *L) {
  struct qs_thread *thread = lua_touserdata(L, 1);
  lua_pushfstring(
      L, thread->phase == QS_PHASE_DEAD ? "thread (dead): %p" : "thread: %p",
      (void *)thread);
  return 1;
}

/* --- sleeping and yielding ----------------------------------------------------- */

static int sleep_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = qs_state_of(L);
  for (;;) {
    if (status == LUA_YIELD) qs_resumed(L, state);
    struct qs_registration *timer = TAILQ_FIRST(&state->current->registrations);
    if (timer->is_signaled) {
      qs_unwatch(state, state->current);
      return 0;
    }
    if (L != state->main) return qs_suspend(L, state, context, sleep_k);
    qs_run_until_woken(state);
    status = LUA_YIELD;
  }
}

static int sleep_seconds(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  lua_Number seconds = qs_check_seconds(L, 1);
  qs_prepare_wait(L, state);
  qs_watch_time(L, state, seconds, 1);
  return sleep_k(L, LUA_OK, 0);
}

static int yield_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  qs_resumed(L, qs_state_of(L));
  return 0;
}

static int yield(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_prepare_wait(L, state);
  qs_wake(state, state->current);
  if (L != state->main) return qs_suspend(L, state, 0, yield_k);
  qs_run_until_woken(state);
  return yield_k(L, LUA_YIELD, 0);
}

/* core.run(): until all threads are done, or none left can ever run. */
static int run(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  if (L != state->main || L != state->active)
    return luaL_error(L, "run must be called by the main thread");
  while (state->thread_count > 0) {
    bool can_go_on = qs_run_turn(state);
    qs_resumed(L, state);
    if (!can_go_on) break;
  }
  return 0;
}

/* core.on_error(handler): called with thread, error, traceback. */
static int set_on_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &on_error);
  lua_insert(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &on_error);
  return 1;
}

static void make_main_thread(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = push_thread_record(L, state);
  thread->L = state->main;
  thread->custodian = state->root;
  qs_custodian_retain(thread->custodian);
  thread->is_break_enabled = true;
  thread->phase = QS_PHASE_RUNNING;
  state->main_thread = thread;
  state->current = thread;
  state->active = state->main;
  qs_anchor(L, thread, -1);
  lua_pop(L, 1);
}

static const luaL_Reg metamethods[] = {
    {"__gc", thread_gc},
    {"__tostring", thread_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"is_dead", is_dead},
    {"kill", kill},
    {"send_break", send_break},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"spawn", spawn},
    {"spawn_for", spawn_for},
    {"current", current},
    {"is_thread", is_thread},
    {"sleep", sleep_seconds},
    {"yield", yield},
    {"break_enabled", break_enabled},
    {"run", run},
    {"on_error", set_on_error},
    {"watch_thread", watch_thread},
    {NULL, NULL},
};

void qs_open_thread(lua_State *L, struct qs_state *state) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &anchors);
  qs_new_type(L, state, QS_TYPE_THREAD, "quayside.thread", metamethods,
              methods);
  qs_add_operation(L, state, QS_TYPE_THREAD, "wait", &join);
  qs_set_functions(L, state, functions);
  make_main_thread(L, state);
}
