/* SPDX-License-Identifier: MIT */
#include "datagram.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

static void shut_down(struct qs_member *member) {
  struct qs_datagram *datagram =
      (struct qs_datagram *)(void *)((char *)member -
                                     offsetof(struct qs_datagram, member));
  qs_datagram_close(datagram);
}

static const struct qs_member_kind datagram_kind = {"datagram", shut_down};

/* Level-triggered: armed while somebody wants to take.  Those who only look
 * are told once and must ask again. */
static void tell(struct qs_readiness *readiness, struct qs_queue *queue) {
  readiness->is_hopeful = true;
  if (qs_queue_first(queue) == NULL) qs_readiness_disarm(readiness);
  qs_queue_signal(readiness->loop, queue);
}

static void on_readable(evutil_socket_t fd, short what, void *owner) {
  struct qs_datagram *datagram = owner;
  (void)fd;
  (void)what;
  tell(&datagram->readable, &datagram->receivers);
}

static void on_writable(evutil_socket_t fd, short what, void *owner) {
  struct qs_datagram *datagram = owner;
  (void)fd;
  (void)what;
  tell(&datagram->writable, &datagram->senders);
}

int qs_datagram_open(struct qs_datagram *datagram, struct qs_loop *loop,
                     struct qs_custodian *custodian, int family,
                     struct qs_error *error) {
  memset(datagram, 0, sizeof *datagram);
  int fd = qs_socket_open(family, SOCK_DGRAM, error);
  if (fd < 0) return -1;
  if (qs_socket_set(fd, SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST", error) !=
          0 ||
      qs_custodian_add(custodian, &datagram->member, &datagram_kind, error) !=
          0) {
    qs_socket_close(fd);
    return -1;
  }
  datagram->loop = loop;
  datagram->fd = fd;
  datagram->family = family;
  datagram->is_open = true;
  qs_address_set_any(&datagram->local, family, 0);
  qs_queue_init(&datagram->receivers);
  qs_queue_init(&datagram->senders);
  qs_readiness_init(&datagram->readable, loop, fd, EV_READ, on_readable,
                    datagram);
  qs_readiness_init(&datagram->writable, loop, fd, EV_WRITE, on_writable,
                    datagram);
  return 0;
}

void qs_datagram_forget(struct qs_datagram *datagram) {
  if (datagram->block == NULL) return;
  qs_loop_give_block(datagram->loop, datagram->block);
  datagram->block = NULL;
}

void qs_datagram_close(struct qs_datagram *datagram) {
  if (!datagram->is_open) return;
  datagram->is_open = false;
  datagram->is_bound = false;
  datagram->is_connected = false;
  qs_member_leave(&datagram->member);
  qs_readiness_disarm(&datagram->readable);
  qs_readiness_disarm(&datagram->writable);
  qs_socket_close(datagram->fd);
  qs_datagram_forget(datagram);
  qs_queue_dissolve(datagram->loop, &datagram->receivers);
  qs_queue_dissolve(datagram->loop, &datagram->senders);
}

/* --- bind and connect ----------------------------------------------------- */

static int refuse(enum qs_error_kind kind, const char *step,
                  struct qs_error *error) {
  qs_error_state(error, kind, step);
  return -1;
}

/* What the kernel says it is bound and connected to. */
static void refresh(struct qs_datagram *datagram) {
  qs_address_of_local(&datagram->local, datagram->fd);
  qs_address_of_peer(&datagram->peer, datagram->fd);
  datagram->is_bound = qs_address_port(&datagram->local) != 0;
  datagram->is_connected = datagram->peer.any.sa_family != AF_UNSPEC;
}

static int bind_to(struct qs_datagram *datagram,
                   const struct qs_address *address, struct qs_error *error) {
  int result = qs_socket_bind(datagram->fd, address, error);
  refresh(datagram);
  return result;
}

/* To any port.  The kernel would do so by itself, but when no port is free it
 * says EAGAIN, which looks like a wait that could end. */
static int bind_somewhere(struct qs_datagram *datagram,
                          struct qs_error *error) {
  struct qs_address any;
  if (datagram->is_bound) return 0;
  qs_address_set_any(&any, datagram->family, 0);
  return bind_to(datagram, &any, error);
}

typedef int verb(struct qs_datagram *datagram, const struct qs_address *address,
                 struct qs_error *error);

/* Until one succeeds; the error is the last one's. */
static int with_each(struct qs_datagram *datagram,
                     const struct qs_addresses *addresses, verb *call,
                     struct qs_error *error) {
  int result = -1;
  if (qs_datagram_pick(datagram, addresses, error) == NULL) return -1;
  for (size_t i = 0; i < addresses->count && result != 0; i++)
    if (addresses->items[i].any.sa_family == datagram->family)
      result = call(datagram, &addresses->items[i], error);
  return result;
}

int qs_datagram_bind(struct qs_datagram *datagram,
                     const struct qs_addresses *addresses, uint16_t port,
                     bool reuse, struct qs_error *error) {
  struct qs_address any;
  struct qs_addresses every = {.items = &any, .count = 1};
  if (!datagram->is_open) return refuse(QS_ERROR_CLOSED, "bind", error);
  if (datagram->is_bound) return refuse(QS_ERROR_ALREADY_BOUND, "bind", error);
  qs_address_set_any(&any, datagram->family, port);
  if (addresses->count == 0) addresses = &every;
  if (qs_socket_set(datagram->fd, SOL_SOCKET, SO_REUSEADDR, reuse,
                    "SO_REUSEADDR", error) != 0 ||
      with_each(datagram, addresses, bind_to, error) != 0)
    return -1;
  datagram->asked = datagram->local;
  return 0;
}

/* A connect that fails leaves the peer as it was. */
static int connect_to(struct qs_datagram *datagram,
                      const struct qs_address *address,
                      struct qs_error *error) {
  enum qs_status status = qs_socket_try_connect(datagram->fd, address, error);
  refresh(datagram);
  return status == QS_DONE ? 0 : -1;
}

int qs_datagram_connect(struct qs_datagram *datagram,
                        const struct qs_addresses *addresses,
                        struct qs_error *error) {
  if (!datagram->is_open) return refuse(QS_ERROR_CLOSED, "connect", error);
  if (bind_somewhere(datagram, error) != 0) return -1;
  return with_each(datagram, addresses, connect_to, error);
}

int qs_datagram_disconnect(struct qs_datagram *datagram,
                           struct qs_error *error) {
  static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  if (!datagram->is_open) return refuse(QS_ERROR_CLOSED, "connect", error);
  if (!datagram->is_connected) return 0;
  if (connect(datagram->fd, &nobody, sizeof nobody) != 0) {
    qs_error_posix(error, "connect", NULL);
    return -1;
  }
  refresh(datagram);
  if (datagram->is_bound) return 0;
  /* Linux takes back a port that it has chosen itself, also when bind(2) had
   * asked for one. */
  if (datagram->asked.any.sa_family != AF_UNSPEC)
    return bind_to(datagram, &datagram->asked, error);
  qs_queue_signal(datagram->loop, &datagram->receivers);
  return 0;
}

/* --- send and receive ----------------------------------------------------- */

const struct qs_address *qs_datagram_pick(const struct qs_datagram *datagram,
                                          const struct qs_addresses *addresses,
                                          struct qs_error *error) {
  for (size_t i = 0; i < addresses->count; i++)
    if (addresses->items[i].any.sa_family == datagram->family)
      return &addresses->items[i];
  errno = EAFNOSUPPORT;
  qs_error_posix(error, "family",
                 addresses->count > 0 ? &addresses->items[0] : NULL);
  return NULL;
}

static int check_sender(const struct qs_datagram *datagram,
                        const struct qs_address *to, struct qs_error *error) {
  if (!datagram->is_open) return refuse(QS_ERROR_CLOSED, "send", error);
  if (to == NULL && !datagram->is_connected)
    return refuse(QS_ERROR_NOT_CONNECTED, "send", error);
  if (to != NULL && datagram->is_connected)
    return refuse(QS_ERROR_CONNECTED, "send", error);
  return 0;
}

static ssize_t send_once(const struct qs_datagram *datagram,
                         const struct qs_address *to, const void *bytes,
                         size_t size) {
  ssize_t sent;
  do
    sent = sendto(datagram->fd, bytes, size, MSG_NOSIGNAL,
                  to == NULL ? NULL : &to->any,
                  to == NULL ? 0 : qs_address_length(to));
  while (sent < 0 && errno == EINTR);
  return sent;
}

enum qs_status qs_datagram_try_send(struct qs_datagram *datagram,
                                    const struct qs_address *to,
                                    const void *bytes, size_t size,
                                    struct qs_error *error) {
  if (check_sender(datagram, to, error) != 0) return QS_FAILED;
  if (bind_somewhere(datagram, error) != 0) return QS_FAILED;
  if (!datagram->writable.is_hopeful) return QS_AGAIN;
  /* Nothing sent of an empty datagram is all of it. */
  if (send_once(datagram, to, bytes, size) >= 0) return QS_DONE;
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    datagram->writable.is_hopeful = false;
    return QS_AGAIN;
  }
  qs_error_posix(error, "sendto", to == NULL ? &datagram->peer : to);
  return QS_FAILED;
}

