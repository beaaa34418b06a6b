/* SPDX-License-Identifier: MIT */
#include "binding.h"

#include <stdlib.h>

/*
 * Handles on custodians.  A handle may be collected while its custodian goes
 * on managing things; asked for again, it is made again.
 */

struct handle {
  struct qs_custodian *custodian; /* counted */
};

static struct handle *push_handle(lua_State *L, struct qs_state *state) {
  return qs_push_new(L, state, QS_TYPE_CUSTODIAN, sizeof(struct handle), 0);
}

void qs_push_custodian(lua_State *L, struct qs_state *state,
                       struct qs_custodian *custodian) {
  if (qs_recall(L, custodian)) return;
  struct handle *handle = push_handle(L, state);
  handle->custodian = custodian;
  qs_custodian_retain(custodian);
  qs_remember(L, custodian, -1);
}

struct qs_custodian *qs_check_custodian(lua_State *L, struct qs_state *state,
                                        int index) {
  struct handle *handle = qs_check(L, state, index, QS_TYPE_CUSTODIAN);
  return handle->custodian;
}

int qs_check_alive(const struct qs_custodian *custodian,
                   struct qs_error *error) {
  if (!custodian->is_shut_down) return 0;
  qs_error_state(error, QS_ERROR_CUSTODIAN, "custodian");
  return -1;
}

/* core.new_custodian([parent]) */
static int new (lua_State *L) {
  static const struct qs_context context = {"custodian.new", NULL, -1};
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *parent = state->current->custodian;
  struct qs_error error;
  if (!lua_isnoneornil(L, 1)) parent = qs_check_custodian(L, state, 1);
  struct handle *handle = push_handle(L, state);
  handle->custodian = qs_custodian_new(state->loop, parent, &error);
  if (handle->custodian == NULL) return qs_raise(L, &context, &error);
  qs_remember(L, handle->custodian, -1);
  return 1;
}

static int current(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_push_custodian(L, state, state->current->custodian);
  return 1;
}

static int shutdown_all(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  qs_custodian_shut_down(qs_check_custodian(L, state, 1));
  return qs_end_if_killed(L, state, 0);
}

static int is_shut_down(lua_State *L) {
  struct qs_custodian *custodian = qs_check_custodian(L, qs_state_of(L), 1);
  lua_pushboolean(L, custodian->is_shut_down);
  return 1;
}

static int is_custodian(lua_State *L) {
  lua_pushboolean(L, qs_to(L, qs_state_of(L), 1, QS_TYPE_CUSTODIAN) != NULL);
  return 1;
}

/* --- custodian:with ---------------------------------------------------------- */

/* The thread goes on; what it waits for under this custodian does not. */
static void end_visit(struct qs_member *member) {
  struct qs_visit *visit =
      (struct qs_visit *)(void *)((char *)member -
                                  offsetof(struct qs_visit, member));
  if (visit->thread->phase == QS_PHASE_PARKED)
    qs_wake(visit->state, visit->thread);
}

static const struct qs_member_kind visit_kind = {"visit", end_visit};

/* core.enter(custodian): it is the current one until core.leave(). */
static int enter(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *custodian = qs_check_custodian(L, state, 1);
  struct qs_thread *thread = state->current;
  struct qs_error unused;
  struct qs_visit *visit = calloc(1, sizeof *visit);
  if (visit == NULL) return luaL_error(L, "not enough memory");
  visit->state = state;
  visit->thread = thread;
  visit->before = thread->custodian;
  LIST_INSERT_HEAD(&thread->visits, visit, link);
  qs_custodian_add(custodian, &visit->member, &visit_kind, &unused);
  qs_custodian_retain(custodian);
  thread->custodian = custodian;
  return 0;
}

static void leave_visit(struct qs_thread *thread, struct qs_visit *visit) {
  LIST_REMOVE(visit, link);
  qs_member_leave(&visit->member);
  qs_custodian_release(thread->custodian);
  thread->custodian = visit->before;
  free(visit);
}

