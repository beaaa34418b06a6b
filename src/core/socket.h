/* SPDX-License-Identifier: MIT */
#ifndef QS_SOCKET_H
#define QS_SOCKET_H

/*
 * The verbs of a socket descriptor, one system call each where that can be.
 * Every descriptor made here is close-on-exec and non-blocking; nothing sent
 * from here raises SIGPIPE.  EINTR is retried here and never seen above.
 */

#include "error.h"

#include <sys/uio.h>

/* `type` is SOCK_STREAM or SOCK_DGRAM.  Owns: the descriptor returned.
 * Errors: -1 and *error, step "socket". */
int qs_socket_open(int family, int type, struct qs_error *error);

/* Source: close(2).  EINTR is not retried: Linux has closed it by then. */
void qs_socket_close(int fd);

int qs_socket_bind(int fd, const struct qs_address *address,
                   struct qs_error *error);

/* `backlog` goes to listen(2) unchanged. */
int qs_socket_listen(int fd, int backlog, struct qs_error *error);

/* An integer option.  Errors: step is `name`. */
int qs_socket_set(int fd, int level, int option, int value, const char *name,
                  struct qs_error *error);

/* TCP_NODELAY and SO_KEEPALIVE, which every connection has.  What a listening
 * socket accepts inherits them (Linux and BSD).  Failure is not reported: it
 * costs time, never bytes. */
void qs_socket_tune(int fd);

/* QS_DONE: *fd is a new connection and *peer its far end.  A client that gave
 * up while it waited (ECONNABORTED, EPROTO) is passed over. */
enum qs_status qs_socket_try_accept(int listening_fd, int *fd,
                                    struct qs_address *peer,
                                    struct qs_error *error);

/* QS_AGAIN: under way, finished when writable. */
enum qs_status qs_socket_try_connect(int fd, const struct qs_address *to,
                                     struct qs_error *error);

/* How a connect under way ended.  0, or -1 and *error (SO_ERROR). */
int qs_socket_connect_result(int fd, const struct qs_address *to,
                             struct qs_error *error);

/* QS_EOF when the peer has closed its side. */
enum qs_status qs_socket_try_recv(int fd, void *bytes, size_t size,
                                  size_t *received, struct qs_error *error);

/* Sends from the pieces, in order, as much as the kernel takes.  With MSG_MORE
 * as `flags` what does not fill a packet waits for what comes next, which may
 * be the FIN (send(2)). */
enum qs_status qs_socket_try_send(int fd, const struct iovec *pieces,
                                  size_t count, int flags, size_t *sent,
                                  struct qs_error *error);

/* `how` is SHUT_RD, SHUT_WR or SHUT_RDWR.  A connection already gone is not
 * an error. */
void qs_socket_shutdown(int fd, int how);

/* Reads and forgets what is there without waiting, at most `limit` bytes.
 * Closing a socket with unread bytes resets the connection and destroys what
 * the peer has not read yet (RFC 1122 4.2.2.13). */
void qs_socket_drain(int fd, size_t limit);

/* True when poll(2) reports `events` (or an error) at once. */
bool qs_socket_is_ready(int fd, short events);

#endif
