/* SPDX-License-Identifier: MIT */
#ifndef CHECK_H
#define CHECK_H

/*
 * The frame of the C core's tests.  A case is a sentence and a function; the
 * first CHECK that does not hold says where and ends the program.
 *
 * After every case the number of open descriptors must be what it was, and a
 * program that hangs is ended by SIGALRM.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHECK_SECONDS = 60, CHECK_DESCRIPTORS = 1024 };

struct check_case {
  const char *sentence;
  void (*run)(void);
};

/* `CHECK_ROW` names the row of a table, too. */
#define CHECK(condition) CHECK_ROW(condition, "")
#define CHECK_ROW(condition, row)                                              \
  do {                                                                         \
    if (!(condition)) check_fail(__FILE__, __LINE__, #condition, row);         \
  } while (0)

static inline _Noreturn void
check_fail(const char *file, int line, const char *condition, const char *row) {
  printf("%s:%d: not so: %s %s\n", file, line, condition, row);
  exit(EXIT_FAILURE);
}

static inline int check_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < CHECK_DESCRIPTORS; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

/* A thread that is just beginning or ending may have files of its own open. */
static inline void check_await_descriptors(int count, const char *row) {
  for (int tries = 0; tries < 1000 && check_descriptors() != count; tries++)
    usleep(1000);
  CHECK_ROW(check_descriptors() == count, row);
}

static inline int check_run(const struct check_case *cases, size_t count) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < count; i++) {
    int before = check_descriptors();
    alarm(CHECK_SECONDS);
    cases[i].run();
    check_await_descriptors(before, cases[i].sentence);
    printf("ok - %s\n", cases[i].sentence);
  }
  return EXIT_SUCCESS;
}

#define CHECK_ALL(cases) check_run(cases, sizeof(cases) / sizeof((cases)[0]))

#endif
