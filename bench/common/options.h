/* SPDX-License-Identifier: MIT */
/* Arguments of the form key=value, the same for every program here. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

/*
 * Every run is bounded in time (`secs`, with a grace to drain) and, where
 * `count` is given, in messages.  A zero `count` means as many as fit.
 */
struct options {
  long port;
  long conns;    /* connections; of churn: how many at once */
  long size;     /* bytes of a message, of a line, of one bulk write */
  long lines;    /* lines in a message */
  long count;    /* messages, connections or transfers in all */
  long bytes;    /* bytes of one bulk transfer */
  long active;   /* of idle: connections that talk */
  long pause_us; /* wait before each message: sensible with one connection */
  long few;      /* of idle: connections of a second measurement; 0: none */
  long warm;     /* of idle: connections opened before the first measurement */
  long pid;      /* the server, for its CPU time and memory; 0: unknown */
  long hold;     /* of idle: keep the connections until standard input ends */
  double secs;
};

/* Overwrite the defaults in *o; a wrong argument ends the program. */
void options_parse(struct options *o, int argc, char **argv);

#endif
