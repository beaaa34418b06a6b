/* SPDX-License-Identifier: MIT */
#ifndef QS_BINDING_H
#define QS_BINDING_H

/*
 * What the files of the Lua layer share.  Only they include <lua.h>.
 *
 * One `struct qs_state` belongs to one Lua universe (a main lua_State and its
 * coroutines).  Every C function of the layer carries it as upvalue 1.
 *
 * A quayside thread is a coroutine with a record.  The main chunk is a thread,
 * too: where others yield, it runs the loop (l_run.c).  Exactly one thread is
 * `current`, and `active` is the innermost coroutine it runs in.
 *
 * Waiting has one mechanism.  A thread parks with its own waiter in a queue
 * (a plain blocking call) or with registrations (a sync), and whatever ends
 * the wait - readiness, a deadline, another thread, a break, a kill - puts it
 * on the loop's ready list or takes it away.
 */

#include "connect.h"
#include "custodian.h"
#include "input.h"
#include "listener.h"
#include "output.h"
#include "resolve.h"

#include <lauxlib.h>
#include <lua.h>

/* The sorts of userdata. */
enum qs_type {
  QS_TYPE_THREAD,
  QS_TYPE_CUSTODIAN,
  QS_TYPE_LISTENER,
  QS_TYPE_CONNECT,
  QS_TYPE_INPUT,
  QS_TYPE_OUTPUT,
  QS_TYPE_UDP,
  QS_TYPE_HOST,
  QS_TYPE_EVENT,
  QS_TYPE_COUNT,
};

enum qs_break {
  QS_BREAK_NONE,
  QS_BREAK_BREAK,
  QS_BREAK_HANG_UP,
  QS_BREAK_TERMINATE
};

enum qs_phase {
  QS_PHASE_READY,   /* on the ready list, or new */
  QS_PHASE_RUNNING, /* current, or below the current one on the C stack */
  QS_PHASE_PARKED,
  QS_PHASE_DEAD,
};

struct qs_operation;
struct qs_registration;

LIST_HEAD(qs_visits, qs_visit);

struct qs_thread {
  struct qs_waiter waiter; /* of plain blocking calls; its ready link is also
                              the thread's place in the run queue */
  lua_State *L;            /* NULL once dead */
  struct qs_member member; /* of the custodian that may kill it */
  struct qs_custodian *custodian;        /* the current one; counted */
  struct qs_queue joiners;               /* wait for its end */
  struct qs_registration *registrations; /* the first; NULL: none */
  struct qs_visits visits; /* custodians entered by custodian:with */
  const struct qs_operation *operation; /* it waits in */
  void *self;                           /* what that works on */
  size_t numbers[2]; /* the operation's: its arguments, or how far it is */
  int anchor;        /* where it stands in the table of anchors; 0: nowhere */
  unsigned char phase;
  unsigned char pending_break;
  bool is_break_enabled : 1;
  bool is_wait_breakable : 1; /* the call under way enables breaks in a wait */
  bool is_broken : 1;         /* woken by a break */
  bool is_woken : 1;          /* claimed by a partner in a sync */
  bool is_killed : 1;
  bool is_dying : 1; /* its pending <close> variables are being run */
  bool has_failed : 1;
  bool has_epilogue : 1; /* serves a connection, to be ended in order */
  bool has_server : 1;   /* is to be counted out when it is dead */
};

struct qs_state {
  struct qs_loop *loop;
  struct qs_resolver *resolver;
  lua_State *main;
  struct qs_thread *main_thread;
  struct qs_thread *scheduler; /* in whose name it calls handlers of errors and
                                  finalizers: they cannot wait */
  struct qs_thread *current;
  lua_State *active;
  struct qs_custodian *root;
  struct qs_dirty_outputs dirty;
  struct qs_stream *orphan; /* between accept and its two ports */
  int budget; /* operations left before the current thread yields its turn */
  size_t thread_count; /* alive, the main thread not counted */
  int turns;           /* resumptions since the last look at the descriptors */
  bool is_suspending;  /* a coroutine yields to let its thread wait */
  const void *metatables[QS_TYPE_COUNT];
  size_t sizes[QS_TYPE_COUNT]; /* of the userdata; 0: none made yet */
  struct qs_interrupt *interrupt;
  struct qs_registration *spares[2]; /* for reuse: plain, with a timer */
  size_t spare_count;
  uint32_t random; /* which of the ready events a sync begins with */
};

/* --- l_state.c: the state and its userdata ------------------------------ */

struct qs_state *qs_state_new(lua_State *L); /* pushes its anchor */

static inline struct qs_state *qs_state_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* Pushes a table of C functions that carry the state. */
void qs_new_library(lua_State *L, struct qs_state *state,
                    const luaL_Reg *functions);
void qs_set_functions(lua_State *L, struct qs_state *state,
                      const luaL_Reg *functions);

