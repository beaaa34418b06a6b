/* SPDX-License-Identifier: MIT */
#include "event.h"

/*
 * Events of listeners.
 */

static int arm(void *self, struct qs_waiter *waiter, struct qs_error *error) {
  struct qs_listener *listener = self;
  if (listener->sockets == NULL) return 0;
  return qs_listener_wait(listener, waiter, error);
}

/* Did the last look find nobody waiting? */
static bool is_idle(const struct qs_event *event) {
  const struct qs_listener *listener = event->self;
  bool is_idle = listener->sockets != NULL;
  for (size_t i = 0; i < listener->count; i++)
    is_idle = is_idle && !listener->sockets[i].readable.is_hopeful;
  return is_idle;
}

/* --- ready when accept would not wait, or when closed ------------------------- */

static int ready_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  (void)L;
  (void)state;
  (void)error;
  return qs_when(qs_listener_is_ready(self));
}

static const struct qs_operation be_ready = {.attempt = ready_attempt};

static const struct qs_class ready_class = {
    .operation = &be_ready,
    .arm = arm,
};

/* The listener as an event; itself as result. */
static int listener_evt(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  void *listener = qs_check(L, state, 1, QS_TYPE_LISTENER);
  qs_push_event(L, state, &ready_class, listener);
  return 1;
}

/* --- accepting: done when the event is chosen -------------------------------------- */

static void look(void *self) {
  qs_listener_look(self);
}

/* The custodian is on top: that of the event, not that of the thread. */
static int accept_attempt(lua_State *L, struct qs_state *state, void *self,
                          struct qs_error *error) {
  struct qs_custodian *owner = qs_check_custodian(L, state, lua_gettop(L));
  return qs_accept(L, state, self, owner, error);
}

static const struct qs_operation accept_now = {
    .name = "tcp.accept",
    .look = look,
    .attempt = accept_attempt,
    .describe = qs_accept_describe,
};

static bool is_accept_idle(const struct qs_event *event) {
  return is_idle(event) && !event->custodian->is_shut_down;
}

/* Under a custodian that is shut down meanwhile it fails. */
static void watch_custodian(lua_State *L, struct qs_state *state,
                            const struct qs_event *event, int tag) {
  qs_watch(L, state, event->custodian, tag, false, qs_shutdown_arm);
}

static const struct qs_class accept_class = {
    .operation = &accept_now,
    .arm = arm,
    .is_idle = is_accept_idle,
    .watch_also = watch_custodian,
    .takes = true,
    .values = 1,
};

/* listener:accept_evt(): ready when accept would not wait; the results are an
 * input and an output port.  If it is not chosen, nothing is accepted.  The
 * ports belong to the custodian that is current now. */
static int accept_evt(lua_State *L) {
  static const struct qs_context context = {"tcp.accept_evt", NULL, -1};
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *owner = state->current->custodian;
  struct qs_error error;
  void *listener = qs_check(L, state, 1, QS_TYPE_LISTENER);
  if (qs_check_alive(owner, &error) != 0) return qs_raise(L, &context, &error);
  struct qs_event *event = qs_push_event(L, state, &accept_class, listener);
  event->custodian = owner;
  qs_push_custodian(L, state, owner);
  lua_setiuservalue(L, -2, QS_EVENT_VALUES);
  return 1;
}

void qs_open_listener_evt(lua_State *L, struct qs_state *state) {
  static const luaL_Reg metamethods[] = {{"__evt", listener_evt}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"accept_evt", accept_evt}, {NULL, NULL}};
  qs_push_metatable(L, state, QS_TYPE_LISTENER);
  qs_set_functions(L, state, metamethods);
  lua_getfield(L, -1, "__index");
  qs_set_functions(L, state, methods);
  lua_pop(L, 2);
}
