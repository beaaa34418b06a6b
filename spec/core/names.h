/* SPDX-License-Identifier: MIT */
#ifndef NAMES_H
#define NAMES_H

/*
 * A getaddrinfo(3) of the tests' own, linked in the place of the C library's.
 * Numeric hosts are answered as ever.  A name answers what names_set() says,
 * EAI_NONAME otherwise; "slow…" does so only once names_release() lets it.
 */

#include <stddef.h>

/* What `name` has for an answer: addresses separated by spaces, or, when
 * `addresses` is NULL, the failure `code` (with `saved` in errno). */
void names_set(const char *name, const char *addresses, int code, int saved);

/* Forgets everything that was set and counted; the gate is shut. */
void names_reset(void);

/* Look-ups of names that have begun, and that have ended. */
size_t names_begun(void);
size_t names_ended(void);

/* Waits until so many have begun, or have ended. */
void names_await_begun(size_t count);
void names_await_ended(size_t count);

/* Lets `count` slow look-ups pass, now or when they come. */
void names_release(size_t count);

/* OS threads of this process; and waits until there are so many. */
size_t threads_count(void);
void threads_await(size_t count);

#endif
