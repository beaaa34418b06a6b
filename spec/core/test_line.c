/* SPDX-License-Identifier: MIT */
#include "fixture.h"
#include "input.h"

#include <string.h>
#include <time.h>

/*
 * Lines must not depend on how their bytes were cut up on the way.  An oracle
 * that reads byte by byte says where lines end; every text over a small
 * alphabet is tried in every cut, and long ones at random.
 *
 * The bytes are put into the port's buffer directly: the port has been told
 * that the kernel has nothing more.
 */

enum { LONGEST = 6, LONG = 80, MODES = QS_LINE_ANY_ONE + 1 };

struct line {
  size_t length;
  size_t taken;
};

/* Is a line known in `text`?  `has_ended`: nothing comes behind it. */
static bool oracle(const char *text, size_t size, bool has_ended,
                   enum qs_line_end end, struct line *line) {
  for (size_t i = 0; i < size; i++) {
    bool is_last = i + 1 == size;
    bool is_return = text[i] == '\r';
    bool is_pair = is_return && !is_last && text[i + 1] == '\n';
    bool is_linefeed = text[i] == '\n';
    line->length = i;
    line->taken = i + 1;
    if (end == QS_LINE_LINEFEED && is_linefeed) return true;
    if (end == QS_LINE_RETURN && is_return) return true;
    if (end == QS_LINE_ANY_ONE && (is_linefeed || is_return)) return true;
    if (end == QS_LINE_ANY && is_linefeed) return true;
    if (end == QS_LINE_ANY && is_return && is_last) return has_ended;
    if (end == QS_LINE_ANY && is_return && !is_pair) return true;
    line->taken = i + 2;
    if (end == QS_LINE_ANY && is_pair) return true;
    if (end == QS_LINE_RETURN_LINEFEED && is_pair) return true;
  }
  line->length = line->taken = size;
  return has_ended && size > 0;
}

struct reader {
  struct fixture f;
  struct qs_input input;
  int peer;
};

static void open_reader(struct reader *r) {
  fixture_open(&r->f);
  struct qs_stream *stream = stream_open(&r->f, &r->peer);
  qs_input_open(&r->input, stream, r->f.root);
  stream->readable.is_hopeful = false;
}

static void close_reader(struct reader *r) {
  struct qs_stream *stream = r->input.stream;
  qs_input_close(&r->input);
  qs_stream_close_output(stream, true);
  close(r->peer);
  fixture_close(&r->f);
}

static void feed(struct reader *r, const char *bytes, size_t size) {
  struct qs_buffer *buffer = &r->input.buffer;
  struct qs_error error;
  CHECK(qs_buffer_reserve(buffer, r->f.loop, size, &error) == 0);
  memcpy(qs_buffer_space(buffer), bytes, size);
  qs_buffer_extend(buffer, size);
}

static void rewind_reader(struct reader *r) {
  qs_buffer_clear(&r->input.buffer, r->f.loop);
  r->input.has_ended = false;
  r->input.scanned = 0;
}

/* One text in one cut: bit i of `cut` set means a cut behind byte i. */
struct trial {
  const char *text;
  size_t size;
  unsigned cut;
  enum qs_line_end end;
  bool peeks; /* nothing is consumed; what was found is skipped */
};

/* Takes all lines that can be told from the first `there` bytes. */
static size_t drain(struct reader *r, const struct trial *t, size_t there,
                    size_t at) {
  bool has_ended = r->input.has_ended;
  for (;;) {
    struct qs_found found;
    struct qs_error error;
    struct line expected;
    struct line in_the_end;
    enum qs_status status =
        qs_input_try_line(&r->input, t->peeks ? at : 0, t->end, &found, &error);
    if (!oracle(t->text + at, there - at, has_ended, t->end, &expected)) {
      CHECK_ROW(status == (has_ended ? QS_EOF : QS_AGAIN), t->text);
      return at;
    }
    CHECK_ROW(status == QS_DONE, t->text);
    oracle(t->text + at, t->size - at, true, t->end, &in_the_end);
    CHECK_ROW(found.length == expected.length, t->text);
    CHECK_ROW(found.taken == expected.taken, t->text);
    CHECK_ROW(found.taken == in_the_end.taken, t->text);
    CHECK_ROW(memcmp(found.bytes, t->text + at, found.length) == 0, t->text);
    if (!t->peeks) qs_input_consume(&r->input, found.taken);
    at += found.taken;
  }
}

static void try_cut(struct reader *r, const struct trial *t) {
  size_t fed = 0;
  size_t at = 0;
  rewind_reader(r);
  for (size_t i = 0; i < t->size; i++) {
    if ((t->cut >> i & 1) == 0 && i + 1 < t->size) continue;
    feed(r, t->text + fed, i + 1 - fed);
    fed = i + 1;
    at = drain(r, t, fed, at);
  }
  r->input.has_ended = true;
  CHECK_ROW(drain(r, t, fed, at) == t->size, t->text);
}

static void try_text(struct reader *r, const char *text, size_t size) {
  struct trial t = {.text = text, .size = size};
  unsigned cuts = size > 1 ? 1u << (size - 1) : 1;
  for (int end = 0; end < MODES; end++)
    for (unsigned cut = 0; cut < cuts; cut++)
      for (int peeks = 0; peeks < 2; peeks++) {
        t.end = (enum qs_line_end)end;
        t.cut = cut;
        t.peeks = peeks != 0;
        try_cut(r, &t);
      }
}

