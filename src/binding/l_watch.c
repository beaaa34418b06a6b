/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a sync needs of the loop: to be registered with several resources at
 * once, each under a tag, and to be told the tags of those that stirred.
 *
 *   core.watch…(object, tag)   registers the current thread
 *   core.wait() -> tag | nil   waits; nil when core.claim ended it
 *   core.unwatch()             withdraws all that is registered
 *
 * A registration keeps its place in its queue until it is withdrawn.
 */

/* Registrations kept for reuse, at most. */
enum { SPARES = 64 };

static void raise_short_of_memory(lua_State *L, struct qs_state *state) {
  state->current->is_wait_breakable = false;
  qs_unwatch(state, state->current);
  luaL_error(L, "not enough memory");
}

static struct qs_registration *make(bool has_timer) {
  struct qs_registration *registration = calloc(1, sizeof *registration);
  if (registration == NULL || !has_timer) return registration;
  registration->timer = calloc(1, sizeof *registration->timer);
  if (registration->timer != NULL) return registration;
  free(registration);
  return NULL;
}

/* The last given back, which the caches still hold. */
static struct qs_registration *take_spare(struct qs_state *state,
                                          bool has_timer) {
  if (state->spares[has_timer] == NULL) return NULL;
  struct qs_registration *spare = state->spares[has_timer]->link.before;
  QS_RING_REMOVE(state->spares[has_timer], spare, link);
  state->spare_count--;
  return spare;
}

/* One of the current thread's, for which nothing is armed yet. */
static struct qs_registration *add(lua_State *L, struct qs_state *state,
                                   int tag, bool has_timer) {
  struct qs_thread *thread = state->current;
  struct qs_registration *registration = take_spare(state, has_timer);
  if (registration == NULL) registration = make(has_timer);
  if (registration == NULL) {
    raise_short_of_memory(L, state);
    return NULL;
  }
  registration->waiter.owner = thread;
  registration->waiter.tag = tag;
  registration->is_signaled = false;
  registration->is_stale = false;
  registration->arm = NULL;
  QS_RING_APPEND(thread->registrations, registration, link);
  return registration;
}

static void discard(struct qs_registration *registration) {
  free(registration->timer);
  free(registration);
}

static void give_back(struct qs_state *state,
                      struct qs_registration *registration) {
  if (state->spare_count >= SPARES) {
    discard(registration);
    return;
  }
  bool has_timer = registration->timer != NULL;
  QS_RING_APPEND(state->spares[has_timer], registration, link);
  state->spare_count++;
}

static void raise_failure(lua_State *L, struct qs_state *state,
                          const struct qs_error *error) {
  static const struct qs_context context = {"sync", NULL, -1};
  state->current->is_wait_breakable = false;
  qs_unwatch(state, state->current);
  qs_raise(L, &context, error);
}

void qs_watch_again(lua_State *L, struct qs_state *state,
                    struct qs_registration *registration) {
  struct qs_error error;
  if (registration->arm != NULL &&
      registration->arm(registration->target, &registration->waiter, &error) !=
          0)
    raise_failure(L, state, &error);
}

struct qs_registration *qs_watch(lua_State *L, struct qs_state *state,
                                 void *target, int tag, bool takes,
                                 qs_arm_fn *arm) {
  struct qs_registration *registration = add(L, state, tag, false);
  registration->waiter.takes = takes;
  registration->target = target;
  registration->arm = arm;
  qs_watch_again(L, state, registration);
  return registration;
}

void qs_watch_time(lua_State *L, struct qs_state *state, double seconds,
                   int tag) {
  struct qs_error error;
  struct qs_registration *registration = add(L, state, tag, true);
  if (qs_timer_start(registration->timer, state->loop, &registration->waiter,
                     seconds, &error) != 0)
    raise_failure(L, state, &error);
}

void qs_unwatch(struct qs_state *state, struct qs_thread *thread) {
  struct qs_registration *registration;
  while ((registration = thread->registrations) != NULL) {
    QS_RING_REMOVE(thread->registrations, registration, link);
    qs_waiter_leave(state->loop, &registration->waiter);
    if (registration->timer != NULL) qs_timer_stop(registration->timer);
    give_back(state, registration);
  }
}

void qs_forget_spares(struct qs_state *state) {
  struct qs_registration *spare;
  while ((spare = take_spare(state, false)) != NULL ||
         (spare = take_spare(state, true)) != NULL)
    discard(spare);
}

struct qs_registration *qs_next_signaled(struct qs_thread *thread) {
  struct qs_registration *registration;
  QS_RING_FOREACH (registration, thread->registrations, link) {
    if (!registration->is_signaled) continue;
    registration->is_signaled = false;
    return registration;
  }
  return NULL;
}

/* Those told of in vain wait for more. */
static void arm_again(lua_State *L, struct qs_state *state) {
  struct qs_registration *registration;
  QS_RING_FOREACH (registration, state->current->registrations, link) {
    if (registration->is_stale) qs_watch_again(L, state, registration);
    registration->is_stale = false;
  }
}

