/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/un.h>

static const struct {
  const char *text;
  int family;
  bool is_any;
} numeric[] = {
    {"0.0.0.0", AF_INET, true},
    {"127.0.0.1", AF_INET, false},
    {"255.255.255.255", AF_INET, false},
    {"::", AF_INET6, true},
    {"::1", AF_INET6, false},
    {"2001:db8::7", AF_INET6, false},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AF_INET6, false},
};

enum { NUMERIC_COUNT = sizeof numeric / sizeof numeric[0] };

static struct qs_address parse(const char *text) {
  struct qs_address address;
  memset(&address, 0, sizeof address);
  if (strchr(text, ':') != NULL) {
    address.v6.sin6_family = AF_INET6;
    CHECK(inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1);
  } else {
    address.v4.sin_family = AF_INET;
    CHECK(inet_pton(AF_INET, text, &address.v4.sin_addr) == 1);
  }
  return address;
}

static void test_text(void) {
  for (size_t i = 0; i < NUMERIC_COUNT; i++) {
    struct qs_address given = parse(numeric[i].text);
    struct qs_address address;
    char text[QS_ADDRESS_TEXT];
    qs_address_set(&address, &given.any);
    CHECK_ROW(address.any.sa_family == numeric[i].family, numeric[i].text);
    CHECK_ROW(qs_address_is_any(&address) == numeric[i].is_any,
              numeric[i].text);
    CHECK_ROW(qs_address_text(&address, text) == text, numeric[i].text);
    CHECK_ROW(strcmp(text, numeric[i].text) == 0, text);
  }
}

static void test_scope(void) {
  struct qs_address address = parse("fe80::1");
  char text[QS_ADDRESS_TEXT];
  address.v6.sin6_scope_id = if_nametoindex("lo");
  CHECK(strcmp(qs_address_text(&address, text), "fe80::1%lo") == 0);
}

static void test_port(void) {
  static const uint16_t ports[] = {0, 1, 255, 256, 65535};
  struct qs_address v4 = parse("127.0.0.1");
  struct qs_address v6 = parse("::1");
  for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
    qs_address_set_port(&v4, ports[i]);
    qs_address_set_port(&v6, ports[i]);
    CHECK(qs_address_port(&v4) == ports[i]);
    CHECK(qs_address_port(&v6) == ports[i]);
    CHECK(ntohs(v4.v4.sin_port) == ports[i]);
    CHECK(ntohs(v6.v6.sin6_port) == ports[i]);
  }
}

static void test_any(void) {
  struct qs_address v4;
  struct qs_address v6;
  qs_address_set_any(&v4, AF_INET, 80);
  qs_address_set_any(&v6, AF_INET6, 81);
  CHECK(qs_address_is_any(&v4) && qs_address_port(&v4) == 80);
  CHECK(qs_address_is_any(&v6) && qs_address_port(&v6) == 81);
  CHECK(qs_address_length(&v4) == sizeof(struct sockaddr_in));
  CHECK(qs_address_length(&v6) == sizeof(struct sockaddr_in6));
}

static void test_equal(void) {
  for (size_t i = 0; i < NUMERIC_COUNT; i++) {
    for (size_t j = 0; j < NUMERIC_COUNT; j++) {
      struct qs_address a = parse(numeric[i].text);
      struct qs_address b = parse(numeric[j].text);
      CHECK_ROW(qs_address_equal(&a, &b) == (i == j), numeric[i].text);
      qs_address_set_port(&b, 1);
      CHECK_ROW(!qs_address_equal(&a, &b), numeric[i].text);
    }
  }
  struct qs_address one = parse("fe80::1");
  struct qs_address other = parse("fe80::1");
  other.v6.sin6_scope_id = 1;
  CHECK(!qs_address_equal(&one, &other));
}

static void test_other_family(void) {
  struct sockaddr_un other = {.sun_family = AF_UNIX, .sun_path = "x"};
  struct qs_address address;
  char text[QS_ADDRESS_TEXT];
  qs_address_set(&address, (struct sockaddr *)&other);
  CHECK(address.any.sa_family == AF_UNSPEC);
  CHECK(strcmp(qs_address_text(&address, text), "") == 0);
}

static void test_of_socket(void) {
  struct qs_address near_local;
  struct qs_address far_peer;
  struct qs_address nothing;
  int near;
  int far;
  dial_pair(&near, &far);
  qs_address_of_local(&near_local, near);
  qs_address_of_peer(&far_peer, far);
  CHECK(qs_address_equal(&near_local, &far_peer));
  CHECK(qs_address_port(&near_local) != 0);
  close(near);
  close(far);
  qs_address_of_local(&nothing, near);
  CHECK(nothing.any.sa_family == AF_UNSPEC);
  qs_address_of_peer(&nothing, -1);
  CHECK(nothing.any.sa_family == AF_UNSPEC);
}

static void test_list(void) {
  struct qs_addresses list = {0};
  for (int twice = 0; twice < 2; twice++) {
    for (size_t i = 0; i < NUMERIC_COUNT; i++) {
      struct qs_address one = parse(numeric[i].text);
      CHECK(qs_addresses_add(&list, &one));
    }
  }
  CHECK(list.count == NUMERIC_COUNT);
  for (size_t i = 0; i < NUMERIC_COUNT; i++) {
    struct qs_address one = parse(numeric[i].text);
    CHECK_ROW(qs_address_equal(&list.items[i], &one), numeric[i].text);
  }
  qs_addresses_free(&list);
  CHECK(list.items == NULL && list.count == 0);
  qs_addresses_free(&list);
}

static const struct check_case cases[] = {
    {"an address is written as it is read", test_text},
    {"a link-local address names its interface", test_scope},
    {"ports keep their value in both families", test_port},
    {"the wildcard of a family is known as such", test_any},
    {"addresses are equal in family, host, port and scope", test_equal},
    {"another family than IPv4 and IPv6 is no address", test_other_family},
    {"a socket tells both of its ends, a closed one none", test_of_socket},
    {"a list keeps its order and holds each address once", test_list},
};

int main(void) {
  return CHECK_ALL(cases);
}