/* Makes the metatable of a type: its name for error messages, metamethods,
 * and methods in a table of their own under __index. */
void qs_new_type(lua_State *L, struct qs_state *state, enum qs_type type,
                 const char *name, const luaL_Reg *metamethods,
                 const luaL_Reg *methods);
void qs_push_metatable(lua_State *L, struct qs_state *state, enum qs_type type);

/* Pushes zeroed userdata of a type, with room for `values` Lua values. */
void *qs_push_new(lua_State *L, struct qs_state *state, enum qs_type type,
                  size_t size, int values);

/* To be called by each __gc: from here on it is no object of ours. */
void qs_retire(lua_State *L);

/*
 * Every object ends in a mark: the address of its type's entry in the state.
 * Size and mark together are what it is known by, at a third of the price of
 * comparing metatables, and a call checks its object each time.  The mark is
 * wiped when the object is collected, lest the memory be taken for one.
 */
static inline const void **qs_mark_of(void *object, size_t size) {
  return (const void **)(void *)((char *)object + size - sizeof(void *));
}

/* The userdata at `index`, or NULL (to) or an argument error (check). */
static inline void *qs_to(lua_State *L, const struct qs_state *state, int index,
                          enum qs_type type) {
  void *object = lua_touserdata(L, index);
  if (object == NULL) return NULL;
  size_t size = lua_rawlen(L, index);
  if (size == 0 || size != state->sizes[type]) return NULL;
  return *qs_mark_of(object, size) == &state->metatables[type] ? object : NULL;
}

QS_COLD int qs_raise_type(lua_State *L, struct qs_state *state, int index,
                          enum qs_type type);

static inline void *qs_check(lua_State *L, struct qs_state *state, int index,
                             enum qs_type type) {
  void *object = qs_to(L, state, index, type);
  if (object == NULL) qs_raise_type(L, state, index, type);
  return object;
}

/* A weak table from addresses to the userdata that lives there. */
void qs_remember(lua_State *L, const void *address, int index);
bool qs_recall(lua_State *L, const void *address); /* pushes, if true */

/* A number of seconds, not negative, not NaN; or an argument error. */
double qs_check_seconds(lua_State *L, int index);
/* An integer port number within the range; or an argument error. */
uint16_t qs_check_port(lua_State *L, int index, lua_Integer least);
/* A host name without NUL. */
const char *qs_check_host(lua_State *L, int index);
const char *qs_opt_host(lua_State *L, int index);

/* --- l_error.c: error objects ------------------------------------------- */

/* What was tried, on what. `host` NULL: none; port -1: none. */
struct qs_context {
  const char *op;
  const char *host;
  int port;
};

QS_COLD void qs_push_error(lua_State *L, const struct qs_context *context,
                           const struct qs_error *error);
QS_COLD int qs_raise(lua_State *L, const struct qs_context *context,
                     const struct qs_error *error);
void qs_push_kind(lua_State *L, const char *kind, const char *code,
                  const char *message);
QS_COLD int qs_raise_closed(lua_State *L, const char *op);
QS_COLD int qs_raise_kill(lua_State *L);
QS_COLD int qs_raise_break(lua_State *L, enum qs_break kind);
/* Did the process run out of descriptors?  Unreachable ones may be freed. */
bool qs_is_out_of_descriptors(const struct qs_error *error);
void qs_open_error(lua_State *L, struct qs_state *state);

/* --- l_run.c: parking and resuming -------------------------------------- */

/* Raises unless the current thread may wait here and now: not in a foreign
 * coroutine, not inside a C call that cannot yield, not while dying; a break
 * that is pending and enabled is raised instead. */
void qs_prepare_wait(lua_State *L, struct qs_state *state);

/* Raises a break that is pending and enabled. */
void qs_raise_if_broken(lua_State *L, struct qs_state *state);

/* To be called first after waiting: raises the break that ended the wait. */
void qs_resumed(lua_State *L, struct qs_state *state);

/* How a thread waits once it is registered.  A coroutine: `return
 * qs_suspend(…)`; `k` goes on when it has been woken. */
int qs_suspend(lua_State *L, struct qs_state *state, lua_KContext context,
               lua_KFunction k);
/* The main thread (L is state->main): runs the others until it is woken. */
void qs_run_until_woken(struct qs_state *state);

/* Puts the current thread behind those that are ready; it must then wait. */
void qs_pause(struct qs_state *state);

/* One round over what is ready, then a look at the descriptors.  False when
 * nothing is left that could ever run. */
bool qs_run_turn(struct qs_state *state);

/* Puts a thread that is parked on the run queue. */
void qs_wake(struct qs_state *state, struct qs_thread *thread);

/* Is the thread able to be broken right now? */
bool qs_is_breakable(const struct qs_thread *thread);
/* Delivers, or keeps until the thread can be broken. */
void qs_break_thread(struct qs_state *state, struct qs_thread *thread,
                     enum qs_break kind);

