/* SPDX-License-Identifier: MIT */
#include "connect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void close_fd(struct qs_connect *connect) {
  if (connect->fd < 0) return;
  qs_readiness_disarm(&connect->writable);
  qs_socket_close(connect->fd);
  connect->fd = -1;
}

static void stop(struct qs_connect *connect) {
  qs_lookup_cancel(connect->lookup);
  if (connect->lookup != NULL) connect->loop->lookups--;
  connect->lookup = NULL;
  close_fd(connect);
}

/* It is decided: connect->fd is connected, or connect->error says why not. */
static void decide(struct qs_connect *connect, enum qs_status status) {
  connect->status = status;
  qs_member_leave(&connect->member);
  qs_queue_signal(connect->loop, &connect->watchers);
}

static void shut_down(struct qs_member *member) {
  struct qs_connect *connect =
      (struct qs_connect *)(void *)((char *)member -
                                    offsetof(struct qs_connect, member));
  stop(connect);
  qs_error_state(&connect->error, QS_ERROR_CUSTODIAN, "connect");
  decide(connect, QS_FAILED);
}

static const struct qs_member_kind connect_kind = {"connect", shut_down};

/* The local address to bind for a peer of `family`: the one asked for, the
 * wildcard when only a port was, none at all.  Sets *local to AF_UNSPEC when
 * nothing need be bound. */
static int choose_local(const struct qs_connect *connect, int family,
                        struct qs_address *local, struct qs_error *error) {
  memset(local, 0, sizeof *local);
  if (connect->options.local_port == 0) return 0;
  if (connect->options.local_host == NULL) {
    qs_address_set_any(local, family, connect->options.local_port);
    return 0;
  }
  for (size_t i = 0; i < connect->local.count; i++) {
    if (connect->local.items[i].any.sa_family == family) {
      *local = connect->local.items[i];
      return 0;
    }
  }
  errno = EAFNOSUPPORT;
  qs_error_posix(error, "bind", NULL);
  return -1;
}

static int bind_local(const struct qs_connect *connect, int family,
                      struct qs_error *error) {
  struct qs_address local;
  if (choose_local(connect, family, &local, error) != 0) return -1;
  if (local.any.sa_family == AF_UNSPEC) return 0;
  return qs_socket_bind(connect->fd, &local, error);
}

static void on_writable(evutil_socket_t fd, short what, void *owner);

/* QS_AGAIN: under way. */
static enum qs_status attempt(struct qs_connect *connect,
                              const struct qs_address *to,
                              struct qs_error *error) {
  connect->fd = qs_socket_open(to->any.sa_family, SOCK_STREAM, error);
  if (connect->fd < 0) return QS_FAILED;
  qs_socket_tune(connect->fd);
  qs_readiness_init(&connect->writable, connect->loop, connect->fd, EV_WRITE,
                    on_writable, connect);
  if (bind_local(connect, to->any.sa_family, error) != 0) return QS_FAILED;
  enum qs_status status = qs_socket_try_connect(connect->fd, to, error);
  if (status == QS_AGAIN && qs_readiness_arm(&connect->writable, error) != 0)
    return QS_FAILED;
  return status;
}

static const struct qs_address *current(const struct qs_connect *connect) {
  return &connect->remote.items[connect->attempt_count];
}

static void record_failure(struct qs_connect *connect,
                           const struct qs_error *error) {
  close_fd(connect);
  connect->error = *error;
  connect->attempts[connect->attempt_count].address = *current(connect);
  connect->attempts[connect->attempt_count].error = *error;
  connect->attempt_count++;
}

static void try_next(struct qs_connect *connect) {
  struct qs_error error;
  while (connect->attempt_count < connect->remote.count) {
    enum qs_status status = attempt(connect, current(connect), &error);
    if (status == QS_DONE) decide(connect, QS_DONE);
    if (status != QS_FAILED) return;
    record_failure(connect, &error);
  }
  decide(connect, QS_FAILED);
}

static void on_writable(evutil_socket_t fd, short what, void *owner) {
  struct qs_connect *connect = owner;
  struct qs_error error;
  (void)what;
  qs_readiness_disarm(&connect->writable);
  if (qs_socket_connect_result(fd, current(connect), &error) == 0) {
    decide(connect, QS_DONE);
    return;
  }
  record_failure(connect, &error);
  try_next(connect);
}

