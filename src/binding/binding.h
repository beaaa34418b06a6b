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
  const struct qs_operation *operation; /* under way */
  void *self;                           /* what it works on */
  size_t progress;                      /* its own affair */
  int argument;                         /* likewise */
  int anchor; /* where it stands in the table of anchors; 0: nowhere */
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

/* The userdata at `index`, or NULL (to) or an argument error (check). */
void *qs_to(lua_State *L, struct qs_state *state, int index, enum qs_type type);
void *qs_check(lua_State *L, struct qs_state *state, int index,
               enum qs_type type);

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

void qs_push_error(lua_State *L, const struct qs_context *context,
                   const struct qs_error *error);
int qs_raise(lua_State *L, const struct qs_context *context,
             const struct qs_error *error);
void qs_push_kind(lua_State *L, const char *kind, const char *code,
                  const char *message);
int qs_raise_closed(lua_State *L, const char *op);
int qs_raise_kill(lua_State *L);
int qs_raise_break(lua_State *L, enum qs_break kind);
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

/* --- l_operation.c: blocking calls -------------------------------------- */

enum { QS_OP_AGAIN = -1, QS_OP_FAILED = -2 };

/* A call that may have to wait.  `self` is what it works on, userdata that
 * stays on the stack.  Its arguments are on the stack from 1. */
struct qs_operation {
  const char *name; /* for error objects */
  /* Raises argument errors; leaves the stack as the others expect it.
   * Returns self. */
  void *(*check)(lua_State *L, struct qs_state *state);
  /* Before a try that nobody will wait for: asks the kernel in any case.  May be
   * NULL. */
  void (*look)(void *self);
  /* Never waits.  The number of results pushed, or one of the above. */
  int (*attempt)(lua_State *L, struct qs_state *state, void *self,
                 struct qs_error *error);
  /* Joins a queue (unless in it) and arms what will wake the thread. */
  int (*wait)(void *self, struct qs_waiter *waiter, struct qs_error *error);
  /* Fills in what an error object tells beside the name; may push strings.
   * May be NULL. */
  void (*describe)(lua_State *L, void *self, struct qs_context *context);
  /* Adds to the error object on top of the stack.  May be NULL. */
  void (*decorate)(lua_State *L, void *self);
};

/* Pushes the function that does it, waiting; and the one that tries it once:
 * false, or true and the results, or nil and the error.  The latter may also
 * be given an event, whose elements 1 to 3 are then the arguments: it is the
 * `try` of a class of events (event.lua). */
void qs_push_blocking(lua_State *L, struct qs_state *state,
                      const struct qs_operation *operation);
void qs_push_try(lua_State *L, struct qs_state *state,
                 const struct qs_operation *operation);

/* Makes the blocking call a method of a type. */
void qs_add_operation(lua_State *L, struct qs_state *state, enum qs_type type,
                      const char *name, const struct qs_operation *operation);

/* Can the current thread wait here: not in a foreign coroutine, a C call that
 * cannot yield, or while it is being killed? */
bool qs_can_wait(lua_State *L, const struct qs_state *state);

/* Counts an operation of the current thread.  True when it has had so many
 * since it last waited that it must pause before this one. */
bool qs_must_pause(lua_State *L, struct qs_state *state);

/* Goes on with a blocking call whose arguments have been checked. */
int qs_operate(lua_State *L, struct qs_state *state,
               const struct qs_operation *operation, void *self);

/* --- l_watch.c: registrations of a sync --------------------------------- */

/* Joins and arms, like qs_operation.wait. */
typedef int qs_arm(void *target, struct qs_waiter *waiter,
                   struct qs_error *error);

struct qs_registration {
  struct qs_waiter waiter;
  QS_RING_ENTRY(qs_registration) link;
  void *target;
  qs_arm *arm;
  bool is_signaled; /* taken from the ready list, not yet told */
  bool is_stale;    /* told; to be armed again before the next wait */
  struct qs_timer *timer;
};

/* Registers the current thread: `tag` is what wait will answer. */
struct qs_registration *qs_watch(lua_State *L, struct qs_state *state,
                                 void *target, int tag, bool takes,
                                 qs_arm *arm);
/* Registers it for a deadline. */
void qs_watch_time(lua_State *L, struct qs_state *state, double seconds,
                   int tag);
/* For a `block` of a class of events, called with event, slot and tag: the
 * object that is element 1 of the event, and the registration. */
void *qs_check_element(lua_State *L, struct qs_state *state, enum qs_type type);
int qs_block(lua_State *L, enum qs_type type, bool takes, qs_arm *arm);
void qs_unwatch(struct qs_state *state, struct qs_thread *thread);
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
void qs_thread_finish(struct qs_state *state, struct qs_thread *thread,
                      int status);
void qs_thread_kill(struct qs_state *state, struct qs_thread *thread);
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

/* What the operations on a reading port have in common. */
void qs_input_op_look(void *self);
int qs_input_op_wait(void *self, struct qs_waiter *waiter,
                     struct qs_error *error);
void qs_input_op_describe(lua_State *L, void *self, struct qs_context *context);
bool qs_input_must_queue(const struct qs_state *state,
                         const struct qs_input *input);
void qs_describe_stream(lua_State *L, const struct qs_stream *stream,
                        struct qs_context *context);
extern const struct qs_operation qs_read_operation;

/* Pushes 2 strings, or string, port, string, port. */
int qs_push_ends(lua_State *L, const struct qs_address *local,
                 const struct qs_address *peer, bool with_ports);

void qs_open_listener(lua_State *L, struct qs_state *state);
void qs_open_connect(lua_State *L, struct qs_state *state);
void qs_open_input(lua_State *L, struct qs_state *state);
void qs_open_output(lua_State *L, struct qs_state *state);
void qs_open_port_evt(lua_State *L, struct qs_state *state);
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
