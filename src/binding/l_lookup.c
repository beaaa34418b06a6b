/* SPDX-License-Identifier: MIT */
#include "host.h"

/*
 * A host name being looked up, for the calls that need addresses before they
 * can begin (listen, and UDP).  Connect has its own.
 */

static void on_found(void *owner) {
  struct qs_host *host = owner;
  struct qs_lookup *lookup = host->lookup;
  host->lookup = NULL;
  host->loop->lookups--;
  host->status = QS_FAILED;
  if (qs_lookup_take(lookup, &host->addresses, &host->error) == 0)
    host->status = QS_DONE;
  qs_queue_signal(host->loop, &host->watchers);
}

struct qs_host *qs_push_host(lua_State *L, struct qs_state *state,
                             const char *name, uint16_t port, int type) {
  struct qs_host *host = qs_push_new(L, state, QS_TYPE_HOST, sizeof *host, 0);
  host->loop = state->loop;
  host->status = QS_DONE;
  qs_queue_init(&host->watchers);
  if (name == NULL) return host;
  host->status =
      qs_resolve_numeric(name, port, type, &host->addresses, &host->error);
  if (host->status != QS_AGAIN) return host;
  qs_prepare_wait(L, state);
  host->lookup = qs_resolver_start(state->resolver, name, port, type, on_found,
                                   host, &host->error);
  if (host->lookup == NULL)
    host->status = QS_FAILED;
  else
    state->loop->lookups++;
  return host;
}

enum qs_status qs_host_try(const struct qs_host *host, struct qs_error *error) {
  if (host->status == QS_FAILED) *error = host->error;
  return host->status;
}

void qs_host_wait(struct qs_host *host, struct qs_waiter *waiter) {
  if (waiter->queue == NULL) qs_waiter_join(waiter, &host->watchers);
}

void qs_host_close(struct qs_host *host) {
  if (host->loop == NULL) return;
  if (host->lookup != NULL) host->loop->lookups--;
  qs_lookup_cancel(host->lookup);
  host->lookup = NULL;
  qs_queue_dissolve(host->loop, &host->watchers);
  qs_addresses_free(&host->addresses);
}

static int host_close(lua_State *L) {
  qs_host_close(lua_touserdata(L, 1));
  return 0;
}

static int host_gc(lua_State *L) {
  host_close(L);
  qs_retire(L);
  return 0;
}

void qs_open_lookup(lua_State *L, struct qs_state *state) {
  static const luaL_Reg metamethods[] = {
      {"__gc", host_gc},
      {"__close", host_close},
      {NULL, NULL},
  };
  static const luaL_Reg methods[] = {{NULL, NULL}};
  qs_new_type(L, state, QS_TYPE_HOST, "quayside.host", metamethods, methods);
}
