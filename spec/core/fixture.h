/* SPDX-License-Identifier: MIT */
#ifndef FIXTURE_H
#define FIXTURE_H

/*
 * What the tests of the upper core share: a loop with a root custodian, peers
 * made of plain blocking sockets, and ways to run the loop.
 */

#include "check.h"
#include "custodian.h"
#include "stream.h"

struct fixture {
  struct qs_loop *loop;
  struct qs_custodian *root;
};

void fixture_open(struct fixture *fixture);

/* Checks that nothing is registered, ready or open any more. */
void fixture_close(struct fixture *fixture);

/* A numeric address, or a failed check. */
struct qs_address address_of(const char *host, uint16_t port);

/* A plain listening socket on `host`; port 0 takes a free one.  Its port. */
int listen_on(const char *host, uint16_t port, int backlog);
uint16_t port_of(int fd);

/* A plain connection to `host`; it fails rather than wait for ever. */
int dial(const char *host, uint16_t port);

/* Both ends of a TCP connection over the loopback, plain and blocking. */
void dial_pair(int *near, int *far);

/* A stream whose far end is *peer. */
struct qs_stream *stream_open(struct fixture *fixture, int *peer);
void stream_close(struct qs_stream *stream);

/* The far end: sends all, reads exactly, waits for the end of file, resets. */
void peer_send(int fd, const char *text);
void peer_expect(int fd, const char *text);
void peer_expect_end(int fd);
void peer_reset(int fd);
void set_option(int fd, int level, int option, int value);

/* Waits, outside the loop, until `fd` reports something to read. */
void await_readable(int fd);

/* A waiter in no queue. */
void waiter_init(struct qs_waiter *waiter, void *owner, bool takes);

/* Polls until something is ready and takes it off the list. */
struct qs_waiter *next_ready(struct qs_loop *loop);

/* Looks a few times; true when nothing has become ready. */
bool is_quiet(struct qs_loop *loop);

/* Valgrind keeps a descriptor limit of its own, with other effects. */
bool is_under_valgrind(void);

/* base * QUAYSIDE_ROUNDS, at least 1. */
int rounds(int base);

#endif
