/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <string.h>

/*
 * Finding where a line ends.  `text` is what is there so far; the answer must
 * not depend on how the bytes were cut up on their way.
 */

struct line {
  size_t length;     /* without the terminator */
  size_t terminator; /* 0: not found */
  bool needs_more;   /* a CR stands last: is the next byte an LF? */
};

static void find_byte(const char *text, size_t size, int byte,
                      struct line *line) {
  const char *at = memchr(text, byte, size);
  if (at != NULL) {
    line->length = (size_t)(at - text);
    line->terminator = 1;
  }
}

static void find_return_linefeed(const char *text, size_t size,
                                 struct line *line) {
  const char *end = text + size;
  const char *at = text;
  while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
    if (at + 1 < end && at[1] == '\n') {
      line->length = (size_t)(at - text);
      line->terminator = 2;
      return;
    }
    at++;
  }
  line->needs_more = size > 0 && end[-1] == '\r';
}

static void find_either(const char *text, size_t size, struct line *line) {
  size_t i = 0;
  while (i < size && text[i] != '\r' && text[i] != '\n')
    i++;
  if (i < size) {
    line->length = i;
    line->terminator = 1;
  }
}

static void find_any(const char *text, size_t size, struct line *line) {
  find_either(text, size, line);
  if (line->terminator == 0 || text[line->length] != '\r') return;
  if (line->length + 1 == size)
    line->needs_more = true;
  else if (text[line->length + 1] == '\n')
    line->terminator = 2;
}

static void find_line(const char *text, size_t size, enum qs_line_end end,
                      struct line *line) {
  memset(line, 0, sizeof *line);
  switch (end) {
  case QS_LINE_LINEFEED:
    find_byte(text, size, '\n', line);
    break;
  case QS_LINE_RETURN:
    find_byte(text, size, '\r', line);
    break;
  case QS_LINE_RETURN_LINEFEED:
    find_return_linefeed(text, size, line);
    break;
  case QS_LINE_ANY:
    find_any(text, size, line);
    break;
  case QS_LINE_ANY_ONE:
    find_either(text, size, line);
    break;
  }
}

/* Where to begin looking.  What has been scanned for an LF need not be scanned
 * again, or one slow sender of a long line would cost quadratic time; the
 * other terminators may have begun with the last byte scanned. */
static size_t scan_from(const struct qs_input *input, size_t skip,
                        enum qs_line_end end) {
  if (end != input->scanned_end || input->scanned <= skip) return 0;
  return input->scanned - skip - 1;
}

/* In the `there` bytes behind `skip`.  QS_AGAIN means: not in them, more may
 * bring it. */
static enum qs_status look_for_line(struct qs_input *input, size_t skip,
                                    size_t there, enum qs_line_end end,
                                    struct qs_found *found,
                                    struct qs_error *error) {
  struct line line = {0};
  size_t from = scan_from(input, skip, end);
  const char *text = qs_buffer_bytes(&input->buffer) + skip;
  if (there > from) find_line(text + from, there - from, end, &line);
  if (line.terminator > 0)
    line.length += from;
  else
    line.length = there;
  /* The CR that stands last may yet turn out to be no part of the line. */
  bool may_shrink =
      line.terminator == 0 && line.needs_more && !input->has_ended;
  if (line.length - may_shrink > input->line_limit) {
    qs_error_state(error, QS_ERROR_LIMIT, "read");
    return QS_FAILED;
  }
  if (line.terminator == 0 || line.needs_more) {
    if (skip == 0) {
      input->scanned =
          line.length < UINT32_MAX ? (uint32_t)line.length : UINT32_MAX;
      input->scanned_end = (unsigned char)end;
    }
    if (line.terminator == 0 || !input->has_ended) return QS_AGAIN;
  }
  found->bytes = text;
  found->length = line.length;
  found->taken = line.length + line.terminator;
  return QS_DONE;
}

enum qs_status qs_input_try_line(struct qs_input *input, size_t skip,
                                 enum qs_line_end end, struct qs_found *found,
                                 struct qs_error *error) {
  size_t length = skip;
  for (;;) {
    /* More than was there the last time. */
    enum qs_status more = qs_input_want(input, length + 1, error);
    if (input->stream == NULL) return more;
    length = qs_buffer_length(&input->buffer);
    if (length > skip) {
      enum qs_status status =
          look_for_line(input, skip, length - skip, end, found, error);
      if (status != QS_AGAIN) return status;
    }
    if (more == QS_EOF && length > skip)
      return qs_input_try_bytes(input, skip, length - skip, found, error);
    if (more != QS_DONE) return more;
  }
}
