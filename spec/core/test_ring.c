/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "ring.h"

#include <stdio.h>
#include <string.h>

struct bead {
  char letter;
  QS_RING_ENTRY(bead) place;
};

enum { COUNT = 5 };

struct string {
  struct bead beads[COUNT];
  struct bead *first;
};

/* a to e, in this order. */
static void thread_beads(struct string *string) {
  memset(string, 0, sizeof *string);
  for (int i = 0; i < COUNT; i++) {
    string->beads[i].letter = (char)('a' + i);
    QS_RING_APPEND(string->first, &string->beads[i], place);
  }
}

static void expect(const struct string *string, const char *letters) {
  const struct bead *bead;
  size_t count = 0;
  QS_RING_FOREACH (bead, string->first, place) {
    CHECK_ROW(bead->letter == letters[count], letters);
    count++;
  }
  CHECK_ROW(count == strlen(letters), letters);
}

static void take(struct string *string, char letter) {
  QS_RING_REMOVE(string->first, &string->beads[letter - 'a'], place);
}

static void test_order(void) {
  struct string s;
  thread_beads(&s);
  expect(&s, "abcde");
  CHECK(QS_RING_NEXT(s.first, s.first, place) == &s.beads[1]);
  CHECK(QS_RING_NEXT(s.first, &s.beads[4], place) == NULL);
}

static void test_leave(void) {
  struct string s;
  thread_beads(&s);
  take(&s, 'c');
  expect(&s, "abde");
  take(&s, 'a');
  expect(&s, "bde");
  take(&s, 'e');
  expect(&s, "bd");
  QS_RING_APPEND(s.first, &s.beads[0], place);
  expect(&s, "bda");
}

static void test_empty(void) {
  struct string s;
  thread_beads(&s);
  for (const char *letter = "cabed"; *letter != '\0'; letter++)
    take(&s, *letter);
  CHECK(s.first == NULL);
  expect(&s, "");
  QS_RING_APPEND(s.first, &s.beads[3], place);
  expect(&s, "d");
  take(&s, 'd');
  CHECK(s.first == NULL);
}

static const struct check_case cases[] = {
    {"elements stand in the order in which they came", test_order},
    {"an element may leave from anywhere", test_leave},
    {"the last to leave leaves an empty list", test_empty},
};

int main(void) {
  return CHECK_ALL(cases);
}
