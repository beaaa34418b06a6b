/* SPDX-License-Identifier: MIT */
#include "event.h"

/*
 * Threads: spawn, wait, sleep, yield, kill, breaks.
 */

/* --- making one ------------------------------------------------------------ */

static struct qs_thread *
push_thread_record(lua_State *L, struct qs_state *state, int values) {
  struct qs_thread *thread =
      qs_push_new(L, state, QS_TYPE_THREAD, sizeof *thread, values);
  thread->phase = QS_PHASE_DEAD;
  thread->waiter.owner = thread;
  thread->waiter.takes = true;
  LIST_INIT(&thread->visits);
  qs_queue_init(&thread->joiners);
  return thread;
}

/* The function and its arguments are the `count` values on top.  Pushes the
 * thread, with room for `values` user values, in their place. */
static struct qs_thread *push_thread(lua_State *L, struct qs_state *state,
                                     int count, int values) {
  struct qs_thread *thread = push_thread_record(L, state, values);
  lua_State *co = lua_newthread(L);
  lua_setiuservalue(L, -2, QS_THREAD_COROUTINE);
  lua_insert(L, -count - 1);
  luaL_checkstack(co, count, "too many arguments");
  lua_xmove(L, co, count);
  thread->L = co;
  return thread;
}

/* The thread on top of the stack begins to live.  Its custodian is alive. */
static void start(lua_State *L, struct qs_state *state,
                  struct qs_thread *thread) {
  struct qs_error unused;
  qs_anchor(L, thread, -1);
  qs_custodian_add(thread->custodian, &thread->member, &qs_thread_kind,
                   &unused);
  thread->is_break_enabled = state->current->is_break_enabled;
  thread->phase = QS_PHASE_READY;
  state->thread_count++;
  qs_wake(state, thread);
}

static int spawn_under(lua_State *L, struct qs_state *state,
                       struct qs_custodian *owner, int count) {
  static const struct qs_context context = {"thread.spawn", NULL, -1};
  struct qs_error error;
  if (qs_check_alive(owner, &error) != 0) return qs_raise(L, &context, &error);
  struct qs_thread *thread = push_thread(L, state, count, 1);
  thread->custodian = owner;
  qs_custodian_retain(owner);
  start(L, state, thread);
  return 1;
}

/* thread.spawn(f, ...) -> thread */
static int spawn(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  return spawn_under(L, state, state->current->custodian, lua_gettop(L));
}