/* True when there is something to tell; then it is on the stack. */
static bool push_news(lua_State *L, struct qs_thread *thread) {
  struct qs_registration *registration = qs_next_signaled(thread);
  if (registration != NULL) {
    registration->is_stale = true;
    lua_pushinteger(L, registration->waiter.tag);
    return true;
  }
  if (!thread->is_woken) return false;
  thread->is_woken = false;
  lua_pushnil(L);
  return true;
}

/* A thread that nothing in the loop can wake is held by whoever can; a
 * connection's, by its server, which counts it. */
static void loosen(lua_State *L, struct qs_state *state) {
  struct qs_thread *thread = state->current;
  if (thread != state->main_thread && !thread->has_server &&
      thread->registrations == NULL)
    qs_unanchor(L, thread);
}

static int wait_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = qs_state_of(L);
  for (;;) {
    if (status == LUA_YIELD) qs_resumed(L, state);
    if (push_news(L, state->current)) return 1;
    qs_prepare_wait(L, state);
    arm_again(L, state);
    loosen(L, state);
    if (L != state->main) return qs_suspend(L, state, context, wait_k);
    qs_run_until_woken(state);
    status = LUA_YIELD;
  }
}

static int wait(lua_State *L) {
  return wait_k(L, LUA_OK, 0);
}

static int unwatch(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  state->current->is_woken = false;
  qs_unwatch(state, state->current);
  return 0;
}

static int prepare_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  qs_resumed(L, qs_state_of(L));
  return 0;
}

/* core.prepare(breakable): a sync begins.  With `breakable`, breaks are
 * enabled until core.settle(), and one that is pending is raised.  A thread
 * whose syncs never have to wait gives up its turn here, now and then. */
static int prepare(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_unwatch(state, state->current);
  if (lua_toboolean(L, 1)) {
    state->current->is_wait_breakable = true;
    qs_prepare_wait(L, state);
  }
  if (!qs_must_pause(L, state)) return 0;
  qs_pause(state);
  if (L != state->main) return qs_suspend(L, state, 0, prepare_k);
  qs_run_until_woken(state);
  return prepare_k(L, LUA_YIELD, 0);
}

static int settle(lua_State *L) {
  qs_state_of(L)->current->is_wait_breakable = false;
  return 0;
}

/* core.watch_time(seconds, tag) */
static int watch_time(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  qs_watch_time(L, qs_state_of(L), seconds, (int)luaL_checkinteger(L, 2));
  return 0;
}

/* core.claim(thread) -> boolean: a partner completes its sync.  Everything it
 * has registered with the loop is withdrawn, and from here on no break can end
 * the wait.  False if one has already, or a kill. */
static int claim(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_thread *thread = qs_check(L, state, 1, QS_TYPE_THREAD);
  bool is_free = thread->phase != QS_PHASE_DEAD && !thread->is_broken &&
                 !thread->is_killed && !thread->is_dying;
  if (is_free) {
    thread->is_woken = true;
    qs_unwatch(state, thread);
    qs_anchor(L, thread, 1);
    qs_wake(state, thread);
  }
  lua_pushboolean(L, is_free);
  return 1;
}

/* core.set_break_enabled(on) -> boolean: lets nothing in. */
static int set_break_enabled(lua_State *L) {
  struct qs_thread *thread = qs_state_of(L)->current;
  bool was = thread->is_break_enabled;
  thread->is_break_enabled = lua_toboolean(L, 1);
  lua_pushboolean(L, was);
  return 1;
}

/* core.now() -> seconds since the epoch */
static int now(lua_State *L) {
  struct timeval time;
  evutil_gettimeofday(&time, NULL);
  lua_pushnumber(L, (lua_Number)time.tv_sec + (lua_Number)time.tv_usec / 1e6);
  return 1;
}

/* core.counts() -> table of what is registered, for tests and for looking at
 * a running program. */
static int counts(lua_State *L) {
  const struct qs_state *state = qs_state_of(L);
  const struct qs_loop *loop = state->loop;
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, (lua_Integer)state->thread_count);
  lua_setfield(L, -2, "threads");
  lua_pushinteger(L, (lua_Integer)loop->armed);
  lua_setfield(L, -2, "armed");
  lua_pushinteger(L, (lua_Integer)loop->timers);
  lua_setfield(L, -2, "timers");
  lua_pushinteger(L, (lua_Integer)loop->lookups);
  lua_setfield(L, -2, "lookups");
  lua_pushinteger(L, (lua_Integer)loop->streams);
  lua_setfield(L, -2, "streams");
  lua_pushinteger(L, (lua_Integer)loop->ready_count);
  lua_setfield(L, -2, "ready");
  return 1;
}

void qs_open_watch(lua_State *L, struct qs_state *state) {
  static const luaL_Reg functions[] = {
      {"wait", wait},
      {"unwatch", unwatch},
      {"prepare", prepare},
      {"settle", settle},
      {"watch_time", watch_time},
      {"claim", claim},
      {"set_break_enabled", set_break_enabled},
      {"now", now},
      {"counts", counts},
      {NULL, NULL},
  };
  qs_set_functions(L, state, functions);
}
