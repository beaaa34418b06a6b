/* SPDX-License-Identifier: MIT */
#ifndef QS_ATTRIBUTES_H
#define QS_ATTRIBUTES_H

/*
 * The path of a round trip leads through many small functions.  These words,
 * which GCC and clang know, make a few large ones of them.
 */

/* What this function calls is compiled into it. */
#define QS_HOT __attribute__((flatten))

/* Except what says this: failures, and what ends a wait or a thread. */
#define QS_COLD __attribute__((noinline, cold))

/* And this: large, and reached from many hot functions. */
#define QS_SHARED __attribute__((noinline))

#endif
