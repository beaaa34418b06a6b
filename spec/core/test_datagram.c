/* SPDX-License-Identifier: MIT */
#include "datagram.h"
#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

/* The C library's place: so many sends find no room. */
static int full;
static int sends;

ssize_t sendto(int fd, const void *buf, size_t n, int flags,
               const struct sockaddr *addr, socklen_t addr_len) {
  sends++;
  if (full > 0) {
    full--;
    errno = EAGAIN;
    return -1;
  }
  return syscall(SYS_sendto, fd, buf, n, flags, addr, addr_len);
}

static const struct qs_addresses nowhere = {NULL, 0};

static void open_on(struct fixture *f, struct qs_datagram *datagram,
                    int family) {
  struct qs_error error;
  CHECK(qs_datagram_open(datagram, f->loop, f->root, family, &error) == 0);
  CHECK(datagram->is_open && !datagram->is_bound && !datagram->is_connected);
}

static struct qs_addresses list_of(struct qs_address *one, const char *host,
                                   uint16_t port) {
  *one = address_of(host, port);
  struct qs_addresses list = {one, 1};
  return list;
}

/* Two sockets over the loopback, bound. */
struct two {
  struct fixture f;
  struct qs_datagram a;
  struct qs_datagram b;
};

static void open_two(struct two *two) {
  struct qs_error error;
  struct qs_address one;
  struct qs_addresses list = list_of(&one, "127.0.0.1", 0);
  full = 0;
  fixture_open(&two->f);
  open_on(&two->f, &two->a, AF_INET);
  open_on(&two->f, &two->b, AF_INET);
  CHECK(qs_datagram_bind(&two->a, &list, 0, false, &error) == 0);
  CHECK(qs_datagram_bind(&two->b, &list, 0, false, &error) == 0);
}

static void close_two(struct two *two) {
  qs_datagram_close(&two->a);
  qs_datagram_close(&two->b);
  fixture_close(&two->f);
}

static enum qs_status send_text(struct two *two, const char *text) {
  struct qs_error error;
  return qs_datagram_try_send(&two->a, &two->b.local, text, strlen(text),
                              &error);
}

static bool is_received(struct qs_datagram *datagram, size_t most,
                        const char *text) {
  struct qs_received received;
  struct qs_error error;
  qs_datagram_look(datagram);
  if (qs_datagram_try_receive(datagram, most, &received, &error) != QS_DONE)
    return false;
  bool is_same = received.length == strlen(text) &&
                 memcmp(received.bytes, text, received.length) == 0;
  qs_datagram_forget(datagram);
  CHECK(datagram->block == NULL);
  return is_same;
}

static void test_open(void) {
  struct fixture f;
  struct qs_datagram datagram = {0};
  struct qs_error error;
  fixture_open(&f);
  qs_datagram_close(&datagram); /* zeroed is closed */
  open_on(&f, &datagram, AF_INET);
  CHECK(f.root->members == &datagram.member);
  qs_datagram_close(&datagram);
  qs_datagram_close(&datagram);
  CHECK(qs_datagram_open(&datagram, f.loop, f.root, AF_UNIX + 1000, &error) ==
        -1);
  CHECK(!datagram.is_open);
  fixture_close(&f);
}

static void test_custodian(void) {
  struct fixture f;
  struct qs_datagram datagram;
  struct qs_waiter waiter;
  struct qs_error error;
  fixture_open(&f);
  struct qs_custodian *owner = qs_custodian_new(f.loop, f.root, &error);
  CHECK(qs_datagram_open(&datagram, f.loop, owner, AF_INET, &error) == 0);
  waiter_init(&waiter, &datagram, true);
  CHECK(qs_datagram_wait_receive(&datagram, &waiter, &error) == 0);
  qs_custodian_shut_down(owner);
  CHECK(!datagram.is_open);
  CHECK(next_ready(f.loop) == &waiter);
  CHECK(qs_datagram_open(&datagram, f.loop, owner, AF_INET, &error) == -1);
  CHECK(error.kind == QS_ERROR_CUSTODIAN && !datagram.is_open);
  qs_custodian_release(owner);
  fixture_close(&f);
}

