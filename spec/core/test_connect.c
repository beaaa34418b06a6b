/* SPDX-License-Identifier: MIT */
#include "connect.h"
#include "fixture.h"
#include "names.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

/* A loop with a resolver, a listening socket, and one attempt to connect. */
struct harbour {
  struct fixture f;
  struct qs_resolver *resolver;
  struct qs_connect connect;
  struct qs_error error;
  int listening; /* on 127.0.0.1 */
  uint16_t port;
  int taken; /* the connection */
  struct qs_address peer;
};

static void open_harbour(struct harbour *h) {
  memset(h, 0, sizeof *h);
  names_reset();
  fixture_open(&h->f);
  h->resolver = qs_resolver_new(h->f.loop, &h->error);
  CHECK(h->resolver != NULL);
  h->listening = listen_on("127.0.0.1", 0, 5);
  h->port = port_of(h->listening);
}

static void close_harbour(struct harbour *h) {
  for (int twice = 0; twice < 2; twice++)
    qs_connect_close(&h->connect);
  qs_resolver_free(h->resolver);
  close(h->listening);
  fixture_close(&h->f);
}

static void start_with(struct harbour *h, struct qs_connect_options options) {
  CHECK(qs_connect_open(&h->connect, h->f.loop, h->resolver, h->f.root,
                        &options, &h->error) == 0);
}

static void start(struct harbour *h, const char *host) {
  start_with(h, (struct qs_connect_options){.host = host, .port = h->port});
}

static enum qs_status take(struct harbour *h) {
  return qs_connect_try_take(&h->connect, &h->taken, &h->peer, &h->error);
}

/* Waits the way a thread does, and takes what there is. */
static enum qs_status finish(struct harbour *h) {
  struct qs_waiter waiter;
  enum qs_status status = take(h);
  if (status != QS_AGAIN) return status;
  waiter_init(&waiter, NULL, true);
  qs_connect_wait(&h->connect, &waiter);
  CHECK(next_ready(h->f.loop) == &waiter);
  qs_waiter_leave(h->f.loop, &waiter);
  status = take(h);
  CHECK(status != QS_AGAIN); /* woken only when it is decided */
  return status;
}

static void expect_connected(struct harbour *h) {
  int client = accept(h->listening, NULL, NULL);
  CHECK(client >= 0);
  CHECK(send(h->taken, "hi", 2, MSG_NOSIGNAL) == 2);
  peer_expect(client, "hi");
  CHECK(qs_address_port(&h->peer) == h->port);
  close(client);
  close(h->taken);
}

static void expect_failed(struct harbour *h, int code) {
  CHECK(finish(h) == QS_FAILED);
  CHECK(h->error.kind == QS_ERROR_POSIX && h->error.code == code);
}

/* A socket whose queue is full: further clients hear nothing at all. */
struct silent {
  int listening;
  int filler;
};

static void open_silent(struct silent *silent, const char *host,
                        uint16_t port) {
  silent->listening = listen_on(host, port, 0);
  silent->filler = dial(host, port_of(silent->listening));
}

static void close_silent(struct silent *silent) {
  close(silent->filler);
  close(silent->listening);
}

