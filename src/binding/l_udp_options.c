/* SPDX-License-Identifier: MIT */
#include "udp.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>

/*
 * Time to live, receive buffer, multicast.
 */

/* --- numbers and booleans ------------------------------------------------- */

static int get(lua_State *L, const char *op, enum qs_datagram_option option) {
  struct qs_error error;
  int value = 0;
  if (qs_datagram_get(qs_check_udp(L, qs_state_of(L)), option, &value,
                      &error) != 0)
    qs_raise_udp(L, op, &error);
  return value;
}

static int set(lua_State *L, const char *op, enum qs_datagram_option option,
               int value) {
  struct qs_error error;
  if (qs_datagram_set(qs_check_udp(L, qs_state_of(L)), option, value, &error) !=
      0)
    qs_raise_udp(L, op, &error);
  return 0;
}

static int check_byte(lua_State *L, int index) {
  lua_Integer value = luaL_checkinteger(L, index);
  luaL_argcheck(L, value >= 0 && value <= UINT8_MAX, index,
                "time to live not in 0..255");
  return (int)value;
}

static int ttl(lua_State *L) {
  lua_pushinteger(L, get(L, "udp.ttl", QS_DATAGRAM_TTL));
  return 1;
}

static int set_ttl(lua_State *L) {
  qs_check_udp(L, qs_state_of(L));
  return set(L, "udp.set_ttl", QS_DATAGRAM_TTL, check_byte(L, 2));
}

static int multicast_ttl(lua_State *L) {
  lua_pushinteger(L, get(L, "udp.multicast_ttl", QS_DATAGRAM_MULTICAST_TTL));
  return 1;
}

static int multicast_set_ttl(lua_State *L) {
  qs_check_udp(L, qs_state_of(L));
  return set(L, "udp.multicast_set_ttl", QS_DATAGRAM_MULTICAST_TTL,
             check_byte(L, 2));
}

static int is_multicast_loopback(lua_State *L) {
  lua_pushboolean(
      L, get(L, "udp.is_multicast_loopback", QS_DATAGRAM_MULTICAST_LOOP));
  return 1;
}

static int multicast_set_loopback(lua_State *L) {
  return set(L, "udp.multicast_set_loopback", QS_DATAGRAM_MULTICAST_LOOP,
             lua_toboolean(L, 2));
}

/* What does not fit an int is more than any system has. */
static int set_receive_buffer_size(lua_State *L) {
  struct qs_datagram *datagram = qs_check_udp(L, qs_state_of(L));
  struct qs_error error;
  lua_Integer size = luaL_checkinteger(L, 2);
  luaL_argcheck(L, size > 0, 2, "size must be positive");
  if (size > INT_MAX) size = INT_MAX;
  if (qs_datagram_set_receive_buffer(datagram, (int)size, &error) != 0)
    return qs_raise_udp(L, "udp.set_receive_buffer_size", &error);
  return 0;
}

/* --- interfaces ----------------------------------------------------------- */

/* An interface is nil, the name of one, an address of one, or a host name that
 * stands for such an address.  Only the last needs a look-up. */
static struct qs_host *push_interface(lua_State *L, struct qs_state *state,
                                      int index) {
  struct qs_datagram *datagram = qs_check_udp(L, state);
  const char *name = qs_opt_host(L, index);
  if (name != NULL && if_nametoindex(name) != 0) name = NULL;
  return qs_push_udp_host(L, state, datagram, name, 0);
}

static int find_interface(lua_State *L, int index, const struct qs_host *host,
                          struct qs_interface *interface,
                          struct qs_error *error) {
  const struct qs_addresses *found = &host->addresses;
  const struct qs_datagram *datagram = host->target;
  const char *name = lua_tostring(L, index);
  if (found->count > 0) {
    const struct qs_address *address = qs_datagram_pick(datagram, found, error);
    if (address == NULL) address = &found->items[0];
    return qs_interface_by_address(interface, address, datagram->family, error);
  }
  memset(interface, 0, sizeof *interface);
  if (name == NULL || qs_interface_by_name(interface, name, datagram->family))
    return 0;
  errno = ENODEV; /* gone meanwhile */
  qs_error_posix(error, "interface", NULL);
  return -1;
}

static int interface_wait(void *self, struct qs_waiter *waiter,
                          struct qs_error *error) {
  (void)error;
  qs_host_wait(self, waiter);
  return 0;
}

static int multicast_interface(lua_State *L) {
  struct qs_datagram *datagram = qs_check_udp(L, qs_state_of(L));
  struct qs_interface interface;
  struct qs_error error;
  char text[QS_ADDRESS_TEXT];
  char name[IF_NAMESIZE];
  if (qs_datagram_get_interface(datagram, &interface, &error) != 0)
    return qs_raise_udp(L, "udp.multicast_interface", &error);
  if (interface.index != 0 && if_indextoname(interface.index, name) != NULL)
    lua_pushstring(L, name);
  else
    lua_pushstring(L, qs_address_text(&interface.address, text));
  return 1;
}

