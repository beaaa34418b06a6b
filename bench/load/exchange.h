/* SPDX-License-Identifier: MIT */
/*
 * Connections that send a message and wait until all of it came back.
 *
 * A message is `lines` lines of `size` bytes; each line begins with its
 * number, so that an old, lost or misplaced answer is seen.  One message is
 * under way on each connection, sent with one send where it fits.
 */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "load.h"

struct exchange;

/* `newlines`: every line ends with one, else the bytes are letters only. */
struct exchange *exchange_new(const struct options *o, bool newlines);

/* Connect `n` more, one after the other, each with one message through. */
void exchange_open(struct exchange *x, long n);

/* Close all but the first `n`. */
void exchange_keep(struct exchange *x, long n);

/*
 * Talk on `active` of the connections, spread evenly over all, for
 * `options.secs` or until `options.count` messages are through.  What is
 * measured goes to *s.
 */
void exchange_run(struct exchange *x, long active, struct stats *s);

void exchange_close(struct exchange *x);

#endif