static void start_attempts(struct qs_connect *connect) {
  connect->attempts = calloc(connect->remote.count, sizeof *connect->attempts);
  if (connect->attempts == NULL) {
    qs_error_posix(&connect->error, "connect", NULL);
    decide(connect, QS_FAILED);
    return;
  }
  try_next(connect);
}

static void find_local(struct qs_connect *connect);

/* A numeric host is in the list at once; for a name, `done` is called. */
static enum qs_status find(struct qs_connect *connect, const char *host,
                           uint16_t port, struct qs_addresses *list,
                           void (*done)(void *owner)) {
  enum qs_status status =
      qs_resolve_numeric(host, port, SOCK_STREAM, list, &connect->error);
  if (status != QS_AGAIN) return status;
  connect->lookup =
      qs_resolver_start(connect->resolver, host, port, SOCK_STREAM, done,
                        connect, &connect->error);
  if (connect->lookup == NULL) return QS_FAILED;
  connect->loop->lookups++;
  return QS_AGAIN;
}

static int take_answer(struct qs_connect *connect, struct qs_addresses *list) {
  struct qs_lookup *lookup = connect->lookup;
  connect->lookup = NULL;
  connect->loop->lookups--;
  if (qs_lookup_take(lookup, list, &connect->error) == 0) return 0;
  decide(connect, QS_FAILED);
  return -1;
}

static void on_local_found(void *owner) {
  struct qs_connect *connect = owner;
  connect->is_local_failure = true;
  if (take_answer(connect, &connect->local) != 0) return;
  connect->is_local_failure = false;
  start_attempts(connect);
}

static void on_remote_found(void *owner) {
  struct qs_connect *connect = owner;
  if (take_answer(connect, &connect->remote) == 0) find_local(connect);
}

static void find_local(struct qs_connect *connect) {
  enum qs_status status = QS_DONE;
  if (connect->options.local_host != NULL)
    status = find(connect, connect->options.local_host,
                  connect->options.local_port, &connect->local, on_local_found);
  if (status == QS_DONE)
    start_attempts(connect);
  else if (status == QS_FAILED)
    decide(connect, QS_FAILED);
}

static int copy_options(struct qs_connect *connect,
                        const struct qs_connect_options *options,
                        struct qs_error *error) {
  connect->options = *options;
  connect->options.host = strdup(options->host);
  if (options->local_host != NULL)
    connect->options.local_host = strdup(options->local_host);
  if (connect->options.host != NULL &&
      (options->local_host == NULL || connect->options.local_host != NULL))
    return 0;
  qs_error_posix(error, "connect", NULL);
  return -1;
}

int qs_connect_open(struct qs_connect *connect, struct qs_loop *loop,
                    struct qs_resolver *resolver,
                    struct qs_custodian *custodian,
                    const struct qs_connect_options *options,
                    struct qs_error *error) {
  memset(connect, 0, sizeof *connect);
  connect->loop = loop;
  connect->resolver = resolver;
  connect->fd = -1;
  connect->status = QS_AGAIN;
  qs_queue_init(&connect->watchers);
  if (qs_custodian_add(custodian, &connect->member, &connect_kind, error) != 0)
    return -1;
  if (copy_options(connect, options, error) != 0) {
    qs_connect_close(connect);
    return -1;
  }
  enum qs_status status = find(connect, connect->options.host, options->port,
                               &connect->remote, on_remote_found);
  if (status == QS_DONE)
    find_local(connect);
  else if (status == QS_FAILED)
    decide(connect, QS_FAILED);
  return 0;
}

enum qs_status qs_connect_try_take(struct qs_connect *connect, int *fd,
                                   struct qs_address *peer,
                                   struct qs_error *error) {
  if (connect->status == QS_FAILED) *error = connect->error;
  if (connect->status != QS_DONE) return connect->status;
  *peer = *current(connect);
  *fd = connect->fd;
  connect->fd = -1;
  return QS_DONE;
}

void qs_connect_wait(struct qs_connect *connect, struct qs_waiter *waiter) {
  if (waiter->queue == NULL) qs_waiter_join(waiter, &connect->watchers);
}

void qs_connect_close(struct qs_connect *connect) {
  if (connect->loop == NULL) return;
  stop(connect);
  qs_member_leave(&connect->member);
  qs_queue_dissolve(connect->loop, &connect->watchers);
  qs_addresses_free(&connect->remote);
  qs_addresses_free(&connect->local);
  free(connect->attempts);
  free((char *)(uintptr_t)connect->options.host);
  free((char *)(uintptr_t)connect->options.local_host);
  memset(connect, 0, sizeof *connect);
}
