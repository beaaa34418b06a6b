/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

void qs_address_set(struct qs_address *address, const struct sockaddr *from) {
  memset(address, 0, sizeof *address);
  if (from->sa_family == AF_INET)
    memcpy(&address->v4, from, sizeof address->v4);
  else if (from->sa_family == AF_INET6)
    memcpy(&address->v6, from, sizeof address->v6);
}

void qs_address_set_any(struct qs_address *address, int family, uint16_t port) {
  memset(address, 0, sizeof *address);
  address->any.sa_family = (sa_family_t)family;
  if (family == AF_INET6) address->v6.sin6_addr = in6addr_any;
  qs_address_set_port(address, port);
}

socklen_t qs_address_length(const struct qs_address *address) {
  if (address->any.sa_family == AF_INET6) return sizeof address->v6;
  return sizeof address->v4;
}

uint16_t qs_address_port(const struct qs_address *address) {
  if (address->any.sa_family == AF_INET6) return ntohs(address->v6.sin6_port);
  return ntohs(address->v4.sin_port);
}

void qs_address_set_port(struct qs_address *address, uint16_t port) {
  if (address->any.sa_family == AF_INET6)
    address->v6.sin6_port = htons(port);
  else
    address->v4.sin_port = htons(port);
}

bool qs_address_is_any(const struct qs_address *address) {
  if (address->any.sa_family == AF_INET6)
    return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
  return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool qs_address_equal(const struct qs_address *a, const struct qs_address *b) {
  if (a->any.sa_family != b->any.sa_family) return false;
  if (qs_address_port(a) != qs_address_port(b)) return false;
  if (a->any.sa_family == AF_INET)
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  return a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
         IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

const char *qs_address_text(const struct qs_address *address,
                            char text[static QS_ADDRESS_TEXT]) {
  text[0] = '\0';
  if (address->any.sa_family == AF_UNSPEC) return text;
  if (getnameinfo(&address->any, qs_address_length(address), text,
                  QS_ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST) != 0)
    text[0] = '\0';
  return text;
}

typedef int name_call(int fd, struct sockaddr *name, socklen_t *length);

static void ask_kernel(struct qs_address *address, int fd, name_call *call) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  memset(address, 0, sizeof *address);
  if (call(fd, (struct sockaddr *)&name, &length) == 0)
    qs_address_set(address, (struct sockaddr *)&name);
}

void qs_address_of_local(struct qs_address *address, int fd) {
  ask_kernel(address, fd, getsockname);
}

void qs_address_of_peer(struct qs_address *address, int fd) {
  ask_kernel(address, fd, getpeername);
}

bool qs_addresses_add(struct qs_addresses *list, const struct qs_address *one) {
  for (size_t i = 0; i < list->count; i++)
    if (qs_address_equal(&list->items[i], one)) return true;
  struct qs_address *items =
      realloc(list->items, (list->count + 1) * sizeof *items);
  if (items == NULL) return false;
  items[list->count++] = *one;
  list->items = items;
  return true;
}

void qs_addresses_free(struct qs_addresses *list) {
  free(list->items);
  list->items = NULL;
  list->count = 0;
}
