/* SPDX-License-Identifier: MIT */
#include "datagram.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

/*
 * Time to live, receive buffer, multicast.
 */

struct option {
  int level;
  int name;
  const char *step;
};

/* By family: IPv4, IPv6. */
static const struct option options[][2] = {
    [QS_DATAGRAM_TTL] = {{IPPROTO_IP, IP_TTL, "IP_TTL"},
                         {IPPROTO_IPV6, IPV6_UNICAST_HOPS,
                          "IPV6_UNICAST_HOPS"}},
    [QS_DATAGRAM_MULTICAST_TTL] = {{IPPROTO_IP, IP_MULTICAST_TTL,
                                    "IP_MULTICAST_TTL"},
                                   {IPPROTO_IPV6, IPV6_MULTICAST_HOPS,
                                    "IPV6_MULTICAST_HOPS"}},
    [QS_DATAGRAM_MULTICAST_LOOP] = {{IPPROTO_IP, IP_MULTICAST_LOOP,
                                     "IP_MULTICAST_LOOP"},
                                    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP,
                                     "IPV6_MULTICAST_LOOP"}},
};

static int check_open(const struct qs_datagram *datagram,
                      struct qs_error *error) {
  if (datagram->is_open) return 0;
  qs_error_state(error, QS_ERROR_CLOSED, "option");
  return -1;
}

static const struct option *find(const struct qs_datagram *datagram,
                                 enum qs_datagram_option option) {
  return &options[option][datagram->family == AF_INET6];
}

static int set_bytes(const struct qs_datagram *datagram,
                     const struct option *option, const void *value,
                     size_t size, const struct qs_address *address,
                     struct qs_error *error) {
  if (setsockopt(datagram->fd, option->level, option->name, value,
                 (socklen_t)size) == 0)
    return 0;
  qs_error_posix(error, option->step, address);
  return -1;
}

static int get_bytes(const struct qs_datagram *datagram,
                     const struct option *option, void *value, size_t size,
                     struct qs_error *error) {
  socklen_t length = (socklen_t)size;
  if (getsockopt(datagram->fd, option->level, option->name, value, &length) ==
      0)
    return 0;
  qs_error_posix(error, option->step, NULL);
  return -1;
}

int qs_datagram_get(const struct qs_datagram *datagram,
                    enum qs_datagram_option option, int *value,
                    struct qs_error *error) {
  if (check_open(datagram, error) != 0) return -1;
  return get_bytes(datagram, find(datagram, option), value, sizeof *value,
                   error);
}

int qs_datagram_set(struct qs_datagram *datagram,
                    enum qs_datagram_option option, int value,
                    struct qs_error *error) {
  if (check_open(datagram, error) != 0) return -1;
  return set_bytes(datagram, find(datagram, option), &value, sizeof value, NULL,
                   error);
}

/* --- the receive buffer --------------------------------------------------- */

static const struct option receive_buffer = {SOL_SOCKET, SO_RCVBUF,
                                             "SO_RCVBUF"};

/* Linux doubles the size it is given, for its own book-keeping, and tells the
 * doubled one.  Source: socket(7). */
static int get_receive_buffer(const struct qs_datagram *datagram, int *size,
                              struct qs_error *error) {
  if (get_bytes(datagram, &receive_buffer, size, sizeof *size, error) != 0)
    return -1;
#ifdef __linux__
  *size /= 2;
#endif
  return 0;
}

/* Linux cuts what is too much and says nothing. */
int qs_datagram_set_receive_buffer(struct qs_datagram *datagram, int size,
                                   struct qs_error *error) {
  struct qs_error unused;
  int before;
  int given;
  if (check_open(datagram, error) != 0) return -1;
  if (get_receive_buffer(datagram, &before, error) != 0 ||
      set_bytes(datagram, &receive_buffer, &size, sizeof size, NULL, error) !=
          0 ||
      get_receive_buffer(datagram, &given, error) != 0)
    return -1;
  if (given >= size) return 0;
  set_bytes(datagram, &receive_buffer, &before, sizeof before, NULL, &unused);
  errno = ENOBUFS;
  qs_error_posix(error, "SO_RCVBUF", NULL);
  return -1;
}

/* --- interfaces ----------------------------------------------------------- */

static bool is_same_host(const struct qs_address *a,
                         const struct sockaddr *found) {
  struct qs_address b;
  if (found == NULL || found->sa_family != a->any.sa_family) return false;
  qs_address_set(&b, found);
  if (a->any.sa_family == AF_INET)
    return a->v4.sin_addr.s_addr == b.v4.sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b.v6.sin6_addr);
}

/* The index of the interface with that address; 0: there is none. */
static unsigned index_of(const struct qs_address *address) {
  struct ifaddrs *all;
  unsigned index = 0;
  if (address->any.sa_family == AF_INET6 && address->v6.sin6_scope_id != 0)
    return address->v6.sin6_scope_id;
  if (getifaddrs(&all) != 0) return 0;
  for (struct ifaddrs *one = all; one != NULL && index == 0;
       one = one->ifa_next)
    if (is_same_host(address, one->ifa_addr))
      index = if_nametoindex(one->ifa_name);
  freeifaddrs(all);
  return index;
}

