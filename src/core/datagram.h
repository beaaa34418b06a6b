/* SPDX-License-Identifier: MIT */
#ifndef QS_DATAGRAM_H
#define QS_DATAGRAM_H

/*
 * A UDP socket: one datagram out, one datagram in.
 *
 * What it is bound and connected to is what the kernel says after each call
 * that may have changed it, so a socket that a send or a connect has bound is
 * bound.  An error that came back from the network (ICMP) is reported by the
 * next send or receive, once, and the socket goes on.
 *
 * Source: the Racket reference, "UDP"; udp(7), ip(7), ipv6(7).
 */

#include "custodian.h"
#include "socket.h"

struct qs_datagram {
  struct qs_loop *loop;
  struct qs_member member;
  int fd;
  int family; /* AF_INET or AF_INET6 */
  bool is_open;
  bool is_bound;
  bool is_connected;
  struct qs_address local;
  struct qs_address peer;
  struct qs_address asked; /* what qs_datagram_bind got; else AF_UNSPEC */
  struct qs_queue receivers;
  struct qs_queue senders;
  struct qs_readiness readable;
  struct qs_readiness writable;
  struct qs_block
      *block; /* pooled: a datagram received and not yet forgotten */
};

/* `bytes` stay until qs_datagram_forget, the next receive, or the close. */
struct qs_received {
  const char *bytes;
  size_t length;
  struct qs_address from;
};

/* Opens a socket, neither bound nor connected; broadcasting is allowed.
 * Errors: -1 and *error, and nothing is open. */
int qs_datagram_open(struct qs_datagram *datagram, struct qs_loop *loop,
                     struct qs_custodian *custodian, int family,
                     struct qs_error *error);

/* Datagrams not received are lost; waiters are woken.  Again: no effect. */
void qs_datagram_close(struct qs_datagram *datagram);

/* Binds to the first of the addresses of its family that can be had.  An empty
 * list means every address of the machine.  `reuse` is SO_REUSEADDR.
 * Errors: kind CLOSED, ALREADY_BOUND; EAFNOSUPPORT when no address is of its
 * family; what bind(2) says. */
int qs_datagram_bind(struct qs_datagram *datagram,
                     const struct qs_addresses *addresses, uint16_t port,
                     bool reuse, struct qs_error *error);

/* Connects to the first of the addresses of its family that can be had; binds
 * the socket if it is not.  Errors: likewise. */
int qs_datagram_connect(struct qs_datagram *datagram,
                        const struct qs_addresses *addresses,
                        struct qs_error *error);

/* A binding that was asked for is kept, one that came by itself is lost.  No
 * effect on a socket that is not connected. */
int qs_datagram_disconnect(struct qs_datagram *datagram,
                           struct qs_error *error);

/* The first address of the socket's family; NULL and *error if there is none.
 */
const struct qs_address *qs_datagram_pick(const struct qs_datagram *datagram,
                                          const struct qs_addresses *addresses,
                                          struct qs_error *error);

/* Sends one datagram, `to` NULL: to the peer.  Binds the socket if it is not.
 * QS_FAILED: kind CLOSED, CONNECTED, NOT_CONNECTED, or what sendto(2) says. */
enum qs_status qs_datagram_try_send(struct qs_datagram *datagram,
                                    const struct qs_address *to,
                                    const void *bytes, size_t size,
                                    struct qs_error *error);

/* Takes one datagram; what is beyond `most` bytes of it is lost.
 * QS_FAILED: kind CLOSED, NOT_BOUND, or what recvfrom(2) says. */
enum qs_status qs_datagram_try_receive(struct qs_datagram *datagram,
                                       size_t most,
                                       struct qs_received *received,
                                       struct qs_error *error);

/* Gives back the memory of what has been received. */
void qs_datagram_forget(struct qs_datagram *datagram);

/* Makes the next try ask the kernel in any case. */
void qs_datagram_look(struct qs_datagram *datagram);

/* Would the call return or fail at once?  Takes nothing. */
bool qs_datagram_can_receive(const struct qs_datagram *datagram);
bool qs_datagram_can_send(const struct qs_datagram *datagram);

/* Wait for a datagram, or for room for one.  Join the receivers or the senders
 * unless they have; the socket must be open. */
int qs_datagram_wait_receive(struct qs_datagram *datagram,
                             struct qs_waiter *waiter, struct qs_error *error);
int qs_datagram_wait_send(struct qs_datagram *datagram,
                          struct qs_waiter *waiter, struct qs_error *error);

/* --- datagram_options.c --------------------------------------------------- */

enum qs_datagram_option {
  QS_DATAGRAM_TTL,            /* 1..255; IPv6: 0..255 */
  QS_DATAGRAM_MULTICAST_TTL,  /* 0..255 */
  QS_DATAGRAM_MULTICAST_LOOP, /* 0 or 1 */
};

int qs_datagram_get(const struct qs_datagram *datagram,
                    enum qs_datagram_option option, int *value,
                    struct qs_error *error);
int qs_datagram_set(struct qs_datagram *datagram,
                    enum qs_datagram_option option, int value,
                    struct qs_error *error);

/* SO_RCVBUF.  Errors: ENOBUFS when the system gives less; then the size is
 * what it was. */
int qs_datagram_set_receive_buffer(struct qs_datagram *datagram, int size,
                                   struct qs_error *error);

/* An interface as multicast calls want it.  Zeroed: the system chooses. */
struct qs_interface {
  unsigned index;
  struct qs_address address;
};

/* True and *interface if `name` is the name of one ("lo"). */
bool qs_interface_by_name(struct qs_interface *interface, const char *name,
                          int family);

/* The one with that address of this machine; the wildcard: the system chooses.
 * Errors: EAFNOSUPPORT, ENODEV. */
int qs_interface_by_address(struct qs_interface *interface,
                            const struct qs_address *address, int family,
                            struct qs_error *error);

/* Errors: EAFNOSUPPORT, EINVAL (no group), EADDRINUSE (joined twice),
 * EADDRNOTAVAIL (not joined), ENODEV (no such interface). */
int qs_datagram_join(struct qs_datagram *datagram,
                     const struct qs_address *group,
                     const struct qs_interface *interface,
                     struct qs_error *error);
int qs_datagram_leave(struct qs_datagram *datagram,
                      const struct qs_address *group,
                      const struct qs_interface *interface,
                      struct qs_error *error);

/* The interface that multicast datagrams are sent through. */
int qs_datagram_get_interface(const struct qs_datagram *datagram,
                              struct qs_interface *interface,
                              struct qs_error *error);
int qs_datagram_set_interface(struct qs_datagram *datagram,
                              const struct qs_interface *interface,
                              struct qs_error *error);

#endif