/* --- l_watch.c: what a thread waits for in a sync (event.h) --------------- */

/* Withdraws all it has registered.  Also where a wait begins: one before may
 * have been left by an error of memory. */
void qs_unwatch(struct qs_state *state, struct qs_thread *thread);
/* Frees what is kept for reuse. */
void qs_forget_spares(struct qs_state *state);
void qs_open_watch(lua_State *L, struct qs_state *state);

/* --- l_thread.c ---------------------------------------------------------- */

extern const struct qs_member_kind qs_thread_kind;

/* The user values of a thread; only one that serves a connection has more than
 * the first. */
enum {
  QS_THREAD_COROUTINE = 1,
  QS_THREAD_SERVER,
  QS_THREAD_INPUT,
  QS_THREAD_OUTPUT,
};

/* Starts the thread that serves a connection, under a custodian of its own;
 * the server and the handler are on top of the stack.  0 or QS_OP_FAILED. */
int qs_begin_connection(lua_State *L, struct qs_state *state,
                        const struct qs_accepted *accepted,
                        struct qs_custodian *parent, struct qs_error *error);
void qs_open_end(lua_State *L, struct qs_state *state);
void qs_open_thread(lua_State *L, struct qs_state *state);
/* Pushes the thread's userdata, which must be anchored. */
void qs_push_thread(lua_State *L, struct qs_thread *thread);
void qs_anchor(lua_State *L, struct qs_thread *thread, int index);
void qs_unanchor(lua_State *L, struct qs_thread *thread);
/* The coroutine has come to its end with `status`. */
QS_COLD void qs_thread_finish(struct qs_state *state, struct qs_thread *thread,
                              int status);
QS_COLD void qs_thread_kill(struct qs_state *state, struct qs_thread *thread);
/* If the current thread has been killed meanwhile, it ends here. */
int qs_end_if_killed(lua_State *L, struct qs_state *state, int results);

/* --- l_custodian.c ------------------------------------------------------- */

struct qs_visit {
  LIST_ENTRY(qs_visit) link;
  struct qs_member member;
  struct qs_thread *thread;
  struct qs_state *state;
  struct qs_custodian *before; /* counted */
};

void qs_open_custodian(lua_State *L, struct qs_state *state);
void qs_leave_visits(struct qs_thread *thread);
void qs_push_custodian(lua_State *L, struct qs_state *state,
                       struct qs_custodian *custodian);
struct qs_custodian *qs_check_custodian(lua_State *L, struct qs_state *state,
                                        int index);
/* -1 and *error when the current custodian has been shut down. */
int qs_check_alive(const struct qs_custodian *custodian,
                   struct qs_error *error);

/* --- ports --------------------------------------------------------------- */

/* Pushes input and output over a new connection; QS_OP_FAILED and *error if
 * that cannot be (the descriptor is closed).  Else 2. */
int qs_push_ports(lua_State *L, struct qs_state *state,
                  const struct qs_accepted *accepted,
                  struct qs_custodian *custodian, struct qs_error *error);
/* In two steps: pushes them closed, the connection being state->orphan (-1 and
 * *error likewise); and gives it to the two on top, which cannot fail.  They
 * are not remembered: who does so must keep them within reach. */
int qs_push_closed_ports(lua_State *L, struct qs_state *state,
                         const struct qs_accepted *accepted,
                         struct qs_error *error);
void qs_open_ports(lua_State *L, struct qs_state *state,
                   struct qs_custodian *custodian);

/* Pushes 2 strings, or string, port, string, port. */
int qs_push_ends(lua_State *L, const struct qs_address *local,
                 const struct qs_address *peer, bool with_ports);

void qs_open_listener(lua_State *L, struct qs_state *state);
void qs_open_connect(lua_State *L, struct qs_state *state);
void qs_open_input(lua_State *L, struct qs_state *state);
void qs_open_output(lua_State *L, struct qs_state *state);
void qs_open_port_evt(lua_State *L, struct qs_state *state);
void qs_open_event(lua_State *L, struct qs_state *state);
void qs_open_end_evt(lua_State *L, struct qs_state *state);
void qs_open_listener_evt(lua_State *L, struct qs_state *state);
void qs_open_sync(lua_State *L, struct qs_state *state);
void qs_open_address(lua_State *L, struct qs_state *state);
void qs_open_coroutine(lua_State *L, struct qs_state *state);
void qs_open_lookup(lua_State *L, struct qs_state *state);
void qs_open_udp(lua_State *L, struct qs_state *state);

/* --- l_interrupt.c: Ctrl-C ----------------------------------------------- */

void qs_interrupt_open(lua_State *L, struct qs_state *state);
void qs_interrupt_close(struct qs_state *state);
/* The main thread is about to wait: is the handler still in place? */
void qs_interrupt_refresh(struct qs_state *state);
/* One that came while another was pending. */
bool qs_interrupt_take(struct qs_state *state);

#endif