/* core.spawn_for(custodian, f, ...) -> thread */
static int spawn_for(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *owner = qs_check_custodian(L, state, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  return spawn_under(L, state, owner, lua_gettop(L) - 1);
}

/* Stack: server, handler, then the ports; pushes the thread that calls
 * handler(input, output). */
static struct qs_thread *push_server_thread(lua_State *L,
                                            struct qs_state *state) {
  int output = lua_gettop(L);
  lua_pushvalue(L, output - 2);
  lua_pushvalue(L, output - 1);
  lua_pushvalue(L, output);
  struct qs_thread *thread = push_thread(L, state, 3, QS_THREAD_OUTPUT);
  lua_pushvalue(L, output - 3);
  lua_setiuservalue(L, -2, QS_THREAD_SERVER);
  lua_pushvalue(L, output - 1);
  lua_setiuservalue(L, -2, QS_THREAD_INPUT);
  lua_pushvalue(L, output);
  lua_setiuservalue(L, -2, QS_THREAD_OUTPUT);
  thread->has_epilogue = true;
  thread->has_server = true;
  return thread;
}

/* Should memory run out on the way, all that has been made is garbage, or the
 * orphan.  No frame of ours lies below the handler's, so that a connection
 * stays small. */
int qs_begin_connection(lua_State *L, struct qs_state *state,
                        const struct qs_accepted *accepted,
                        struct qs_custodian *parent, struct qs_error *error) {
  if (qs_push_closed_ports(L, state, accepted, error) != 0) return QS_OP_FAILED;
  struct qs_output *output = lua_touserdata(L, -1);
  struct qs_thread *thread = push_server_thread(L, state);
  thread->custodian = qs_custodian_new(state->loop, parent, error);
  if (thread->custodian == NULL) return QS_OP_FAILED;
  lua_insert(L, -3);
  qs_open_ports(L, state, thread->custodian);
  output->mode = QS_MODE_AUTO;
  lua_pushvalue(L, -3);
  start(L, state, thread);
  return 0;
}

/* The main thread, or the scheduler in its place. */
static bool is_first(const struct qs_state *state,
                     const struct qs_thread *thread) {
  return thread == state->main_thread || thread == state->scheduler;
}

/* A thread nobody could ever have woken; or any, when the state is closed. */
static void bury(struct qs_state *state, struct qs_thread *thread) {
  thread->phase = QS_PHASE_DEAD;
  if (!is_first(state, thread)) state->thread_count--;
  qs_waiter_leave(state->loop, &thread->waiter);
  qs_unwatch(state, thread);
  qs_leave_visits(thread);
  qs_member_leave(&thread->member);
  qs_queue_dissolve(state->loop, &thread->joiners);
}

/* One that is dead has no custodian any more, but one that was never begun
 * may. */
static int thread_gc(lua_State *L) {
  struct qs_thread *thread = lua_touserdata(L, 1);
  qs_retire(L);
  if (thread->phase != QS_PHASE_DEAD) bury(qs_state_of(L), thread);
  qs_custodian_release(thread->custodian);
  thread->custodian = NULL;
  return 0;
}

/* --- methods ----------------------------------------------------------------- */

static struct qs_thread *check_thread(lua_State *L, struct qs_state *state,
                                      int index) {
  return qs_check(L, state, index, QS_TYPE_THREAD);
}

static void *join_check(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = check_thread(L, state, 1);
  luaL_argcheck(L, thread != state->current, 1,
                "a thread cannot wait for itself");
  luaL_argcheck(L, !is_first(state, thread), 1,
                "the main thread cannot be waited for");
  lua_settop(L, 1);
  /* No turn is given up before the wait: a death is to find who waits. */
  if (thread->phase != QS_PHASE_DEAD && state->budget < 2) state->budget = 2;
  return thread;
}

/* Replaces the table of results on top by what is in it; nil: nothing. */
static int spread_results(lua_State *L) {
  int table = lua_gettop(L);
  int count = 0;
  if (lua_istable(L, table)) {
    lua_getfield(L, table, "n");
    count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  luaL_checkstack(L, count, "too many results");
  for (int i = 1; i <= count; i++)
    lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return count;
}

static int join_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_thread *thread = self;
  (void)state;
  (void)error;
  if (thread->phase != QS_PHASE_DEAD) return QS_OP_AGAIN;
  lua_pushboolean(L, !thread->has_failed);
  lua_getiuservalue(L, 1, QS_THREAD_COROUTINE);
  return thread->has_failed ? 2 : 1 + spread_results(L);
}

/* Joiners all look and none takes: all of them hear of the end. */
static int join_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  struct qs_thread *thread = self;
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
  luaL_argcheck(L, !is_first(state, thread), 1,
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
  bool is_question = lua_isnone(L, 1);
  lua_pushboolean(L, thread->is_break_enabled);
  if (is_question) return 1;
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
    struct qs_registration *timer = state->current->registrations;
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
  qs_unwatch(state, state->current);
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
  if (L != state->main || L != state->active ||
      state->current != state->main_thread)
    return luaL_error(L, "run must be called by the main thread");
  while (state->thread_count > 0) {
    bool can_go_on = qs_run_turn(state);
    qs_resumed(L, state);
    if (!can_go_on) break;
  }
  return 0;
}

/* One that was there before all others, and runs on the main chunk's stack. */
static struct qs_thread *make_first(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = push_thread_record(L, state, 1);
  thread->L = state->main;
  thread->custodian = state->root;
  qs_custodian_retain(thread->custodian);
  thread->is_break_enabled = true;
  thread->phase = QS_PHASE_RUNNING;
  qs_anchor(L, thread, -1);
  lua_pop(L, 1);
  return thread;
}

static void make_main_thread(lua_State *L, struct qs_state *state) {
  state->scheduler = make_first(L, state);
  state->main_thread = make_first(L, state);
  state->current = state->main_thread;
  state->active = state->main;
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
    {NULL, NULL},
};

void qs_open_thread(lua_State *L, struct qs_state *state) {
  qs_open_end(L, state);
  qs_new_type(L, state, QS_TYPE_THREAD, "quayside.thread", metamethods,
              methods);
  qs_add_operation(L, state, QS_TYPE_THREAD, "wait", &join);
  qs_set_functions(L, state, functions);
  make_main_thread(L, state);
}
