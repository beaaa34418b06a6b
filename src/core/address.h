/* SPDX-License-Identifier: MIT */
#ifndef QS_ADDRESS_H
#define QS_ADDRESS_H

/*
 * An Internet socket address, held by value.  28 bytes instead of the 128 of
 * `struct sockaddr_storage`, because every connection remembers two of them.
 *
 * A zeroed address has the family AF_UNSPEC and means "no address".
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct qs_address {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  };
};

/* Room for the longest numeric form: IPv6, '%', an interface name, NUL. */
enum { QS_ADDRESS_TEXT = 64 };

/* Lists of addresses as the resolver makes them; `items` is malloc'ed. */
struct qs_addresses {
  struct qs_address *items;
  size_t count;
};

/* Takes an address from the kernel or from getaddrinfo(3).  A family other
 * than IPv4 and IPv6 leaves AF_UNSPEC. */
void qs_address_set(struct qs_address *address, const struct sockaddr *from);

/* The address that means "any of this machine's" for `family` (RFC 4291 2.5.2,
 * RFC 1122 3.2.1.3). */
void qs_address_set_any(struct qs_address *address, int family, uint16_t port);

/* What bind(2) and connect(2) want as the length. */
socklen_t qs_address_length(const struct qs_address *address);

uint16_t qs_address_port(const struct qs_address *address);
void qs_address_set_port(struct qs_address *address, uint16_t port);

bool qs_address_is_any(const struct qs_address *address);
bool qs_address_equal(const struct qs_address *a, const struct qs_address *b);

/* Numeric form, scope included ("fe80::1%eth0"); "" for AF_UNSPEC.  Returns
 * `text`.  Source: getnameinfo(3), NI_NUMERICHOST. */
const char *qs_address_text(const struct qs_address *address,
                            char text[static QS_ADDRESS_TEXT]);

/* The addresses of a socket, as getsockname(2) and getpeername(2) give them;
 * AF_UNSPEC when there is none. */
void qs_address_of_local(struct qs_address *address, int fd);
void qs_address_of_peer(struct qs_address *address, int fd);

/* Appends unless an equal one is there.  False when memory is short. */
bool qs_addresses_add(struct qs_addresses *list, const struct qs_address *one);
void qs_addresses_free(struct qs_addresses *list);

#endif
