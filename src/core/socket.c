/* SPDX-License-Identifier: MIT */
#include "socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int qs_socket_open(int family, int type, struct qs_error *error) {
  int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) qs_error_posix(error, "socket", NULL);
  return fd;
}

void qs_socket_close(int fd) {
  close(fd);
}

int qs_socket_bind(int fd, const struct qs_address *address,
                   struct qs_error *error) {
  if (bind(fd, &address->any, qs_address_length(address)) == 0) return 0;
  qs_error_posix(error, "bind", address);
  return -1;
}

int qs_socket_listen(int fd, int backlog, struct qs_error *error) {
  if (listen(fd, backlog) == 0) return 0;
  qs_error_posix(error, "listen", NULL);
  return -1;
}

int qs_socket_set(int fd, int level, int option, int value, const char *name,
                  struct qs_error *error) {
  if (setsockopt(fd, level, option, &value, sizeof value) == 0) return 0;
  qs_error_posix(error, name, NULL);
  return -1;
}

void qs_socket_tune(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/* Would the same call succeed later? */
static bool must_wait(int code) {
  return code == EAGAIN || code == EWOULDBLOCK;
}

/* The client gave up, or its network failed, while it waited: accept(2) tells
 * such errors of the new socket, not of the listening one. */
static bool is_clients_own(int code) {
  return code == EINTR || code == ECONNABORTED || code == EPROTO ||
         code == ENETDOWN || code == ENOPROTOOPT || code == EHOSTDOWN ||
         code == EHOSTUNREACH || code == ENETUNREACH;
}

enum qs_status qs_socket_try_accept(int listening_fd, int *fd,
                                    struct qs_address *peer,
                                    struct qs_error *error) {
  struct sockaddr_storage name;
  for (;;) {
    socklen_t length = sizeof name;
    *fd = accept4(listening_fd, (struct sockaddr *)&name, &length,
                  SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*fd >= 0) {
      qs_address_set(peer, (struct sockaddr *)&name);
      return QS_DONE;
    }
    if (must_wait(errno)) return QS_AGAIN;
    if (!is_clients_own(errno)) {
      qs_error_posix(error, "accept", NULL);
      return QS_FAILED;
    }
  }
}

enum qs_status qs_socket_try_connect(int fd, const struct qs_address *to,
                                     struct qs_error *error) {
  if (connect(fd, &to->any, qs_address_length(to)) == 0) return QS_DONE;
  /* After EINTR the attempt goes on by itself (POSIX, connect). */
  if (errno == EINPROGRESS || errno == EINTR) return QS_AGAIN;
  qs_error_posix(error, "connect", to);
  return QS_FAILED;
}

int qs_socket_connect_result(int fd, const struct qs_address *to,
                             struct qs_error *error) {
  int code = 0;
  socklen_t length = sizeof code;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0) errno = code;
  if (errno == 0) return 0;
  qs_error_posix(error, "connect", to);
  return -1;
}

enum qs_status qs_socket_try_recv(int fd, void *bytes, size_t size,
                                  size_t *received, struct qs_error *error) {
  ssize_t got;
  do
    got = recv(fd, bytes, size, 0);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    *received = (size_t)got;
    return QS_DONE;
  }
  if (got == 0) return QS_EOF;
  if (must_wait(errno)) return QS_AGAIN;
  qs_error_posix(error, "recv", NULL);
  return QS_FAILED;
}

static ssize_t send_pieces(int fd, const struct iovec *pieces, size_t count,
                           int flags) {
  flags |= MSG_NOSIGNAL;
  if (count == 1) return send(fd, pieces->iov_base, pieces->iov_len, flags);
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = (struct iovec *)(uintptr_t)pieces; /* only read from */
  message.msg_iovlen = count;
  return sendmsg(fd, &message, flags);
}

enum qs_status qs_socket_try_send(int fd, const struct iovec *pieces,
                                  size_t count, int flags, size_t *sent,
                                  struct qs_error *error) {
  ssize_t went;
  do
    went = send_pieces(fd, pieces, count, flags);
  while (went < 0 && errno == EINTR);
  if (went >= 0) {
    *sent = (size_t)went;
    return QS_DONE;
  }
  if (must_wait(errno)) return QS_AGAIN;
  qs_error_posix(error, "send", NULL);
  return QS_FAILED;
}

void qs_socket_shutdown(int fd, int how) {
  shutdown(fd, how);
}

void qs_socket_drain(int fd, size_t limit) {
  char bytes[16 * 1024];
  ssize_t got = 1;
  while (limit > 0 && got > 0) {
    got = recv(fd, bytes, sizeof bytes, 0);
    if (got > 0) limit -= (size_t)got < limit ? (size_t)got : limit;
  }
}

bool qs_socket_is_ready(int fd, short events) {
  struct pollfd asked = {.fd = fd, .events = events};
  int found;
  do
    found = poll(&asked, 1, 0);
  while (found < 0 && errno == EINTR);
  return found > 0;
}