/* The first address of the family that an interface has, if any. */
static void find_address(struct qs_address *address, const char *name,
                         int family) {
  struct ifaddrs *all;
  if (getifaddrs(&all) != 0) return;
  for (struct ifaddrs *one = all; one != NULL; one = one->ifa_next)
    if (one->ifa_addr != NULL && one->ifa_addr->sa_family == family &&
        strcmp(one->ifa_name, name) == 0) {
      qs_address_set(address, one->ifa_addr);
      break;
    }
  freeifaddrs(all);
}

bool qs_interface_by_name(struct qs_interface *interface, const char *name,
                          int family) {
  memset(interface, 0, sizeof *interface);
  interface->index = if_nametoindex(name);
  if (interface->index == 0) return false;
  find_address(&interface->address, name, family);
  return true;
}

static int refuse(int code, const char *step, const struct qs_address *address,
                  struct qs_error *error) {
  errno = code;
  qs_error_posix(error, step, address);
  return -1;
}

int qs_interface_by_address(struct qs_interface *interface,
                            const struct qs_address *address, int family,
                            struct qs_error *error) {
  memset(interface, 0, sizeof *interface);
  if (qs_address_is_any(address)) return 0;
  if (address->any.sa_family != family)
    return refuse(EAFNOSUPPORT, "interface", address, error);
  interface->address = *address;
  interface->index = index_of(address);
  /* The kernel knows more IPv4 addresses than are listed: all of 127/8. */
  if (interface->index != 0 || family == AF_INET) return 0;
  return refuse(ENODEV, "interface", address, error);
}

/* --- multicast ------------------------------------------------------------ */

static struct ip_mreqn request_v4(const struct qs_address *group,
                                  const struct qs_interface *interface) {
  struct ip_mreqn request = {.imr_ifindex = (int)interface->index};
  if (group != NULL) request.imr_multiaddr = group->v4.sin_addr;
  if (interface->address.any.sa_family == AF_INET)
    request.imr_address = interface->address.v4.sin_addr;
  return request;
}

static int change_membership(const struct qs_datagram *datagram,
                             const struct option verbs[2],
                             const struct qs_address *group,
                             const struct qs_interface *interface,
                             struct qs_error *error) {
  if (check_open(datagram, error) != 0) return -1;
  if (group->any.sa_family != datagram->family)
    return refuse(EAFNOSUPPORT, "group", group, error);
  if (datagram->family == AF_INET) {
    struct ip_mreqn request = request_v4(group, interface);
    return set_bytes(datagram, &verbs[0], &request, sizeof request, group,
                     error);
  }
  struct ipv6_mreq request = {.ipv6mr_multiaddr = group->v6.sin6_addr,
                              .ipv6mr_interface = interface->index};
  if (request.ipv6mr_interface == 0)
    request.ipv6mr_interface = group->v6.sin6_scope_id;
  return set_bytes(datagram, &verbs[1], &request, sizeof request, group, error);
}

int qs_datagram_join(struct qs_datagram *datagram,
                     const struct qs_address *group,
                     const struct qs_interface *interface,
                     struct qs_error *error) {
  static const struct option verbs[2] = {
      {IPPROTO_IP, IP_ADD_MEMBERSHIP, "IP_ADD_MEMBERSHIP"},
      {IPPROTO_IPV6, IPV6_JOIN_GROUP, "IPV6_JOIN_GROUP"},
  };
  return change_membership(datagram, verbs, group, interface, error);
}

int qs_datagram_leave(struct qs_datagram *datagram,
                      const struct qs_address *group,
                      const struct qs_interface *interface,
                      struct qs_error *error) {
  static const struct option verbs[2] = {
      {IPPROTO_IP, IP_DROP_MEMBERSHIP, "IP_DROP_MEMBERSHIP"},
      {IPPROTO_IPV6, IPV6_LEAVE_GROUP, "IPV6_LEAVE_GROUP"},
  };
  return change_membership(datagram, verbs, group, interface, error);
}

static const struct option interface_v4 = {IPPROTO_IP, IP_MULTICAST_IF,
                                           "IP_MULTICAST_IF"};
static const struct option interface_v6 = {IPPROTO_IPV6, IPV6_MULTICAST_IF,
                                           "IPV6_MULTICAST_IF"};

int qs_datagram_get_interface(const struct qs_datagram *datagram,
                              struct qs_interface *interface,
                              struct qs_error *error) {
  memset(interface, 0, sizeof *interface);
  if (check_open(datagram, error) != 0) return -1;
  qs_address_set_any(&interface->address, datagram->family, 0);
  if (datagram->family == AF_INET6)
    return get_bytes(datagram, &interface_v6, &interface->index,
                     sizeof interface->index, error);
  return get_bytes(datagram, &interface_v4, &interface->address.v4.sin_addr,
                   sizeof interface->address.v4.sin_addr, error);
}

int qs_datagram_set_interface(struct qs_datagram *datagram,
                              const struct qs_interface *interface,
                              struct qs_error *error) {
  if (check_open(datagram, error) != 0) return -1;
  if (datagram->family == AF_INET6)
    return set_bytes(datagram, &interface_v6, &interface->index,
                     sizeof interface->index, NULL, error);
  struct ip_mreqn request = request_v4(NULL, interface);
  return set_bytes(datagram, &interface_v4, &request, sizeof request,
                   &interface->address, error);
}
