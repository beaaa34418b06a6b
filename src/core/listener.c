/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Attempts to find a port that is free for every address (port 0 only). */
enum { PORT_TRIES = 16 };

/* What is read from a client that will not be accepted, see qs_socket_drain. */
enum { DRAIN_LIMIT = 1024 * 1024 };

static void shut_down(struct qs_member *member) {
  struct qs_listener *listener =
      (struct qs_listener *)(void *)((char *)member -
                                     offsetof(struct qs_listener, member));
  qs_listener_close(listener);
}

static const struct qs_member_kind listener_kind = {"listener", shut_down};

static void on_client(evutil_socket_t fd, short what, void *owner) {
  struct qs_listener *listener = owner;
  (void)what;
  for (size_t i = 0; i < listener->count; i++) {
    struct qs_listening *one = &listener->sockets[i];
    if (one->fd != fd) continue;
    one->readable.is_hopeful = true;
    if (qs_queue_first(&listener->acceptors) == NULL)
      qs_readiness_disarm(&one->readable);
  }
  qs_queue_signal(listener->loop, &listener->acceptors);
}

static int configure(int fd, const struct qs_address *address, bool is_v6_only,
                     const struct qs_listener_options *options,
                     struct qs_error *error) {
  if (address->any.sa_family == AF_INET6 && is_v6_only &&
      qs_socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY", error))
    return -1;
  if (options->reuse_addr &&
      qs_socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", error))
    return -1;
  if (options->reuse_port &&
      qs_socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", error))
    return -1;
  return 0;
}

/* A listening descriptor, or -1. */
static int open_one(const struct qs_address *address, bool is_v6_only,
                    const struct qs_listener_options *options,
                    struct qs_error *error) {
  int fd = qs_socket_open(address->any.sa_family, SOCK_STREAM, error);
  if (fd < 0) return -1;
  qs_socket_tune(fd);
  if (configure(fd, address, is_v6_only, options, error) == 0 &&
      qs_socket_bind(fd, address, error) == 0 &&
      qs_socket_listen(fd, options->backlog, error) == 0)
    return fd;
  qs_socket_close(fd);
  if (error->address.any.sa_family == AF_UNSPEC) error->address = *address;
  return -1;
}

static void close_all(struct qs_listener *listener) {
  while (listener->count > 0)
    qs_socket_close(listener->sockets[--listener->count].fd);
}

/* Is this the failure of a system without IPv6?  Every system that has it has
 * the loopback address ::1. */
static bool is_without_ipv6(const struct qs_address *address,
                            const struct qs_error *error) {
  struct qs_address loopback;
  struct qs_error unused;
  if (address->any.sa_family != AF_INET6) return false;
  if (error->code == EAFNOSUPPORT || strcmp(error->step, "IPV6_V6ONLY") == 0)
    return true;
  if (error->code != EADDRNOTAVAIL) return false;
  qs_address_set_any(&loopback, AF_INET6, 0);
  loopback.v6.sin6_addr = in6addr_loopback;
  int fd = qs_socket_open(AF_INET6, SOCK_STREAM, &unused);
  bool has_ipv6 = fd >= 0 && qs_socket_bind(fd, &loopback, &unused) == 0;
  if (fd >= 0) qs_socket_close(fd);
  return !has_ipv6;
}

static bool has_family(const struct qs_addresses *addresses, int family) {
  for (size_t i = 0; i < addresses->count; i++)
    if (addresses->items[i].any.sa_family == family) return true;
  return false;
}

static void add_socket(struct qs_listener *listener, int fd,
                       const struct qs_address *address, uint16_t port) {
  struct qs_listening *one = &listener->sockets[listener->count++];
  memset(one, 0, sizeof *one);
  one->fd = fd;
  if (qs_address_is_any(address)) return;
  one->local = *address;
  qs_address_set_port(&one->local, port);
}

/* Opens all with one port; the first to be opened chooses when `port` is 0. */
static int open_all(struct qs_listener *listener,
                    const struct qs_addresses *addresses, uint16_t port,
                    const struct qs_listener_options *options,
                    struct qs_error *error) {
  bool has_v4 = has_family(addresses, AF_INET);
  for (size_t i = 0; i < addresses->count; i++) {
    struct qs_address address = addresses->items[i];
    qs_address_set_port(&address, port);
    int fd = open_one(&address, has_v4, options, error);
    if (fd < 0 && has_v4 && is_without_ipv6(&address, error)) continue;
    if (fd < 0) {
      close_all(listener);
      return -1;
    }
    if (listener->count == 0) qs_address_of_local(&listener->local, fd);
    port = qs_address_port(&listener->local);
    add_socket(listener, fd, &address, port);
  }
  return 0;
}

/* IPv6 first, like the resolver; each hears only its own family. */
static int add_every_address(struct qs_addresses *list,
                             struct qs_error *error) {
  struct qs_address v6;
  struct qs_address v4;
  qs_address_set_any(&v6, AF_INET6, 0);
  qs_address_set_any(&v4, AF_INET, 0);
  if (qs_addresses_add(list, &v6) && qs_addresses_add(list, &v4)) return 0;
  qs_error_posix(error, "listen", NULL);
  return -1;
}

static int open_somewhere(struct qs_listener *listener,
                          const struct qs_addresses *addresses, uint16_t port,
                          const struct qs_listener_options *options,
                          struct qs_error *error) {
  listener->sockets = calloc(addresses->count, sizeof *listener->sockets);
  if (listener->sockets == NULL) {
    qs_error_posix(error, "listen", NULL);
    return -1;
  }
  int result = open_all(listener, addresses, port, options, error);
  for (int i = 1; result != 0 && port == 0 && i < PORT_TRIES; i++)
    if (error->code == EADDRINUSE)
      result = open_all(listener, addresses, port, options, error);
  if (result != 0) {
    free(listener->sockets);
    listener->sockets = NULL;
  }
  return result;
}

int qs_listener_open(struct qs_listener *listener, struct qs_loop *loop,
                     struct qs_custodian *custodian,
                     const struct qs_addresses *addresses, uint16_t port,
                     const struct qs_listener_options *options,
                     struct qs_error *error) {
  struct qs_addresses every = {0};
  memset(listener, 0, sizeof *listener);
  listener->loop = loop;
  listener->is_any = addresses->count == 0;
  qs_queue_init(&listener->acceptors);
  if (listener->is_any && add_every_address(&every, error) != 0) goto fail;
  if (open_somewhere(listener, listener->is_any ? &every : addresses, port,
                     options, error) != 0)
    goto fail;
  for (size_t i = 0; i < listener->count; i++)
    qs_readiness_init(&listener->sockets[i].readable, loop,
                      listener->sockets[i].fd, EV_READ, on_client, listener);
  qs_addresses_free(&every);
  if (qs_custodian_add(custodian, &listener->member, &listener_kind, error) ==
      0)
    return 0;
  qs_listener_close(listener);
fail:
  qs_addresses_free(&every);
  return -1;
}

/* Accepts what is queued only to end it in order: closing the listening
 * socket would reset those clients. */
static void turn_away(int listening_fd) {
  struct qs_accepted accepted;
  struct qs_error unused;
  while (qs_socket_try_accept(listening_fd, &accepted.fd, &accepted.peer,
                              &unused) == QS_DONE) {
    qs_socket_shutdown(accepted.fd, SHUT_WR);
    qs_socket_drain(accepted.fd, DRAIN_LIMIT);
    qs_socket_close(accepted.fd);
  }
}

void qs_listener_close(struct qs_listener *listener) {
  if (listener->sockets == NULL) return;
  qs_member_leave(&listener->member);
  for (size_t i = 0; i < listener->count; i++) {
    qs_readiness_disarm(&listener->sockets[i].readable);
    turn_away(listener->sockets[i].fd);
  }
  close_all(listener);
  free(listener->sockets);
  listener->sockets = NULL;
  qs_queue_dissolve(listener->loop, &listener->acceptors);
}

void qs_listener_look(struct qs_listener *listener) {
  for (size_t i = 0; i < listener->count; i++)
    listener->sockets[i].readable.is_hopeful = true;
}

enum qs_status qs_listener_try_accept(struct qs_listener *listener,
                                      struct qs_accepted *accepted,
                                      struct qs_error *error) {
  if (listener->sockets == NULL) {
    qs_error_state(error, QS_ERROR_CLOSED, "accept");
    return QS_FAILED;
  }
  for (size_t i = 0; i < listener->count; i++) {
    size_t at = (listener->next + i) % listener->count;
    struct qs_listening *one = &listener->sockets[at];
    if (!one->readable.is_hopeful) continue;
    enum qs_status status =
        qs_socket_try_accept(one->fd, &accepted->fd, &accepted->peer, error);
    if (status == QS_DONE) {
      listener->next = at + 1;
      accepted->local = one->local;
    }
    if (status != QS_AGAIN) return status;
    one->readable.is_hopeful = false;
  }
  return QS_AGAIN;
}

bool qs_listener_is_ready(struct qs_listener *listener) {
  if (listener->sockets == NULL) return true;
  for (size_t i = 0; i < listener->count; i++)
    if (qs_socket_is_ready(listener->sockets[i].fd, POLLIN)) return true;
  return false;
}

int qs_listener_wait(struct qs_listener *listener, struct qs_waiter *waiter,
                     struct qs_error *error) {
  for (size_t i = 0; i < listener->count; i++)
    if (qs_readiness_arm(&listener->sockets[i].readable, error) != 0) return -1;
  if (waiter->queue == NULL) qs_waiter_join(waiter, &listener->acceptors);
  return 0;
}
