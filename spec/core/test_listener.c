/* SPDX-License-Identifier: MIT */
#include "fixture.h"
#include "listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* The system's calls as the listener meets them here: this program's own take
 * the C library's place. */
static struct {
  const char *host; /* binding to it fails … */
  int left;         /* … so many times more */
} refusal;

static bool is_ipv6_missing;
static int accept_failure; /* errno of the next accept4 */

int bind(int fd, const struct sockaddr *addr, socklen_t len) {
  struct qs_address address;
  char text[QS_ADDRESS_TEXT];
  qs_address_set(&address, addr);
  qs_address_text(&address, text);
  if (refusal.left > 0 && strcmp(text, refusal.host) == 0) {
    refusal.left--;
    errno = EADDRINUSE;
    return -1;
  }
  return (int)syscall(SYS_bind, fd, addr, len);
}

int socket(int domain, int type, int protocol) {
  if (is_ipv6_missing && domain == AF_INET6) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  return (int)syscall(SYS_socket, domain, type, protocol);
}

int accept4(int fd, struct sockaddr *addr, socklen_t *addr_len, int flags) {
  if (accept_failure != 0) {
    errno = accept_failure;
    accept_failure = 0;
    return -1;
  }
  return (int)syscall(SYS_accept4, fd, addr, addr_len, flags);
}

struct quay {
  struct fixture f;
  struct qs_listener listener;
  struct qs_error error;
  uint16_t port;
};

static const struct qs_listener_options plain = {.backlog = 5};

/* `hosts` ends with NULL; none at all means everywhere. */
static int try_listen(struct quay *q, struct qs_listener *listener,
                      const char *const *hosts, uint16_t port,
                      const struct qs_listener_options *options) {
  struct qs_addresses list = {0};
  for (; *hosts != NULL; hosts++) {
    struct qs_address address = address_of(*hosts, 0);
    list.items = realloc(list.items, (list.count + 1) * sizeof *list.items);
    CHECK(list.items != NULL);
    list.items[list.count++] = address;
  }
  int result = qs_listener_open(listener, q->f.loop, q->f.root, &list, port,
                                options, &q->error);
  qs_addresses_free(&list);
  return result;
}

static void open_quay(struct quay *q, const char *const *hosts) {
  fixture_open(&q->f);
  CHECK(try_listen(q, &q->listener, hosts, 0, &plain) == 0);
  q->port = qs_address_port(&q->listener.local);
  CHECK(q->port != 0);
}

static void close_quay(struct quay *q) {
  for (int twice = 0; twice < 2; twice++)
    qs_listener_close(&q->listener);
  fixture_close(&q->f);
}

static const char *const everywhere[] = {NULL};
static const char *const loopback[] = {"127.0.0.1", NULL};
static const char *const both[] = {"127.0.0.1", "127.0.0.2", NULL};

static enum qs_status try_accept(struct quay *q, struct qs_accepted *accepted) {
  return qs_listener_try_accept(&q->listener, accepted, &q->error);
}

/* Waits the way a thread does. */
static void accept_one(struct quay *q, struct qs_accepted *accepted) {
  struct qs_waiter waiter;
  enum qs_status status = try_accept(q, accepted);
  waiter_init(&waiter, NULL, true);
  while (status == QS_AGAIN) {
    CHECK(qs_listener_wait(&q->listener, &waiter, &q->error) == 0);
    CHECK(next_ready(q->f.loop) == &waiter);
    status = try_accept(q, accepted);
  }
  qs_waiter_leave(q->f.loop, &waiter);
  CHECK(status == QS_DONE);
}

static int option_of(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  CHECK(getsockopt(fd, level, option, &value, &length) == 0);
  return value;
}

