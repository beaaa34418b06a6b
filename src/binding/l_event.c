/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <math.h>

/*
 * Events of ports and of time.  A sync of these alone is done in l_sync.c; for
 * any other they are base events with a class like those made in Lua
 * (event.lua), of the functions below.
 */

struct qs_event *qs_push_event(lua_State *L, struct qs_state *state,
                               const struct qs_class *class, void *self) {
  struct qs_event *event =
      qs_push_new(L, state, QS_TYPE_EVENT, sizeof *event, 1 + class->values);
  event->class = class;
  event->self = self;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, QS_EVENT_OBJECT);
  return event;
}

/* Events have no finalizer, which would cost more than all the rest of them, so
 * nobody wipes their marks: they are known by their metatable. */
struct qs_event *qs_to_event(lua_State *L, const struct qs_state *state,
                             int index) {
  void *object = lua_touserdata(L, index);
  if (object == NULL || !lua_getmetatable(L, index)) return NULL;
  bool is_event = lua_topointer(L, -1) == state->metatables[QS_TYPE_EVENT];
  lua_pop(L, 1);
  return is_event ? object : NULL;
}

/* Of time: so long after a sync has begun to wait, and from a moment on. */
static const struct qs_class delay, moment;

static double now(void) {
  struct timeval time;
  evutil_gettimeofday(&time, NULL);
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double seconds_left(const struct qs_event *event) {
  return event->class == &moment ? event->seconds - now() : event->seconds;
}

bool qs_event_is_idle(const struct qs_event *event) {
  if (event->class->operation == NULL) return seconds_left(event) > 0;
  return event->class->is_idle != NULL && event->class->is_idle(event);
}

/* A user value of the event, as the only result. */
static int push_value(lua_State *L, int index, int value) {
  lua_getiuservalue(L, index, value);
  return 1;
}

static int push_itself(lua_State *L, int index) {
  lua_pushvalue(L, index);
  return 1;
}

/* The operation's try, with what it brings on top. */
static int attempt(lua_State *L, struct qs_state *state, int index,
                   const struct qs_event *event) {
  const struct qs_operation *operation = event->class->operation;
  struct qs_error error;
  state->current->numbers[0] = event->numbers[0];
  state->current->numbers[1] = event->numbers[1];
  for (int i = 0; i < event->class->values; i++)
    push_value(L, index, QS_EVENT_VALUES + i);
  int outcome = operation->attempt(L, state, event->self, &error);
  if (outcome == QS_OP_FAILED)
    qs_push_failure(L, operation, event->self, &error);
  return outcome;
}

int qs_event_try(lua_State *L, struct qs_state *state, int index,
                 bool has_stirred, bool asks) {
  const struct qs_event *event = lua_touserdata(L, index);
  const struct qs_operation *operation = event->class->operation;
  if (operation == NULL)
    return has_stirred || seconds_left(event) <= 0 ? push_itself(L, index)
                                                   : QS_OP_AGAIN;
  if (asks && operation->look != NULL) operation->look(event->self);
  int outcome = attempt(L, state, index, event);
  if (outcome == QS_OP_AGAIN || outcome == QS_OP_FAILED) return outcome;
  if (event->class->gives_itself) return push_itself(L, index);
  if (outcome == QS_OP_OBJECT) return push_value(L, index, QS_EVENT_OBJECT);
  return outcome;
}

void qs_event_watch(lua_State *L, struct qs_state *state,
                    const struct qs_event *event, int tag) {
  const struct qs_class *class = event->class;
  if (class->operation == NULL)
    qs_watch_time(L, state, seconds_left(event), tag);
  else
    qs_watch(L, state, event->self, tag, class->takes, class->arm);
  if (class->watch_also != NULL) class->watch_also(L, state, event, tag);
}

/* --- as a base event ------------------------------------------------------- */

static struct qs_event *check_event(lua_State *L, struct qs_state *state) {
  struct qs_event *event = qs_to_event(L, state, 1);
  if (event == NULL) qs_raise_type(L, state, 1, QS_TYPE_EVENT);
  return event;
}

/* try(event, token, stirred) -> false | true, results... | nil, error */
static int try_event(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  check_event(L, state);
  lua_settop(L, 3);
  return qs_answer(L, qs_event_try(L, state, 1, lua_toboolean(L, 3), true));
}

/* block(event, slot, tag) */
static int block_event(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  const struct qs_event *event = check_event(L, state);
  qs_event_watch(L, state, event, (int)luaL_checkinteger(L, 3));
  return 0;
}

static int is_event_idle(lua_State *L) {
  const struct qs_event *event = check_event(L, qs_state_of(L));
  lua_pushboolean(L, qs_event_is_idle(event));
  return 1;
}

/* --- time -------------------------------------------------------------------- */

static int push_time(lua_State *L, const struct qs_class *class,
                     double seconds) {
  struct qs_event *event =
      qs_push_new(L, qs_state_of(L), QS_TYPE_EVENT, sizeof *event, 0);
  event->class = class;
  event->seconds = seconds;
  return 1;
}

/* core.after(seconds): an event: ready so many seconds after a sync has begun
 * to wait for it; itself as result. */
static int after(lua_State *L) {
  luaL_checktype(L, 1, LUA_TNUMBER);
  return push_time(L, &delay, qs_check_seconds(L, 1));
}

/* core.alarm(time): an event: ready from a moment on, in seconds since the
 * epoch; itself as result. */
static int set_alarm(lua_State *L) {
  luaL_checktype(L, 1, LUA_TNUMBER);
  double time = lua_tonumber(L, 1);
  luaL_argcheck(L, !isnan(time), 1, "time must be a number");
  return push_time(L, &moment, time);
}

static const luaL_Reg metamethods[] = {{NULL, NULL}};

/* Its fields are those of a base event: `base` is the class. */
static const luaL_Reg class_functions[] = {
    {"try", try_event},
    {"block", block_event},
    {"idle", is_event_idle},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"after", after},
    {"alarm", set_alarm},
    {NULL, NULL},
};

void qs_open_event(lua_State *L, struct qs_state *state) {
  qs_new_type(L, state, QS_TYPE_EVENT, "quayside.event", metamethods,
              metamethods);
  qs_push_metatable(L, state, QS_TYPE_EVENT);
  lua_getfield(L, -1, "__index");
  qs_new_library(L, state, class_functions);
  lua_setfield(L, -2, "base");
  lua_pop(L, 2);
  qs_set_functions(L, state, functions);
}