static void test_bind(void) {
  struct fixture f;
  struct qs_datagram datagram;
  struct qs_error error;
  struct qs_address items[3] = {address_of("::1", 0),
                                address_of("192.0.2.77", 0),
                                address_of("127.0.0.1", 0)};
  struct qs_addresses list = {items, 3};
  struct qs_addresses only_v6 = {items, 1};
  fixture_open(&f);
  open_on(&f, &datagram, AF_INET);
  CHECK(qs_datagram_bind(&datagram, &only_v6, 0, false, &error) == -1);
  CHECK(error.code == EAFNOSUPPORT && !datagram.is_bound);
  CHECK(qs_datagram_bind(&datagram, &list, 0, false, &error) == 0);
  CHECK(datagram.is_bound && qs_address_port(&datagram.local) != 0);
  CHECK(datagram.local.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(qs_datagram_bind(&datagram, &nowhere, 0, false, &error) == -1);
  CHECK(error.kind == QS_ERROR_ALREADY_BOUND);
  qs_datagram_close(&datagram);
  CHECK(qs_datagram_bind(&datagram, &nowhere, 0, false, &error) == -1);
  CHECK(error.kind == QS_ERROR_CLOSED);
  fixture_close(&f);
}

static void test_transfer(void) {
  struct two two;
  struct qs_received received;
  struct qs_error error;
  open_two(&two);
  CHECK(send_text(&two, "text") == QS_DONE);
  CHECK(qs_datagram_try_receive(&two.b, 100, &received, &error) == QS_DONE);
  CHECK(received.length == 4 && memcmp(received.bytes, "text", 4) == 0);
  CHECK(qs_address_equal(&received.from, &two.a.local));
  CHECK(qs_datagram_try_receive(&two.b, 100, &received, &error) == QS_AGAIN);
  CHECK(two.b.block == NULL);
  CHECK(send_text(&two, "") == QS_DONE);
  CHECK(send_text(&two, "truncated") == QS_DONE);
  CHECK(send_text(&two, "whole") == QS_DONE);
  CHECK(is_received(&two.b, 100, ""));
  CHECK(is_received(&two.b, 5, "trunc"));
  CHECK(is_received(&two.b, SIZE_MAX, "whole"));
  CHECK(!is_received(&two.b, 100, ""));
  CHECK(send_text(&two, "kept till the close") == QS_DONE);
  qs_datagram_look(&two.b);
  CHECK(qs_datagram_try_receive(&two.b, 100, &received, &error) == QS_DONE);
  close_two(&two);
}

static void test_asks_once(void) {
  struct two two;
  struct qs_received received;
  struct qs_error error;
  struct qs_waiter waiter;
  open_two(&two);
  CHECK(qs_datagram_try_receive(&two.b, 9, &received, &error) == QS_AGAIN);
  CHECK(send_text(&two, "x") == QS_DONE);
  /* The kernel is asked again when a poll has told so, or after a look. */
  CHECK(qs_datagram_try_receive(&two.b, 9, &received, &error) == QS_AGAIN);
  waiter_init(&waiter, &two, true);
  CHECK(qs_datagram_wait_receive(&two.b, &waiter, &error) == 0);
  CHECK(next_ready(two.f.loop) == &waiter);
  CHECK(qs_datagram_try_receive(&two.b, 9, &received, &error) == QS_DONE);
  qs_waiter_leave(two.f.loop, &waiter);
  close_two(&two);
}

static void test_receivers(void) {
  struct two two;
  struct qs_error error;
  struct qs_waiter waiters[4];
  open_two(&two);
  for (int i = 0; i < 4; i++) {
    waiter_init(&waiters[i], &waiters[i], i != 1); /* 1 only looks */
    CHECK(qs_datagram_wait_receive(&two.b, &waiters[i], &error) == 0);
  }
  CHECK(two.f.loop->armed == 1);
  CHECK(is_quiet(two.f.loop));
  CHECK(send_text(&two, "x") == QS_DONE);
  CHECK(next_ready(two.f.loop) == &waiters[0]);
  CHECK(next_ready(two.f.loop) == &waiters[1]);
  CHECK(is_received(&two.b, 9, "x"));
  for (int i = 0; i < 4; i++) {
    qs_waiter_leave(two.f.loop, &waiters[i]);
    if (i == 0) /* the turn passes on */
      CHECK(next_ready(two.f.loop) != &waiters[0]);
  }
  CHECK(is_quiet(two.f.loop));
  /* Nobody wants more: the next poll that finds something disarms. */
  CHECK(send_text(&two, "y") == QS_DONE);
  CHECK(is_quiet(two.f.loop));
  CHECK(two.f.loop->armed == 0);
  close_two(&two);
}

static void test_full(void) {
  struct two two;
  struct qs_error error;
  struct qs_waiter waiters[2];
  open_two(&two);
  full = 1;
  sends = 0;
  CHECK(send_text(&two, "first") == QS_AGAIN);
  CHECK(send_text(&two, "first") == QS_AGAIN);
  CHECK(sends == 1); /* not asked before a poll finds room */
  for (int i = 0; i < 2; i++) {
    waiter_init(&waiters[i], &waiters[i], true);
    CHECK(qs_datagram_wait_send(&two.a, &waiters[i], &error) == 0);
  }
  CHECK(next_ready(two.f.loop) == &waiters[0]);
  CHECK(send_text(&two, "first") == QS_DONE);
  qs_waiter_leave(two.f.loop, &waiters[0]);
  CHECK(next_ready(two.f.loop) == &waiters[1]);
  CHECK(send_text(&two, "second") == QS_DONE);
  qs_waiter_leave(two.f.loop, &waiters[1]);
  CHECK(is_received(&two.b, 9, "first"));
  CHECK(is_received(&two.b, 9, "second"));
  CHECK(!is_received(&two.b, 9, ""));
  CHECK(is_quiet(two.f.loop));
  CHECK(two.f.loop->armed == 0);
  full = 1;
  CHECK(send_text(&two, "after a look") == QS_AGAIN);
  qs_datagram_look(&two.a);
  CHECK(send_text(&two, "after a look") == QS_DONE);
  close_two(&two);
}

static void test_close_wakes(void) {
  struct two two;
  struct qs_error error;
  struct qs_waiter waiters[2];
  open_two(&two);
  for (int i = 0; i < 2; i++)
    waiter_init(&waiters[i], &waiters[i], true);
  CHECK(qs_datagram_wait_receive(&two.b, &waiters[0], &error) == 0);
  CHECK(qs_datagram_wait_send(&two.b, &waiters[1], &error) == 0);
  qs_datagram_close(&two.b);
  CHECK(next_ready(two.f.loop) == &waiters[0]);
  CHECK(next_ready(two.f.loop) == &waiters[1]);
  CHECK(waiters[0].queue == NULL && waiters[1].queue == NULL);
  CHECK(two.f.loop->armed == 0);
  CHECK(qs_datagram_can_receive(&two.b) && qs_datagram_can_send(&two.b));
  close_two(&two);
}

static void test_states(void) {
  struct two two;
  struct qs_datagram free_one;
  struct qs_received received;
  struct qs_error error;
  struct qs_addresses to_b;
  open_two(&two);
  to_b = (struct qs_addresses){&two.b.local, 1};
  open_on(&two.f, &free_one, AF_INET);
  CHECK(qs_datagram_try_receive(&free_one, 9, &received, &error) == QS_FAILED);
  CHECK(error.kind == QS_ERROR_NOT_BOUND);
  CHECK(qs_datagram_can_receive(&free_one)); /* it fails at once */
  CHECK(qs_datagram_try_send(&free_one, NULL, "x", 1, &error) == QS_FAILED);
  CHECK(error.kind == QS_ERROR_NOT_CONNECTED && !free_one.is_bound);
  CHECK(qs_datagram_connect(&free_one, &to_b, &error) == 0);
  CHECK(free_one.is_bound && free_one.is_connected);
  CHECK(qs_datagram_try_send(&free_one, &two.a.local, "x", 1, &error) ==
        QS_FAILED);
  CHECK(error.kind == QS_ERROR_CONNECTED);
  CHECK(qs_datagram_try_send(&free_one, NULL, "x", 1, &error) == QS_DONE);
  CHECK(is_received(&two.b, 9, "x"));
  qs_datagram_close(&free_one);
  CHECK(qs_datagram_try_send(&free_one, NULL, "x", 1, &error) == QS_FAILED);
  CHECK(error.kind == QS_ERROR_CLOSED);
  CHECK(qs_datagram_try_receive(&free_one, 9, &received, &error) == QS_FAILED);
  CHECK(error.kind == QS_ERROR_CLOSED);
  CHECK(qs_datagram_disconnect(&free_one, &error) == -1);
  CHECK(error.kind == QS_ERROR_CLOSED);
  close_two(&two);
}

static void test_disconnect(void) {
  struct two two;
  struct qs_error error;
  struct qs_address before;
  open_two(&two);
  before = two.a.local;
  struct qs_addresses to_b = {&two.b.local, 1};
  CHECK(qs_datagram_disconnect(&two.a, &error) == 0);
  for (int twice = 0; twice < 2; twice++) {
    CHECK(qs_datagram_connect(&two.a, &to_b, &error) == 0);
    CHECK(qs_datagram_disconnect(&two.a, &error) == 0);
    CHECK(!two.a.is_connected && two.a.is_bound);
    CHECK(qs_address_equal(&before, &two.a.local));
  }
  close_two(&two);
}

static void test_refused(void) {
  struct two two;
  struct qs_error error;
  struct qs_received received;
  struct qs_address gone;
  open_two(&two);
  gone = two.b.local;
  qs_datagram_close(&two.b);
  struct qs_addresses to_gone = {&gone, 1};
  CHECK(qs_datagram_connect(&two.a, &to_gone, &error) == 0);
  CHECK(qs_datagram_try_send(&two.a, NULL, "x", 1, &error) == QS_DONE);
  CHECK(qs_datagram_try_receive(&two.a, 9, &received, &error) == QS_FAILED);
  CHECK(error.kind == QS_ERROR_POSIX && error.code == ECONNREFUSED);
  CHECK(qs_address_equal(&error.address, &gone));
  CHECK(two.a.block == NULL);
  CHECK(qs_datagram_try_receive(&two.a, 9, &received, &error) == QS_AGAIN);
  close_two(&two);
}

static void test_options(void) {
  struct fixture f;
  struct qs_datagram datagram;
  struct qs_error error;
  struct qs_interface interface;
  int value = 0;
  fixture_open(&f);
  open_on(&f, &datagram, AF_INET);
  CHECK(qs_datagram_set(&datagram, QS_DATAGRAM_TTL, 256, &error) == -1);
  CHECK(error.code == EINVAL && strcmp(error.step, "IP_TTL") == 0);
  CHECK(qs_datagram_set_receive_buffer(&datagram, 20000, &error) == 0);
  CHECK(qs_datagram_set_receive_buffer(&datagram, 0x7fffffff, &error) == -1);
  CHECK(error.code == ENOBUFS);
  CHECK(qs_interface_by_name(&interface, "lo", AF_INET));
  CHECK(interface.index != 0);
  CHECK(interface.address.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(!qs_interface_by_name(&interface, "no such interface", AF_INET));
  CHECK(qs_datagram_set_interface(&datagram, &interface, &error) == 0);
  qs_datagram_close(&datagram);
  CHECK(qs_datagram_get(&datagram, QS_DATAGRAM_TTL, &value, &error) == -1);
  CHECK(error.kind == QS_ERROR_CLOSED);
  fixture_close(&f);
}

/* Linux has the options of IPv4 on IPv6 sockets, too, without effect there. */
static void test_options_v6(void) {
  static const int names[] = {
      [QS_DATAGRAM_TTL] = IPV6_UNICAST_HOPS,
      [QS_DATAGRAM_MULTICAST_TTL] = IPV6_MULTICAST_HOPS,
      [QS_DATAGRAM_MULTICAST_LOOP] = IPV6_MULTICAST_LOOP,
  };
  struct fixture f;
  struct qs_datagram datagram;
  struct qs_error error;
  fixture_open(&f);
  if (qs_datagram_open(&datagram, f.loop, f.root, AF_INET6, &error) == 0) {
    for (int i = 0; i < 3; i++) {
      enum qs_datagram_option option = (enum qs_datagram_option)i;
      int value = -1;
      socklen_t size = sizeof value;
      CHECK(qs_datagram_set(&datagram, option, 0, &error) == 0);
      CHECK(getsockopt(datagram.fd, IPPROTO_IPV6, names[i], &value, &size) ==
            0);
      CHECK(value == 0);
    }
    qs_datagram_close(&datagram);
  }
  fixture_close(&f);
}

static const struct check_case cases[] = {
    {"a socket opens, closes, and closes again", test_open},
    {"a custodian closes its sockets and lets none be opened", test_custodian},
    {"bind takes the first address of the family that can be had", test_bind},
    {"datagrams come whole, or truncated, empty ones too", test_transfer},
    {"an empty socket is asked once, until a poll tells of more",
     test_asks_once},
    {"receivers take turns, lookers only look", test_receivers},
    {"a full socket is asked once, and senders take turns", test_full},
    {"closing wakes everybody", test_close_wakes},
    {"misuse is told, and changes nothing", test_states},
    {"a disconnect keeps the port that was asked for", test_disconnect},
    {"an error from the network is told once", test_refused},
    {"options are set and told", test_options},
    {"an IPv6 socket has the options of IPv6", test_options_v6},
};

int main(void) {
  return CHECK_ALL(cases);
}
