/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <time.h>

/*
 * A sync of events that are all known here: tried in random order, and where
 * none has happened, registered; then the thread waits.  It goes as one of any
 * events does, which is told in sync.lua.
 *
 *   core.are_events(...) -> boolean
 *   core.sync(timeout | nil, enables_break, event, ...) -> results
 *
 * What a wait needs is on the stack: the arguments.
 */

enum { TIMEOUT = 1, ENABLES_BREAK, FIRST };

/* Events at a time; one with more goes the other way. */
enum { MOST_EVENTS = 64 };

/* The tag of the time-out; the events have theirs from 1 on. */
enum { TIMED_OUT = 0 };

static int are_events(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  int count = lua_gettop(L);
  bool are = count > 0 && count <= MOST_EVENTS;
  for (int i = 1; are && i <= count; i++)
    are = qs_to_event(L, state, i) != NULL;
  lua_pushboolean(L, are);
  return 1;
}

static bool are_idle(lua_State *L, int last) {
  for (int i = FIRST; i <= last; i++)
    if (!qs_event_is_idle(lua_touserdata(L, i))) return false;
  return true;
}

/* Marsaglia's xorshift ("Xorshift RNGs", 2003): a number below `n`. */
static unsigned random_below(struct qs_state *state, unsigned n) {
  uint32_t x = state->random;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  state->random = x;
  return x % n;
}

/* The sync has come to its end, with results or with the error on top. */
static int finish(lua_State *L, struct qs_state *state, int outcome) {
  state->current->is_wait_breakable = false;
  qs_unwatch(state, state->current);
  return outcome == QS_OP_FAILED ? lua_error(L) : outcome;
}

static int finish_in_time(lua_State *L, struct qs_state *state) {
  finish(L, state, 0);
  lua_pushnil(L);
  return 1;
}

/* One try that has not happened leaves the stack as it was. */
static int try_one(lua_State *L, struct qs_state *state, int index,
                   bool has_stirred, bool asks) {
  int top = lua_gettop(L);
  int outcome = qs_event_try(L, state, index, has_stirred, asks);
  if (outcome == QS_OP_AGAIN) lua_settop(L, top);
  return outcome;
}

static int try_all(lua_State *L, struct qs_state *state, int last, bool asks) {
  unsigned char order[MOST_EVENTS];
  unsigned left = (unsigned)(last - FIRST + 1);
  int outcome = QS_OP_AGAIN;
  for (unsigned i = 0; i < left; i++)
    order[i] = (unsigned char)i;
  while (left > 0 && outcome == QS_OP_AGAIN) {
    unsigned k = random_below(state, left);
    outcome = try_one(L, state, FIRST + order[k], false, asks);
    order[k] = order[--left];
  }
  return outcome;
}

static void watch_all(lua_State *L, struct qs_state *state, int last) {
  for (int i = FIRST; i <= last; i++)
    qs_event_watch(L, state, lua_touserdata(L, i), i - FIRST + 1);
  if (!lua_isnil(L, TIMEOUT))
    qs_watch_time(L, state, lua_tonumber(L, TIMEOUT), TIMED_OUT);
}

/* Those that have stirred, in the order of their registration. */
static int try_signaled(lua_State *L, struct qs_state *state) {
  struct qs_registration *registration;
  while ((registration = qs_next_signaled(state->current)) != NULL) {
    int tag = registration->waiter.tag;
    if (tag == TIMED_OUT) return finish_in_time(L, state);
    int outcome = try_one(L, state, FIRST + tag - 1, true, false);
    if (outcome != QS_OP_AGAIN) return finish(L, state, outcome);
    qs_watch_again(L, state, registration);
  }
  return QS_OP_AGAIN;
}

static int wait_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = (struct qs_state *)context;
  for (;;) {
    if (status == LUA_YIELD) {
      qs_resumed(L, state);
      int outcome = try_signaled(L, state);
      if (outcome != QS_OP_AGAIN) return outcome;
    }
    if (L != state->main) return qs_suspend(L, state, context, wait_k);
    qs_run_until_woken(state);
    status = LUA_YIELD;
  }
}

/* Where every event is idle the first round of tries is left out: the loop
 * will tell.  In that round each is asked anew, or one that is always ready
 * would keep the others from ever being heard. */
static int begin(lua_State *L, struct qs_state *state) {
  int last = lua_gettop(L);
  bool is_poll = !lua_isnil(L, TIMEOUT) && lua_tonumber(L, TIMEOUT) <= 0;
  if (is_poll || !are_idle(L, last)) {
    int outcome = try_all(L, state, last, is_poll || last > FIRST);
    if (outcome != QS_OP_AGAIN) return finish(L, state, outcome);
    if (is_poll) return finish_in_time(L, state);
  }
  qs_prepare_wait(L, state);
  watch_all(L, state, last);
  return wait_k(L, LUA_OK, (lua_KContext)state);
}

static int begin_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = (struct qs_state *)context;
  (void)status;
  qs_resumed(L, state);
  return begin(L, state);
}

/* The arguments have been checked in sync.lua. */
static int sync_events(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_unwatch(state, state->current);
  if (lua_toboolean(L, ENABLES_BREAK)) {
    state->current->is_wait_breakable = true;
    qs_prepare_wait(L, state);
  }
  if (!qs_must_pause(L, state)) return begin(L, state);
  qs_pause(state);
  if (L != state->main)
    return qs_suspend(L, state, (lua_KContext)state, begin_k);
  qs_run_until_woken(state);
  return begin_k(L, LUA_YIELD, (lua_KContext)state);
}

void qs_open_sync(lua_State *L, struct qs_state *state) {
  static const luaL_Reg functions[] = {
      {"are_events", are_events},
      {"sync", sync_events},
      {NULL, NULL},
  };
  state->random = (uint32_t)time(NULL) ^ (uint32_t)(uintptr_t)state;
  if (state->random == 0) state->random = 1;
  qs_set_functions(L, state, functions);
}
