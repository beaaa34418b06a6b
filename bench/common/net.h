/* SPDX-License-Identifier: MIT */
/*
 * Small helpers shared by the load generator and the raw reference programs.
 *
 * Everything lives on 127.0.0.1.  A helper that fails prints the failing step
 * and ends the program with status 1: a benchmark that goes on after an error
 * measures something else than it says.
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Print `step` with the text of errno and exit with status 1. */
_Noreturn void die(const char *step);

/* Print `why` and exit with status 2: it makes no sense to begin. */
_Noreturn void refuse(const char *why);

/* The monotonic clock, in nanoseconds. */
int64_t now_ns(void);

/* malloc that never returns NULL. */
void *allocate(size_t size);

/* Listen on an ephemeral port of 127.0.0.1, without blocking; *port is it. */
int listen_loopback(int *port);

/* Connect to 127.0.0.1 and wait for it; the socket blocks. */
int connect_loopback(int port);

/*
 * Begin to connect without blocking.  Returns the socket, or -1 with errno;
 * *done says whether the connection stands already.
 */
int start_connect(int port, bool *done);

void set_nonblocking(int fd);
void set_nodelay(int fd);

/* An epoll set, and one fd put into or changed in it. */
int epoll_new(void);
void epoll_put(int epoll, int op, int fd, uint32_t events, void *owner);

#endif