static void test_every_cut(void) {
  static const char alphabet[] = {'a', '\r', '\n'};
  struct reader r;
  char text[LONGEST + 2];
  open_reader(&r);
  size_t longest = is_under_valgrind() ? LONGEST - 2 : LONGEST;
  for (size_t size = 0; size <= longest; size++) {
    int texts = 1;
    for (size_t i = 0; i < size; i++)
      texts *= 3;
    for (int number = 0; number < texts; number++) {
      int rest = number;
      for (size_t i = 0; i < size; i++, rest /= 3)
        text[i] = alphabet[rest % 3];
      text[size] = '\0';
      try_text(&r, text, size);
    }
  }
  close_reader(&r);
}

static unsigned seed;

static unsigned below(unsigned limit) {
  seed = seed * 1103515245u + 12345u;
  return (seed >> 16) % limit;
}

/* A limit may only be told when the line would have passed it in any cut, and
 * must be told when the text has ended. */
static void expect_limit(const struct reader *r, const char *text, size_t size,
                         size_t at, enum qs_line_end end,
                         const struct qs_error *error) {
  struct line in_the_end;
  CHECK(error->kind == QS_ERROR_LIMIT);
  CHECK(oracle(text + at, size - at, true, end, &in_the_end));
  CHECK(in_the_end.length > r->input.line_limit);
}

/* One try in a mode of its own.  Returns how far the text has been read; all
 * of it after the limit. */
static size_t try_one(struct reader *r, const char *text, size_t size,
                      size_t there, size_t at) {
  struct qs_found found;
  struct qs_error error;
  struct line expected;
  enum qs_line_end end = (enum qs_line_end)below(MODES);
  bool has_ended = r->input.has_ended;
  size_t skip = below(3) == 0 && there > at ? below((unsigned)(there - at)) : 0;
  enum qs_status status =
      qs_input_try_line(&r->input, skip, end, &found, &error);
  if (status == QS_FAILED) {
    expect_limit(r, text, size, at + skip, end, &error);
    return skip == 0 ? size : at;
  }
  bool is_known =
      oracle(text + at + skip, there - at - skip, has_ended, end, &expected);
  CHECK(status == QS_DONE ? is_known : !is_known);
  if (status != QS_DONE) return at;
  CHECK(found.length == expected.length && found.taken == expected.taken);
  CHECK(found.length <= r->input.line_limit);
  CHECK(memcmp(found.bytes, text + at + skip, found.length) == 0);
  if (skip > 0) return at;
  qs_input_consume(&r->input, found.taken);
  return at + found.taken;
}

static void try_at_random(struct reader *r) {
  char text[LONG];
  size_t at = 0;
  size_t fed = 0;
  rewind_reader(r);
  for (size_t i = 0; i < LONG; i++)
    text[i] = "aaab\r\n"[below(6)];
  r->input.line_limit = below(4) == 0 ? below(8) : LONG;
  while (fed < LONG && at < LONG) {
    size_t size = 1 + below(9);
    if (size > LONG - fed) size = LONG - fed;
    feed(r, text + fed, size);
    fed += size;
    for (int tries = 0; tries < 4 && at < fed; tries++)
      at = try_one(r, text, LONG, fed, at);
  }
  r->input.has_ended = true;
  while (at < LONG)
    at = try_one(r, text, LONG, fed, at);
}

static void test_at_random(void) {
  const char *given = getenv("QUAYSIDE_SEED");
  struct reader r;
  seed =
      given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
  printf("# QUAYSIDE_SEED=%u\n", seed);
  open_reader(&r);
  for (int i = rounds(20000); i > 0; i--)
    try_at_random(&r);
  close_reader(&r);
}

/* A line of just the limit, whose terminator comes in two pieces. */
static void test_limit_in_pieces(void) {
  static const enum qs_line_end ends[] = {QS_LINE_ANY, QS_LINE_RETURN_LINEFEED};
  struct reader r;
  struct qs_found found;
  struct qs_error error;
  open_reader(&r);
  r.input.line_limit = 2;
  for (int i = 0; i < 2; i++) {
    rewind_reader(&r);
    feed(&r, "ab\r", 3);
    CHECK(qs_input_try_line(&r.input, 0, ends[i], &found, &error) == QS_AGAIN);
    feed(&r, "\n", 1);
    CHECK(qs_input_try_line(&r.input, 0, ends[i], &found, &error) == QS_DONE);
    CHECK(found.length == 2 && found.taken == 4);
  }
  close_reader(&r);
}

/* One byte at a time must not mean reading all of it again each time; were it
 * so, this would take minutes. */
static void test_long_line(void) {
  enum { SIZE = 300000 };
  struct reader r;
  struct qs_found found;
  struct qs_error error;
  open_reader(&r);
  for (int end = 0; end < MODES; end++) {
    rewind_reader(&r);
    for (int i = 0; i < SIZE; i++) {
      feed(&r, "a", 1);
      if (i % 16 != 0) continue;
      CHECK(qs_input_try_line(&r.input, 0, (enum qs_line_end)end, &found,
                              &error) == QS_AGAIN);
      CHECK(r.input.scanned == (size_t)i + 1);
    }
  }
  close_reader(&r);
}

static const struct check_case cases[] = {
    {"lines are the same in every cut, taken or skipped", test_every_cut},
    {"modes, skips and limits may change from try to try", test_at_random},
    {"a terminator in two pieces does not count", test_limit_in_pieces},
    {"a long line is looked at once", test_long_line},
};

int main(void) {
  return CHECK_ALL(cases);
}