static void test_dual_stack(void) {
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  struct quay q;
  open_quay(&q, everywhere);
  CHECK(q.listener.count == 2 && q.listener.is_any);
  for (size_t i = 0; i < 2; i++) {
    struct qs_accepted accepted;
    struct qs_address far;
    int client = dial(hosts[i], q.port);
    accept_one(&q, &accepted);
    qs_address_of_local(&far, client);
    CHECK_ROW(qs_address_equal(&accepted.peer, &far), hosts[i]);
    CHECK((fcntl(accepted.fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(accepted.fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(option_of(accepted.fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option_of(accepted.fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
    close(accepted.fd);
    close(client);
  }
  close_quay(&q);
}

/* Another's IPv4 port is taken: IPv6 alone will not do. */
static void test_all_or_nothing(void) {
  struct quay q;
  struct qs_listener other;
  fixture_open(&q.f);
  int taken = listen_on("127.0.0.2", 0, 1);
  int before = check_descriptors();
  CHECK(try_listen(&q, &other, both, port_of(taken), &plain) == -1);
  CHECK(q.error.code == EADDRINUSE && strcmp(q.error.step, "bind") == 0);
  struct qs_address address = address_of("127.0.0.2", port_of(taken));
  CHECK(qs_address_equal(&q.error.address, &address));
  CHECK(try_listen(&q, &other, everywhere, port_of(taken), &plain) == -1);
  CHECK(check_descriptors() == before);
  qs_listener_close(&other);
  close(taken);
  fixture_close(&q.f);
}

/* A first choice that is taken on the second address leads to another one; a
 * port that was asked for does not. */
static void test_port_retried(void) {
  struct quay q;
  struct qs_listener other;
  refusal.host = "127.0.0.2";
  refusal.left = 3;
  open_quay(&q, both);
  CHECK(refusal.left == 0 && q.listener.count == 2);
  CHECK(port_of(q.listener.sockets[1].fd) == q.port);
  uint16_t port = q.port;
  qs_listener_close(&q.listener);
  refusal.left = 2;
  CHECK(try_listen(&q, &other, both, port, &plain) == -1);
  CHECK(refusal.left == 1 && q.error.code == EADDRINUSE);
  refusal.left = 1000;
  CHECK(try_listen(&q, &other, both, 0, &plain) == -1);
  CHECK(refusal.left > 900 && q.error.code == EADDRINUSE); /* bounded */
  refusal.left = 0;
  close_quay(&q);
}

static void test_without_ipv6(void) {
  static const char *const v6_only[] = {"::1", NULL};
  struct quay q;
  struct qs_listener other;
  is_ipv6_missing = true;
  open_quay(&q, everywhere);
  CHECK(q.listener.count == 1 && q.listener.is_any);
  CHECK(q.listener.local.any.sa_family == AF_INET);
  CHECK(try_listen(&q, &other, v6_only, 0, &plain) == -1);
  CHECK(q.error.code == EAFNOSUPPORT);
  is_ipv6_missing = false;
  close_quay(&q);
}

static int allow(rlim_t count) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  int before = (int)limit.rlim_cur;
  limit.rlim_cur = count;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  return before;
}

static void test_reuse(void) {
  struct qs_listener_options shared = {.backlog = 5, .reuse_port = true};
  struct qs_listener_options reusing = {.backlog = 5, .reuse_addr = true};
  struct qs_listener one;
  struct qs_listener other;
  struct quay q;
  fixture_open(&q.f);
  CHECK(try_listen(&q, &one, loopback, 0, &shared) == 0);
  uint16_t port = qs_address_port(&one.local);
  CHECK(try_listen(&q, &other, loopback, port, &shared) == 0);
  qs_listener_close(&other);
  CHECK(try_listen(&q, &other, loopback, port, &plain) == -1);
  qs_listener_close(&one);
  for (int i = 0; i < 2; i++) { /* a closed connection keeps the port busy */
    CHECK(try_listen(&q, &one, loopback, port, &reusing) == 0);
    int client_end = dial("127.0.0.1", port);
    struct qs_accepted accepted;
    CHECK(qs_listener_try_accept(&one, &accepted, &q.error) == QS_DONE);
    close(accepted.fd);
    peer_expect_end(client_end);
    close(client_end);
    qs_listener_close(&one);
  }
  CHECK(try_listen(&q, &one, loopback, port, &plain) == -1);
  CHECK(q.error.code == EADDRINUSE);
  fixture_close(&q.f);
}

static void test_round_robin(void) {
  struct quay q;
  int clients[4];
  struct qs_accepted accepted;
  open_quay(&q, both);
  for (int i = 0; i < 4; i++) /* two for each */
    clients[i] = dial(both[i / 2], q.port);
  for (int i = 0; i < 4; i++) {
    struct qs_address local;
    accept_one(&q, &accepted);
    qs_address_of_local(&local, accepted.fd);
    struct qs_address expected = address_of(both[i % 2], q.port);
    CHECK(qs_address_equal(&local, &expected));
    close(accepted.fd);
    close(clients[i]);
  }
  close_quay(&q);
}

/* What the kernel holds: TCP_INFO of a listening socket says how many wait. */
static int queued(const struct quay *q) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  CHECK(getsockopt(q->listener.sockets[0].fd, IPPROTO_TCP, TCP_INFO, &info,
                   &length) == 0);
  return (int)info.tcpi_unacked;
}

static void test_not_ahead(void) {
  struct quay q;
  int clients[3];
  struct qs_waiter waiter;
  struct qs_accepted accepted;
  open_quay(&q, loopback);
  CHECK(!qs_listener_is_ready(&q.listener));
  waiter_init(&waiter, NULL, true);
  CHECK(qs_listener_wait(&q.listener, &waiter, &q.error) == 0);
  for (int i = 0; i < 3; i++)
    clients[i] = dial("127.0.0.1", q.port);
  CHECK(next_ready(q.f.loop) == &waiter);
  CHECK(qs_listener_is_ready(&q.listener));
  CHECK(queued(&q) == 3); /* woken, nothing taken */
  CHECK(try_accept(&q, &accepted) == QS_DONE);
  CHECK(queued(&q) == 2);
  close(accepted.fd);
  qs_waiter_leave(q.f.loop, &waiter);
  for (int i = 0; i < 3; i++)
    close(clients[i]);
  close_quay(&q);
}

static void test_fair(void) {
  struct quay q;
  struct qs_waiter waiters[3];
  struct qs_accepted accepted;
  open_quay(&q, loopback);
  CHECK(try_accept(&q, &accepted) == QS_AGAIN);
  for (int i = 0; i < 3; i++) {
    waiter_init(&waiters[i], NULL, true);
    CHECK(qs_listener_wait(&q.listener, &waiters[i], &q.error) == 0);
  }
  for (int i = 0; i < 3; i++) {
    int client = dial("127.0.0.1", q.port);
    struct qs_waiter *woken;
    do /* the next may be called in vain when one leaves */
      woken = next_ready(q.f.loop);
    while (try_accept(&q, &accepted) == QS_AGAIN);
    CHECK(woken == &waiters[i]);
    qs_waiter_leave(q.f.loop, woken);
    close(accepted.fd);
    close(client);
  }
  is_quiet(q.f.loop);
  close_quay(&q);
}

static void test_close(void) {
  struct quay q;
  int clients[6];
  struct qs_waiter waiter;
  struct qs_accepted accepted;
  open_quay(&q, both);
  CHECK(try_accept(&q, &accepted) == QS_AGAIN);
  waiter_init(&waiter, NULL, true);
  CHECK(qs_listener_wait(&q.listener, &waiter, &q.error) == 0);
  for (int i = 0; i < 6; i++) {
    clients[i] = dial(both[i % 2], q.port);
    if (i >= 2) peer_send(clients[i], "impatient");
  }
  qs_listener_close(&q.listener);
  for (int i = 0; i < 6; i++) {
    peer_expect_end(clients[i]);
    close(clients[i]);
  }
  CHECK(next_ready(q.f.loop) == &waiter && waiter.queue == NULL);
  CHECK(try_accept(&q, &accepted) == QS_FAILED);
  CHECK(q.error.kind == QS_ERROR_CLOSED);
  CHECK(qs_listener_is_ready(&q.listener));
  close_quay(&q);
}

static void test_custodian(void) {
  struct quay q;
  struct qs_listener late;
  open_quay(&q, loopback);
  struct qs_custodian *custodian =
      qs_custodian_new(q.f.loop, q.f.root, &q.error);
  struct qs_addresses none = {0};
  CHECK(qs_listener_open(&late, q.f.loop, custodian, &none, 0, &plain,
                         &q.error) == 0);
  int client = dial("127.0.0.1", qs_address_port(&late.local));
  qs_custodian_shut_down(custodian);
  peer_expect_end(client);
  close(client);
  CHECK(late.sockets == NULL);
  CHECK(qs_listener_open(&late, q.f.loop, custodian, &none, 0, &plain,
                         &q.error) == -1);
  CHECK(q.error.kind == QS_ERROR_CUSTODIAN);
  qs_custodian_release(custodian);
  close_quay(&q);
}

static void test_out_of_descriptors(void) {
  struct quay q;
  struct qs_accepted accepted;
  if (is_under_valgrind()) return;
  open_quay(&q, loopback);
  int client = dial("127.0.0.1", q.port);
  int spare = dup(client); /* the highest there will be */
  int before = allow((rlim_t)spare + 1);
  for (int i = 0; i < 3; i++) {
    CHECK(try_accept(&q, &accepted) == QS_FAILED);
    CHECK(q.error.code == EMFILE && queued(&q) == 1);
  }
  close(spare);
  CHECK(try_accept(&q, &accepted) == QS_DONE); /* it had kept its place */
  allow((rlim_t)before);
  peer_send(client, "x");
  await_readable(accepted.fd);
  close(accepted.fd);
  close(client);
  close_quay(&q);
}

/* A client that has gone again is no error of the listener's. */
static void test_client_gave_up(void) {
  static const int failures[] = {EINTR, ECONNABORTED, EPROTO, EHOSTUNREACH};
  struct quay q;
  struct qs_accepted accepted;
  open_quay(&q, loopback);
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
    int client = dial("127.0.0.1", q.port);
    accept_failure = failures[i];
    CHECK(try_accept(&q, &accepted) == QS_DONE);
    close(accepted.fd);
    peer_expect_end(client);
    close(client);
  }
  close_quay(&q);
}

static const struct check_case cases[] = {
    {"without a host it listens on IPv6 and IPv4", test_dual_stack},
    {"it listens on all addresses or on none", test_all_or_nothing},
    {"a port that is taken elsewhere is not the end", test_port_retried},
    {"a system without IPv6 listens on IPv4", test_without_ipv6},
    {"addresses are reused only if that was asked for", test_reuse},
    {"its sockets take turns", test_round_robin},
    {"nothing is accepted ahead of need", test_not_ahead},
    {"those who wait are served in order", test_fair},
    {"closing sends an end of file to those not accepted", test_close},
    {"a custodian closes it and refuses another", test_custodian},
    {"without descriptors a client stays queued", test_out_of_descriptors},
    {"a client that gave up hurts nobody", test_client_gave_up},
};

int main(void) {
  return CHECK_ALL(cases);
}
