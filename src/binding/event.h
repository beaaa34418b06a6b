/* SPDX-License-Identifier: MIT */
#ifndef QS_EVENT_H
#define QS_EVENT_H

/*
 * What a sync needs: registrations of a thread with several resources at once,
 * and events that are known here and not only to the Lua modules.
 */

#include "operation.h"

/* --- l_watch.c: registrations -------------------------------------------- */

typedef int qs_arm_fn(void *self, struct qs_waiter *waiter,
                      struct qs_error *error);

struct qs_registration {
  struct qs_waiter waiter;
  QS_RING_ENTRY(qs_registration) link;
  void *target;
  qs_arm_fn *arm;         /* joins and arms, like qs_operation.wait; or NULL */
  struct qs_timer *timer; /* NULL: never had one */
  bool is_signaled;       /* taken from the ready list, not yet told */
  bool is_stale;          /* told; to be armed again before the next wait */
};

/* Registers the current thread: `tag` is what it will be told.  A failure is
 * raised, and then nothing of the thread's is registered any more. */
struct qs_registration *qs_watch(lua_State *L, struct qs_state *state,
                                 void *target, int tag, bool takes,
                                 qs_arm_fn *arm);
/* Registers it for a deadline. */
void qs_watch_time(lua_State *L, struct qs_state *state, double seconds,
                   int tag);
/* The first registration that has stirred and has not been told; NULL: none.
 * From here on it has. */
struct qs_registration *qs_next_signaled(struct qs_thread *thread);
/* Arms it again. */
void qs_watch_again(lua_State *L, struct qs_state *state,
                    struct qs_registration *registration);

/* --- l_event.c: events ---------------------------------------------------- */

struct qs_event;

/* What events of one class have in common. */
struct qs_class {
  const struct qs_operation *operation; /* how it is tried; NULL: a time */
  qs_arm_fn *arm;
  /* A try is known to be in vain.  May be NULL. */
  bool (*is_idle)(const struct qs_event *event);
  /* What else is to wake the thread, under the same tag.  May be NULL. */
  void (*watch_also)(lua_State *L, struct qs_state *state,
                     const struct qs_event *event, int tag);
  bool takes;           /* what it waits for goes to one waiter only */
  bool gives_itself;    /* the event is the result, not what the try brings */
  unsigned char values; /* user values beside the object: they are on top of the
                           stack when it is tried */
};

/* Userdata.  User value 1 is the object. */
struct qs_event {
  const struct qs_class *class;
  void *self;

  union {
    size_t numbers[2];              /* of the operation */
    struct qs_custodian *custodian; /* of what is accepted */
    double seconds; /* of a time: from a sync on, or since the epoch */
  };
};

enum { QS_EVENT_OBJECT = 1, QS_EVENT_VALUES };

/* The outcome of an attempt that only looks. */
static inline int qs_when(bool is_so) {
  return is_so ? QS_OP_OBJECT : QS_OP_AGAIN;
}

/* Pushes an event of an object, which is at index 1.  The other user values are
 * the caller's to set. */
struct qs_event *qs_push_event(lua_State *L, struct qs_state *state,
                               const struct qs_class *class, void *self);

/* The event at `index`, or NULL. */
struct qs_event *qs_to_event(lua_State *L, const struct qs_state *state,
                             int index);

bool qs_event_is_idle(const struct qs_event *event);

/* Tries the event at `index`: results, QS_OP_AGAIN, or QS_OP_FAILED with the
 * error object pushed.  `has_stirred`: it is the one that woke the thread;
 * `asks`: nobody will wait if it is in vain, so the kernel is to be asked. */
int qs_event_try(lua_State *L, struct qs_state *state, int index,
                 bool has_stirred, bool asks);

/* Waits for the shutdown of a custodian. */
int qs_shutdown_arm(void *self, struct qs_waiter *waiter,
                    struct qs_error *error);

/* Registers the current thread for it. */
void qs_event_watch(lua_State *L, struct qs_state *state,
                    const struct qs_event *event, int tag);

#endif
