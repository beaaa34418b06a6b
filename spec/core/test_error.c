/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "error.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

static const struct {
  enum qs_error_kind kind;
  int code;
  const char *name;
} names[] = {
    {QS_ERROR_POSIX, EACCES, "EACCES"},
    {QS_ERROR_POSIX, EADDRINUSE, "EADDRINUSE"},
    {QS_ERROR_POSIX, EADDRNOTAVAIL, "EADDRNOTAVAIL"},
    {QS_ERROR_POSIX, EAGAIN, "EAGAIN"},
    {QS_ERROR_POSIX, ECONNREFUSED, "ECONNREFUSED"},
    {QS_ERROR_POSIX, ECONNRESET, "ECONNRESET"},
    {QS_ERROR_POSIX, EHOSTUNREACH, "EHOSTUNREACH"},
    {QS_ERROR_POSIX, EMFILE, "EMFILE"},
    {QS_ERROR_POSIX, EMSGSIZE, "EMSGSIZE"},
    {QS_ERROR_POSIX, ENOMEM, "ENOMEM"},
    {QS_ERROR_POSIX, EPIPE, "EPIPE"},
    {QS_ERROR_POSIX, ETIMEDOUT, "ETIMEDOUT"},
    {QS_ERROR_POSIX, 9999, "E9999"},
    {QS_ERROR_GAI, EAI_NONAME, "EAI_NONAME"},
    {QS_ERROR_GAI, EAI_AGAIN, "EAI_AGAIN"},
    {QS_ERROR_GAI, EAI_FAIL, "EAI_FAIL"},
    {QS_ERROR_GAI, EAI_MEMORY, "EAI_MEMORY"},
    {QS_ERROR_CLOSED, 0, "closed"},
    {QS_ERROR_LIMIT, 0, "limit"},
    {QS_ERROR_CUSTODIAN, 0, "custodian"},
    {QS_ERROR_NOT_BOUND, 0, "not_bound"},
    {QS_ERROR_ALREADY_BOUND, 0, "already_bound"},
    {QS_ERROR_NOT_CONNECTED, 0, "not_connected"},
    {QS_ERROR_CONNECTED, 0, "connected"},
};

static void test_names(void) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct qs_error error = {.kind = names[i].kind, .code = names[i].code};
    char text[16];
    char words[128];
    const char *name = qs_error_code(&error, text);
    CHECK_ROW(strcmp(name, names[i].name) == 0, names[i].name);
    CHECK_ROW(qs_error_words(&error, words, sizeof words) == words,
              names[i].name);
    CHECK_ROW(words[0] != '\0', names[i].name);
  }
}

static void test_words(void) {
  struct qs_error refused = {.kind = QS_ERROR_POSIX, .code = ECONNREFUSED};
  struct qs_error abbreviation = {.kind = QS_ERROR_POSIX, .code = EDOTDOT};
  char text[64];
  char few[5];
  qs_error_words(&refused, text, sizeof text);
  CHECK(strcmp(text, "connection refused") == 0);
  qs_error_words(&abbreviation, text, sizeof text);
  CHECK(strcmp(text, "RFS specific error") == 0);
  qs_error_words(&refused, few, sizeof few);
  CHECK(strcmp(few, "conn") == 0);
}

static void test_posix(void) {
  struct qs_address address;
  struct qs_error error;
  qs_address_set_any(&address, AF_INET, 7);
  errno = EADDRINUSE;
  qs_error_posix(&error, "bind", &address);
  CHECK(error.kind == QS_ERROR_POSIX && error.code == EADDRINUSE);
  CHECK(strcmp(error.step, "bind") == 0);
  CHECK(qs_address_equal(&error.address, &address));
  errno = ENOMEM;
  qs_error_posix(&error, "buffer", NULL);
  CHECK(error.code == ENOMEM && error.address.any.sa_family == AF_UNSPEC);
}

static void test_gai(void) {
  struct qs_error error;
  qs_error_gai(&error, EAI_NONAME);
  CHECK(error.kind == QS_ERROR_GAI && error.code == EAI_NONAME);
  CHECK(strcmp(error.step, "getaddrinfo") == 0);
  errno = EMFILE;
  qs_error_gai(&error, EAI_SYSTEM);
  CHECK(error.kind == QS_ERROR_POSIX && error.code == EMFILE);
}

static void test_state(void) {
  struct qs_error error;
  memset(&error, 0x55, sizeof error);
  qs_error_state(&error, QS_ERROR_CLOSED, "read");
  CHECK(error.kind == QS_ERROR_CLOSED && error.code == 0);
  CHECK(strcmp(error.step, "read") == 0);
  CHECK(error.address.any.sa_family == AF_UNSPEC);
}

static const struct check_case cases[] = {
    {"every failure has a name to compare and words to read", test_names},
    {"words start small and fit where they are put", test_words},
    {"a system error is taken from errno, with its address", test_posix},
    {"a resolver's error is its own, or the system's below it", test_gai},
    {"a state has a step and no code", test_state},
};

int main(void) {
  return CHECK_ALL(cases);
}
