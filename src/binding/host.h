/* SPDX-License-Identifier: MIT */
#ifndef QS_HOST_H
#define QS_HOST_H

/*
 * A host being looked up on behalf of a listen or a UDP call (l_lookup.c).
 */

#include "binding.h"

/* Userdata; to be marked to-be-closed. */
struct qs_host {
  void *target; /* what the addresses are for: the caller's affair */
  struct qs_loop *loop;
  struct qs_lookup *lookup;
  struct qs_queue watchers;
  struct qs_addresses addresses;
  enum qs_status status;
  struct qs_error error;
};

/* Pushes a host: no name, no addresses; a numeric one is known at once. */
struct qs_host *qs_push_host(lua_State *L, struct qs_state *state,
                             const char *name, uint16_t port, int type);
enum qs_status qs_host_try(const struct qs_host *host, struct qs_error *error);
void qs_host_wait(struct qs_host *host, struct qs_waiter *waiter);
void qs_host_close(struct qs_host *host);

#endif