static ssize_t receive_once(struct qs_datagram *datagram, size_t most,
                            struct sockaddr_storage *from) {
  ssize_t got;
  do {
    socklen_t length = sizeof *from;
    got = recvfrom(datagram->fd, datagram->block->bytes, most, 0,
                   (struct sockaddr *)from, &length);
  } while (got < 0 && errno == EINTR);
  return got;
}

static int check_receiver(const struct qs_datagram *datagram,
                          struct qs_error *error) {
  if (!datagram->is_open) return refuse(QS_ERROR_CLOSED, "receive", error);
  if (!datagram->is_bound) return refuse(QS_ERROR_NOT_BOUND, "receive", error);
  return 0;
}

enum qs_status qs_datagram_try_receive(struct qs_datagram *datagram,
                                       size_t most,
                                       struct qs_received *received,
                                       struct qs_error *error) {
  struct sockaddr_storage from;
  if (check_receiver(datagram, error) != 0) return QS_FAILED;
  qs_datagram_forget(datagram);
  if (!datagram->readable.is_hopeful) return QS_AGAIN;
  datagram->block = qs_loop_take_block(datagram->loop);
  ssize_t got = -1;
  errno = ENOMEM;
  if (datagram->block != NULL)
    got = receive_once(datagram, most < QS_BLOCK_SIZE ? most : QS_BLOCK_SIZE,
                       &from);
  if (got >= 0) {
    received->bytes = datagram->block->bytes;
    received->length = (size_t)got;
    qs_address_set(&received->from, (struct sockaddr *)&from);
    return QS_DONE;
  }
  bool must_wait = errno == EAGAIN || errno == EWOULDBLOCK;
  if (!must_wait) qs_error_posix(error, "recvfrom", &datagram->peer);
  qs_datagram_forget(datagram);
  if (!must_wait) return QS_FAILED;
  datagram->readable.is_hopeful = false;
  return QS_AGAIN;
}

/* --- waiting -------------------------------------------------------------- */

void qs_datagram_look(struct qs_datagram *datagram) {
  datagram->readable.is_hopeful = true;
  datagram->writable.is_hopeful = true;
}

bool qs_datagram_can_receive(const struct qs_datagram *datagram) {
  if (!datagram->is_open || !datagram->is_bound) return true;
  return qs_socket_is_ready(datagram->fd, POLLIN);
}

bool qs_datagram_can_send(const struct qs_datagram *datagram) {
  return !datagram->is_open || qs_socket_is_ready(datagram->fd, POLLOUT);
}

int qs_datagram_wait_receive(struct qs_datagram *datagram,
                             struct qs_waiter *waiter, struct qs_error *error) {
  if (qs_readiness_arm(&datagram->readable, error) != 0) return -1;
  if (waiter->queue == NULL) qs_waiter_join(waiter, &datagram->receivers);
  return 0;
}

int qs_datagram_wait_send(struct qs_datagram *datagram,
                          struct qs_waiter *waiter, struct qs_error *error) {
  if (qs_readiness_arm(&datagram->writable, error) != 0) return -1;
  if (waiter->queue == NULL) qs_waiter_join(waiter, &datagram->senders);
  return 0;
}