static void test_numeric(void) {
  struct harbour h;
  open_harbour(&h);
  start(&h, "127.0.0.1");
  CHECK(finish(&h) == QS_DONE);
  CHECK(h.connect.attempt_count == 0 && names_begun() == 0);
  CHECK((fcntl(h.taken, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(h.taken, F_GETFD) & FD_CLOEXEC) != 0);
  expect_connected(&h);
  close_harbour(&h);
}

static void test_name(void) {
  struct harbour h;
  open_harbour(&h);
  names_set("slow", "127.0.0.1", 0, 0);
  start(&h, "slow");
  CHECK(take(&h) == QS_AGAIN && h.f.loop->lookups == 1);
  names_release(1);
  CHECK(finish(&h) == QS_DONE);
  expect_connected(&h);
  close_harbour(&h);
}

static void test_refused(void) {
  struct harbour h;
  open_harbour(&h);
  start(&h, "127.0.0.2");
  expect_failed(&h, ECONNREFUSED);
  CHECK(h.connect.attempt_count == 1);
  CHECK(strcmp(h.error.step, "connect") == 0);
  CHECK(qs_address_port(&h.error.address) == h.port);
  expect_failed(&h, ECONNREFUSED); /* as often as it is asked */
  close_harbour(&h);
}

static void test_in_order(void) {
  static const char *const refused[] = {"127.0.0.3", "::1", "127.0.0.2"};
  struct harbour h;
  open_harbour(&h);
  names_set("host", "127.0.0.3 ::1 127.0.0.2 127.0.0.1", 0, 0);
  start(&h, "host");
  CHECK(finish(&h) == QS_DONE);
  CHECK(h.connect.attempt_count == 3);
  for (size_t i = 0; i < 3; i++) {
    struct qs_address expected = address_of(refused[i], h.port);
    const struct qs_attempt *attempt = &h.connect.attempts[i];
    CHECK_ROW(qs_address_equal(&attempt->address, &expected), refused[i]);
    CHECK_ROW(attempt->error.code != 0, refused[i]);
  }
  expect_connected(&h);
  close_harbour(&h);
}

static void test_all_refused(void) {
  struct harbour h;
  open_harbour(&h);
  names_set("host", "127.0.0.3 127.0.0.2", 0, 0);
  start(&h, "host");
  expect_failed(&h, ECONNREFUSED);
  struct qs_address last = address_of("127.0.0.2", h.port);
  CHECK(qs_address_equal(&h.error.address, &last));
  CHECK(h.connect.attempt_count == 2);
  close_harbour(&h);
}

static void test_one_at_a_time(void) {
  struct harbour h;
  struct silent silent;
  open_harbour(&h);
  open_silent(&silent, "127.0.0.2", h.port);
  names_set("host", "127.0.0.2 127.0.0.1", 0, 0);
  start(&h, "host");
  int before = check_descriptors(); /* the resolver has its own by now */
  while (h.connect.lookup != NULL)
    qs_loop_poll(h.f.loop, true);
  CHECK(is_quiet(h.f.loop));
  CHECK(take(&h) == QS_AGAIN);
  check_await_descriptors(before + 1, "one attempt");
  fcntl(h.listening, F_SETFL, O_NONBLOCK);
  CHECK(accept(h.listening, NULL, NULL) == -1 && errno == EAGAIN);
  qs_connect_close(&h.connect);
  CHECK(h.f.loop->armed == 0);
  check_await_descriptors(before, "cancelled");
  close_silent(&silent);
  close_harbour(&h);
}

static void test_unknown_host(void) {
  struct harbour h;
  open_harbour(&h);
  start(&h, "unknown");
  CHECK(finish(&h) == QS_FAILED);
  CHECK(h.error.kind == QS_ERROR_GAI && h.error.code == EAI_NONAME);
  CHECK(!h.connect.is_local_failure && h.connect.attempt_count == 0);
  close_harbour(&h);
}

static void test_cancelled_look_up(void) {
  struct harbour h;
  open_harbour(&h);
  start(&h, "slow");
  names_await_begun(1);
  qs_connect_close(&h.connect);
  CHECK(h.f.loop->lookups == 0);
  names_release(1);
  names_await_ended(1);
  CHECK(is_quiet(h.f.loop));
  close_harbour(&h);
  threads_await(1);
}

static void test_cancelled_when_decided(void) {
  struct harbour h;
  struct qs_waiter waiter;
  open_harbour(&h);
  waiter_init(&waiter, NULL, true);
  start(&h, "127.0.0.1");
  qs_connect_wait(&h.connect, &waiter);
  CHECK(next_ready(h.f.loop) == &waiter);
  CHECK(h.connect.status == QS_DONE);
  qs_connect_close(&h.connect); /* nobody took it */
  CHECK(next_ready(h.f.loop) == &waiter);
  int client = accept(h.listening, NULL, NULL);
  peer_expect_end(client);
  close(client);
  close_harbour(&h);
}

static void test_cancelled_with_waiter(void) {
  struct harbour h;
  struct silent silent;
  struct qs_waiter waiter;
  open_harbour(&h);
  open_silent(&silent, "127.0.0.2", h.port);
  waiter_init(&waiter, NULL, true);
  start(&h, "127.0.0.2");
  qs_connect_wait(&h.connect, &waiter);
  qs_connect_wait(&h.connect, &waiter); /* in the queue already */
  qs_connect_close(&h.connect);
  CHECK(next_ready(h.f.loop) == &waiter && waiter.queue == NULL);
  close_silent(&silent);
  close_harbour(&h);
}

/* The custodian ends the attempt, wherever it is. */
static void shut_down_during(struct harbour *h, const char *host) {
  struct qs_error error;
  struct qs_custodian *custodian =
      qs_custodian_new(h->f.loop, h->f.root, &error);
  struct qs_connect_options options = {.host = host, .port = h->port};
  CHECK(qs_connect_open(&h->connect, h->f.loop, h->resolver, custodian,
                        &options, &error) == 0);
  CHECK(take(h) == QS_AGAIN);
  qs_custodian_shut_down(custodian);
  CHECK(take(h) == QS_FAILED && h->error.kind == QS_ERROR_CUSTODIAN);
  CHECK(h->f.loop->armed == 0 && h->f.loop->lookups == 0);
  qs_connect_close(&h->connect);
  CHECK(qs_connect_open(&h->connect, h->f.loop, h->resolver, custodian,
                        &options, &error) == -1);
  CHECK(error.kind == QS_ERROR_CUSTODIAN);
  qs_custodian_release(custodian);
}

static void test_custodian(void) {
  struct harbour h;
  struct silent silent;
  open_harbour(&h);
  open_silent(&silent, "127.0.0.2", h.port);
  shut_down_during(&h, "127.0.0.2");
  shut_down_during(&h, "slow");
  names_release(1);
  close_silent(&silent);
  close_harbour(&h);
  threads_await(1);
}

static uint16_t free_port(void) {
  int listening = listen_on("127.0.0.1", 0, 1);
  uint16_t port = port_of(listening);
  close(listening);
  return port;
}

static void test_local_port(void) {
  struct harbour h;
  struct qs_address local;
  open_harbour(&h);
  uint16_t port = free_port();
  start_with(&h, (struct qs_connect_options){
                     .host = "127.0.0.1", .port = h.port, .local_port = port});
  CHECK(finish(&h) == QS_DONE);
  qs_address_of_local(&local, h.taken);
  CHECK(qs_address_port(&local) == port);
  /* The client must not keep the port when it closes first. */
  int client = accept(h.listening, NULL, NULL);
  peer_reset(client);
  close(h.taken);
  close_harbour(&h);
}

static void test_local_host(void) {
  struct harbour h;
  struct qs_address local;
  open_harbour(&h);
  names_set("here", "::1 127.0.0.7", 0, 0);
  start_with(&h, (struct qs_connect_options){.host = "127.0.0.1",
                                             .port = h.port,
                                             .local_host = "here",
                                             .local_port = free_port()});
  CHECK(finish(&h) == QS_DONE);
  qs_address_of_local(&local, h.taken);
  struct qs_address expected = address_of("127.0.0.7", qs_address_port(&local));
  CHECK(qs_address_equal(&local, &expected)); /* of the peer's family */
  int client = accept(h.listening, NULL, NULL);
  peer_reset(client);
  close(h.taken);
  close_harbour(&h);
}

static void test_local_failures(void) {
  static const struct {
    const char *host;
    int code;
  } rows[] = {
      {"::1", EAFNOSUPPORT},        /* not of the peer's family */
      {"192.0.2.1", EADDRNOTAVAIL}, /* not this machine's (RFC 5737) */
      {"127.0.0.1", EADDRINUSE},    /* the listener sits there */
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct harbour h;
    open_harbour(&h);
    start_with(&h, (struct qs_connect_options){.host = "127.0.0.1",
                                               .port = h.port,
                                               .local_host = rows[i].host,
                                               .local_port = h.port});
    CHECK_ROW(finish(&h) == QS_FAILED, rows[i].host);
    CHECK_ROW(h.error.code == rows[i].code, rows[i].host);
    CHECK_ROW(strcmp(h.error.step, "bind") == 0, rows[i].host);
    CHECK_ROW(h.connect.attempt_count == 1, rows[i].host);
    close_harbour(&h);
  }
}

static void test_local_unknown(void) {
  struct harbour h;
  open_harbour(&h);
  start_with(&h, (struct qs_connect_options){.host = "127.0.0.1",
                                             .port = h.port,
                                             .local_host = "unknown",
                                             .local_port = 1});
  CHECK(finish(&h) == QS_FAILED && h.error.kind == QS_ERROR_GAI);
  CHECK(h.connect.is_local_failure);
  close_harbour(&h);
}

static const struct check_case cases[] = {
    {"a numeric host is connected to without a look-up", test_numeric},
    {"a name is looked up first", test_name},
    {"a refusal is an error with the address in it", test_refused},
    {"addresses are tried in order until one answers", test_in_order},
    {"when all fail the error is the last one's", test_all_refused},
    {"the next address waits until the one before has failed",
     test_one_at_a_time},
    {"an unknown host is the resolver's error", test_unknown_host},
    {"an attempt can be cancelled during its look-up", test_cancelled_look_up},
    {"a connection nobody took is closed", test_cancelled_when_decided},
    {"cancelling wakes who waits", test_cancelled_with_waiter},
    {"a custodian ends an attempt and refuses another", test_custodian},
    {"a local port alone is bound on any address", test_local_port},
    {"a local host is bound in the peer's family", test_local_host},
    {"an unusable local address is an error", test_local_failures},
    {"an unknown local host is told apart", test_local_unknown},
};

int main(void) {
  return CHECK_ALL(cases);
}
