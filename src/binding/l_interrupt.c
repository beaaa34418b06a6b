/* SPDX-License-Identifier: MIT */
#include "binding.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/*
 * Ctrl-C.  SIGINT breaks the main thread: through a descriptor when the
 * process sleeps in the loop, through a debug hook when it computes.  A hook
 * that fires in another thread makes that one give up its turn.
 *
 * Signals belong to the process, so this file has the only variable of the
 * library that does: the state that hears them, the first one made.
 */

struct qs_interrupt {
  struct qs_state *state;
  struct event event;
  int wake;                       /* eventfd */
  volatile sig_atomic_t received; /* counted by the handler alone */
  sig_atomic_t taken;             /* by the main thread alone */
  struct sigaction before;
  time_t checked;
};

static struct qs_interrupt *volatile listening;

bool qs_interrupt_take(struct qs_state *state) {
  struct qs_interrupt *interrupt = state->interrupt;
  if (interrupt == NULL || interrupt->received == interrupt->taken)
    return false;
  interrupt->taken++;
  return true;
}

/* For the main thread; the others only step aside. */
static void deliver(struct qs_state *state) {
  struct qs_thread *main_thread = state->main_thread;
  if (main_thread->phase == QS_PHASE_PARKED && !main_thread->is_broken &&
      qs_is_breakable(main_thread) && qs_interrupt_take(state))
    qs_break_thread(state, main_thread, QS_BREAK_BREAK);
}

static void on_hook(lua_State *L, lua_Debug *activation) {
  struct qs_interrupt *interrupt = listening;
  struct qs_state *state;
  (void)activation;
  lua_sethook(L, NULL, 0, 0);
  if (interrupt == NULL) return;
  state = interrupt->state;
  if (state->current == state->main_thread &&
      state->main_thread->phase == QS_PHASE_RUNNING) {
    /* Not where only waiting enables breaks: what has just been chosen would
     * be lost. */
    if (state->current->is_break_enabled) qs_raise_if_broken(L, state);
    return;
  }
  /* Also where the scheduler calls Lua while the main thread waits: an error
   * would end in the scheduler, and the break be lost. */
  deliver(state);
  if (L == state->active && lua_isyieldable(L) && !state->current->is_dying) {
    state->is_suspending = true;
    qs_wake(state, state->current);
    lua_yield(L, 0);
  }
}

/* lua_sethook is meant to be called from signal handlers (lua.c does).  Inside
 * a coroutine of unknown make, the main chunk hears of it when it is back. */
static void on_signal(int number) {
  struct qs_interrupt *interrupt = listening;
  lua_State *computing;
  uint64_t one = 1;
  (void)number;
  if (interrupt == NULL) return;
  interrupt->received++;
  computing = interrupt->state->active;
  if (computing == NULL) computing = interrupt->state->main;
  lua_sethook(computing, on_hook, LUA_MASKCOUNT, 1);
  if (write(interrupt->wake, &one, sizeof one) < 0) return;
}

static void on_wake(evutil_socket_t fd, short what, void *owner) {
  struct qs_interrupt *interrupt = owner;
  uint64_t count;
  (void)what;
  if (read(fd, &count, sizeof count) > 0) deliver(interrupt->state);
}

static bool is_ours(void) {
  struct sigaction now;
  return sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == on_signal;
}

/* A program that ignores Ctrl-C goes on ignoring it. */
static void install(struct qs_interrupt *interrupt) {
  struct sigaction action = {.sa_handler = on_signal};
  struct sigaction before;
  if (sigaction(SIGINT, NULL, &before) != 0 || before.sa_handler == SIG_IGN ||
      before.sa_handler == on_signal)
    return;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  interrupt->before = before;
  sigaction(SIGINT, &action, NULL);
}

void qs_interrupt_open(lua_State *L, struct qs_state *state) {
  (void)L;
  if (listening != NULL) return;
  struct qs_interrupt *interrupt = calloc(1, sizeof *interrupt);
  if (interrupt == NULL) return;
  interrupt->state = state;
  interrupt->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (interrupt->wake < 0) {
    free(interrupt);
    return;
  }
  event_assign(&interrupt->event, state->loop->base, interrupt->wake,
               EV_READ | EV_PERSIST, on_wake, interrupt);
  event_add(&interrupt->event, NULL);
  state->interrupt = interrupt;
  interrupt->before.sa_handler = SIG_DFL;
  listening = interrupt;
  install(interrupt);
}

/* lua.c puts its own handler in place for each line typed at its prompt. */
void qs_interrupt_refresh(struct qs_state *state) {
  struct timespec now;
  if (state->interrupt == NULL) return;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (now.tv_sec == state->interrupt->checked) return;
  state->interrupt->checked = now.tv_sec;
  install(state->interrupt);
}

void qs_interrupt_close(struct qs_state *state) {
  struct qs_interrupt *interrupt = state->interrupt;
  if (interrupt == NULL) return;
  if (is_ours()) sigaction(SIGINT, &interrupt->before, NULL);
  listening = NULL;
  state->interrupt = NULL;
  event_del(&interrupt->event);
  close(interrupt->wake);
  free(interrupt);
}