enum { SET_INTERFACE = 2 };

static void *set_interface_check(lua_State *L, struct qs_state *state) {
  qs_check_udp(L, state);
  lua_settop(L, SET_INTERFACE);
  return push_interface(L, state, SET_INTERFACE);
}

static int set_interface_attempt(lua_State *L, struct qs_state *state,
                                 void *self, struct qs_error *error) {
  const struct qs_host *host = self;
  struct qs_interface interface;
  (void)state;
  enum qs_status status = qs_host_try(host, error);
  if (status == QS_AGAIN) return QS_OP_AGAIN;
  if (status == QS_DONE &&
      find_interface(L, SET_INTERFACE, host, &interface, error) == 0 &&
      qs_datagram_set_interface(host->target, &interface, error) == 0)
    return 0;
  return QS_OP_FAILED;
}

static void set_interface_describe(lua_State *L, void *self,
                                   struct qs_context *context) {
  (void)self;
  context->host = lua_tostring(L, SET_INTERFACE);
}

static const struct qs_operation set_interface_operation = {
    .name = "udp.multicast_set_interface",
    .check = set_interface_check,
    .attempt = set_interface_attempt,
    .wait = interface_wait,
    .describe = set_interface_describe,
};

/* --- groups --------------------------------------------------------------- */

enum { GROUP = 2, GROUP_INTERFACE };

static void *group_check(lua_State *L, struct qs_state *state) {
  qs_check_udp(L, state);
  qs_check_host(L, GROUP);
  lua_settop(L, GROUP_INTERFACE);
  return push_interface(L, state, GROUP_INTERFACE);
}

/* A group is an address, never a name. */
static int find_group(lua_State *L, struct qs_address *group,
                      struct qs_error *error) {
  struct qs_addresses found = {0};
  enum qs_status status =
      qs_resolve_numeric(lua_tostring(L, GROUP), 0, SOCK_DGRAM, &found, error);
  if (status == QS_AGAIN) qs_error_gai(error, EAI_NONAME);
  if (status != QS_DONE) return -1;
  *group = found.items[0];
  qs_addresses_free(&found);
  return 0;
}

typedef int membership(struct qs_datagram *datagram,
                       const struct qs_address *group,
                       const struct qs_interface *interface,
                       struct qs_error *error);

static int change_membership(lua_State *L, const struct qs_host *host,
                             membership *change, struct qs_error *error) {
  struct qs_address group;
  struct qs_interface interface;
  enum qs_status status = qs_host_try(host, error);
  if (status == QS_AGAIN) return QS_OP_AGAIN;
  if (status == QS_DONE && find_group(L, &group, error) == 0 &&
      find_interface(L, GROUP_INTERFACE, host, &interface, error) == 0 &&
      change(host->target, &group, &interface, error) == 0)
    return 0;
  return QS_OP_FAILED;
}

static int join_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  (void)state;
  return change_membership(L, self, qs_datagram_join, error);
}

static int leave_attempt(lua_State *L, struct qs_state *state, void *self,
                         struct qs_error *error) {
  (void)state;
  return change_membership(L, self, qs_datagram_leave, error);
}

/* A failed look-up is the interface's. */
static void group_describe(lua_State *L, void *self,
                           struct qs_context *context) {
  const struct qs_host *host = self;
  int at = host->status == QS_FAILED ? GROUP_INTERFACE : GROUP;
  context->host = lua_tostring(L, at);
}

static const struct qs_operation join_operation = {
    .name = "udp.multicast_join_group",
    .check = group_check,
    .attempt = join_attempt,
    .wait = interface_wait,
    .describe = group_describe,
};

static const struct qs_operation leave_operation = {
    .name = "udp.multicast_leave_group",
    .check = group_check,
    .attempt = leave_attempt,
    .wait = interface_wait,
    .describe = group_describe,
};

static const luaL_Reg methods[] = {
    {"ttl", ttl},
    {"set_ttl", set_ttl},
    {"set_receive_buffer_size", set_receive_buffer_size},
    {"multicast_interface", multicast_interface},
    {"is_multicast_loopback", is_multicast_loopback},
    {"multicast_set_loopback", multicast_set_loopback},
    {"multicast_ttl", multicast_ttl},
    {"multicast_set_ttl", multicast_set_ttl},
    {NULL, NULL},
};

void qs_open_udp_options(lua_State *L, struct qs_state *state) {
  qs_push_metatable(L, state, QS_TYPE_UDP);
  lua_getfield(L, -1, "__index");
  qs_set_functions(L, state, methods);
  lua_pop(L, 2);
  qs_add_operation(L, state, QS_TYPE_UDP, "multicast_join_group",
                   &join_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "multicast_leave_group",
                   &leave_operation);
  qs_add_operation(L, state, QS_TYPE_UDP, "multicast_set_interface",
                   &set_interface_operation);
}
