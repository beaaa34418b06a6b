/* SPDX-License-Identifier: MIT */
/*
 * The reference servers: what an expert writes in C straight on epoll.
 *
 * One thread, level-triggered, one recv and one send for a request that fits,
 * EPOLLOUT only after EAGAIN, TCP_NODELAY, no buffer held by an idle
 * connection.  There is one protocol per case and one loop under them all.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One connection.  `unsent` and `partial` are allocated only while there is
 * something to keep: output the kernel did not take, and a line whose end has
 * not come yet.
 */
struct conn {
  int fd;
  bool closing; /* close as soon as `unsent` is gone */
  bool writing; /* epoll asks for EPOLLOUT instead of EPOLLIN */
  char *unsent;
  size_t unsent_from, unsent_to;
  char *partial;
  size_t partial_size;
  int64_t total;     /* up: bytes seen; down: bytes still to send */
  size_t write_size; /* down: bytes for one send */
};

/*
 * What a case does.  Each function returns false to have the connection
 * closed.  `data` is valid during the call only.
 */
struct protocol {
  const char *name;
  bool (*on_data)(struct conn *c, const char *data, size_t size);
  bool (*on_end)(struct conn *c);
  bool (*on_writable)(struct conn *c); /* after `unsent` went out */
};

extern const struct protocol echo_protocol, line_protocol, pipeline_protocol,
    churn_protocol, down_protocol, up_protocol;

/* Print "port N" and serve until killed. */
_Noreturn void serve(const struct protocol *p);

/*
 * Send now what the kernel takes, keep a copy of the rest and wait for room;
 * while it waits nothing is read from this peer.  False: the peer is gone.
 */
bool conn_send(struct conn *c, const char *data, size_t size);

/* Send as conn_send, then close once all of it is with the kernel. */
bool conn_finish(struct conn *c, const char *data, size_t size);

/* Ask epoll for room to write, or again for input. */
void conn_want_write(struct conn *c, bool wanted);

/* The client case: N connections that echo 64 bytes; prints its rate. */
int run_client(int argc, char **argv);

#endif
