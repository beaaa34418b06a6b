/* SPDX-License-Identifier: MIT */
#ifndef QS_ERROR_H
#define QS_ERROR_H

/*
 * What failed: how to read the code, the code, the step, the address.
 *
 * Conventions of the whole core, stated once:
 *
 * - A function that may fail takes `struct qs_error *error` last.  It is never
 *   NULL, and it is written only when the function fails.
 * - `int` results are 0 or -1.  A function named `try_` never waits and returns
 *   `enum qs_status`: "not now" and "end of file" are results, not errors.
 * - Errors are captured at the failing call, errno first, so that the clean-up
 *   that follows cannot change them.
 * - Times are seconds as double.  Sizes are bytes as size_t.
 * - Nothing calls back before the function that started it has returned, and
 *   never from outside qs_loop_poll().
 * - Nothing prints, nothing is global, one loop belongs to one OS thread.
 */

#include "address.h"
#include "attributes.h"

#include <stddef.h>

enum qs_status {
  QS_DONE,   /* it happened; results are filled in */
  QS_AGAIN,  /* it would have to wait; nothing happened */
  QS_EOF,    /* the peer has sent everything it will ever send */
  QS_FAILED, /* *error says why */
};

enum qs_error_kind {
  QS_ERROR_POSIX,         /* `code` is an errno value */
  QS_ERROR_GAI,           /* `code` is an EAI_* value of getaddrinfo(3) */
  QS_ERROR_CLOSED,        /* the object has been closed; `code` is 0 */
  QS_ERROR_LIMIT,         /* more unread bytes than set_limit allows */
  QS_ERROR_CUSTODIAN,     /* the custodian has been shut down */
  QS_ERROR_NOT_BOUND,     /* UDP: receive needs a bound socket */
  QS_ERROR_ALREADY_BOUND, /* UDP: bind happens once */
  QS_ERROR_NOT_CONNECTED, /* UDP: send needs a connected socket */
  QS_ERROR_CONNECTED,     /* UDP: send_to needs an unconnected socket */
};

struct qs_error {
  enum qs_error_kind kind;
  int code;
  const char *step;          /* static: "bind", "connect", "getaddrinfo" … */
  struct qs_address address; /* AF_UNSPEC when none is involved */
};

/* From errno, read first.  `address` may be NULL. */
QS_COLD void qs_error_posix(struct qs_error *error, const char *step,
                            const struct qs_address *address);

/* From a getaddrinfo(3) result.  EAI_SYSTEM is folded into errno. */
QS_COLD void qs_error_gai(struct qs_error *error, int code);

/* One of the kinds that carry no system code. */
QS_COLD void qs_error_state(struct qs_error *error, enum qs_error_kind kind,
                            const char *step);

/* The name programs compare: "ECONNREFUSED", "EAI_NONAME", "closed" … .
 * Static, or, for an errno without a name in the table, in `text`. */
const char *qs_error_code(const struct qs_error *error, char text[static 16]);

/* The words people read, starting with a small letter.  Returns `text`. */
const char *qs_error_words(const struct qs_error *error, char *text,
                           size_t size);

#endif
