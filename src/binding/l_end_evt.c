/* SPDX-License-Identifier: MIT */
#include "event.h"

/*
 * Events of what ends: threads die, custodians are shut down.
 */

/* --- threads -------------------------------------------------------------------- */

static int death_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  const struct qs_thread *thread = self;
  (void)L;
  (void)state;
  (void)error;
  return qs_when(thread->phase == QS_PHASE_DEAD);
}

static int death_arm(void *self, struct qs_waiter *waiter,
                     struct qs_error *error) {
  struct qs_thread *thread = self;
  (void)error;
  if (waiter->queue == NULL) qs_waiter_join(waiter, &thread->joiners);
  return 0;
}

static bool is_alive(const struct qs_event *event) {
  const struct qs_thread *thread = event->self;
  return thread->phase != QS_PHASE_DEAD;
}

static const struct qs_operation die = {.attempt = death_attempt};

static const struct qs_class death = {
    .operation = &die,
    .arm = death_arm,
    .is_idle = is_alive,
};

/* The thread as an event: ready when dead; itself as result. */
static int thread_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_push_event(L, state, &death, qs_check(L, state, 1, QS_TYPE_THREAD));
  return 1;
}

/* --- custodians ----------------------------------------------------------------- */

static int shutdown_attempt(lua_State *L, struct qs_state *state, void *self,
                            struct qs_error *error) {
  const struct qs_custodian *custodian = self;
  (void)L;
  (void)state;
  (void)error;
  return qs_when(custodian->is_shut_down);
}

int qs_shutdown_arm(void *self, struct qs_waiter *waiter,
                    struct qs_error *error) {
  struct qs_custodian *custodian = self;
  (void)error;
  if (waiter->queue == NULL && !custodian->is_shut_down)
    qs_waiter_join(waiter, &custodian->watchers);
  return 0;
}

static bool is_not_shut_down(const struct qs_event *event) {
  const struct qs_custodian *custodian = event->self;
  return !custodian->is_shut_down;
}

static const struct qs_operation be_shut_down = {.attempt = shutdown_attempt};

/* The custodian is kept by the value. */
static const struct qs_class shut_down = {
    .operation = &be_shut_down,
    .arm = qs_shutdown_arm,
    .is_idle = is_not_shut_down,
    .values = 1,
};

/* core.shutdown_evt(result, custodian): ready when it has been shut down. */
static int shutdown_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *custodian = qs_check_custodian(L, state, 2);
  qs_push_event(L, state, &shut_down, custodian);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, QS_EVENT_VALUES);
  return 1;
}

void qs_open_end_evt(lua_State *L, struct qs_state *state) {
  static const luaL_Reg metamethods[] = {{"__evt", thread_evt}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"shutdown_evt", shutdown_evt},
                                       {NULL, NULL}};
  qs_push_metatable(L, state, QS_TYPE_THREAD);
  qs_set_functions(L, state, metamethods);
  lua_pop(L, 1);
  qs_set_functions(L, state, functions);
}