static int leave(lua_State *L) {
  struct qs_thread *thread = qs_state_of(L)->current;
  if (!LIST_EMPTY(&thread->visits))
    leave_visit(thread, LIST_FIRST(&thread->visits));
  return 0;
}

void qs_leave_visits(struct qs_thread *thread) {
  while (!LIST_EMPTY(&thread->visits))
    leave_visit(thread, LIST_FIRST(&thread->visits));
}

/* --- what it manages ----------------------------------------------------------- */

static struct qs_thread *thread_of(struct qs_member *member) {
  return (struct qs_thread *)(void *)((char *)member -
                                      offsetof(struct qs_thread, member));
}

/* The ports of a connection that is served are remembered by its thread only,
 * the thread on top of the stack. */
static bool push_port_of_thread(lua_State *L, const struct qs_member *member) {
  lua_getiuservalue(L, -1, QS_THREAD_INPUT);
  lua_getiuservalue(L, -2, QS_THREAD_OUTPUT);
  struct qs_input *input = lua_touserdata(L, -2);
  struct qs_output *output = lua_touserdata(L, -1);
  bool is_input = input != NULL && &input->member == member;
  bool is_output = output != NULL && &output->member == member;
  lua_remove(L, is_output ? -2 : -1); /* the other port */
  lua_remove(L, -2);                  /* the thread */
  if (!is_input && !is_output) lua_pop(L, 1);
  return is_input || is_output;
}

static bool push_served_port(lua_State *L, const struct qs_member *port) {
  struct qs_member *member;
  QS_RING_FOREACH (member, port->custodian->members, link) {
    if (member->kind != &qs_thread_kind || !thread_of(member)->has_server)
      continue;
    qs_push_thread(L, thread_of(member));
    if (push_port_of_thread(L, port)) return true;
  }
  return false;
}

static bool push_member(lua_State *L, struct qs_member *member) {
  if (member->kind != &qs_thread_kind)
    return qs_recall(L, member) || push_served_port(L, member);
  qs_push_thread(L, thread_of(member));
  return true;
}

/* custodian:managed() -> list */
static int managed(lua_State *L) {
  struct qs_state *state = qs_state_of(L);
  struct qs_custodian *custodian = qs_check_custodian(L, state, 1);
  struct qs_custodian *child;
  struct qs_member *member;
  lua_Integer count = 0;
  lua_newtable(L);
  QS_RING_FOREACH (member, custodian->members, link)
    if (push_member(L, member)) lua_rawseti(L, -2, ++count);
  QS_RING_FOREACH (child, custodian->children, link) {
    qs_push_custodian(L, state, child);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int custodian_gc(lua_State *L) {
  struct handle *handle = lua_touserdata(L, 1);
  qs_custodian_release(handle->custodian);
  handle->custodian = NULL;
  qs_retire(L);
  return 0;
}

static int custodian_tostring(lua_State *L) {
  struct handle *handle = lua_touserdata(L, 1);
  lua_pushfstring(L,
                  handle->custodian->is_shut_down ? "custodian (shut down): %p"
                                                  : "custodian: %p",
                  (void *)handle->custodian);
  return 1;
}

void qs_open_custodian(lua_State *L, struct qs_state *state) {
  static const luaL_Reg metamethods[] = {
      {"__gc", custodian_gc},
      {"__close", shutdown_all},
      {"__tostring", custodian_tostring},
      {NULL, NULL},
  };
  static const luaL_Reg methods[] = {
      {"shutdown_all", shutdown_all},
      {"is_shut_down", is_shut_down},
      {"managed", managed},
      {NULL, NULL},
  };
  static const luaL_Reg functions[] = {
      {"new_custodian", new},
      {"current_custodian", current},
      {"is_custodian", is_custodian},
      {"enter", enter},
      {"leave", leave},
      {NULL, NULL},
  };
  qs_new_type(L, state, QS_TYPE_CUSTODIAN, "quayside.custodian", metamethods,
              methods);
  qs_set_functions(L, state, functions);
}
