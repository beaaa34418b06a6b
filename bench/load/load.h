/* SPDX-License-Identifier: MIT */
/*
 * The load generator: one thread on epoll, one mode per file.
 *
 * A mode fills a struct stats and may print keys of its own; main prints one
 * line of key=value at the end.  Whatever is not as it should be, a wrong
 * byte, a missing answer, an early end, counts as an error, and a run with
 * errors exits with status 1.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/options.h"

enum {
  LOAD_EVENTS = 512,
  LOAD_GRACE_S = 10, /* how long a run waits for answers after its time */
  STATS_BUCKETS = 64 * 32
};

/*
 * Counts, CPU times and a histogram of latencies.  A bucket is at most 3 %
 * wide, so a percentile is right to that.
 */
struct stats {
  uint64_t count, bytes, errors;
  uint64_t late; /* through after the measured time: they cost CPU as well */
  uint64_t buckets[STATS_BUCKETS];
  int64_t max_ns;
  int64_t start_ns, end_ns;
  double user_s, system_s; /* of the load itself */
  double server_s;         /* CPU time of the process `pid` */
  long pid;
};

/* Begin and end the measured time. */
void stats_start(struct stats *s, long pid);
void stats_stop(struct stats *s);

/* One message, connection or transfer of so many bytes is through. */
void stats_record(struct stats *s, int64_t latency_ns, size_t bytes);

/* The same after the measured time. */
void stats_record_late(struct stats *s);

/* Fewer than `count` messages in a run that should have had so many. */
void stats_expect(struct stats *s, long count);

/* Messages a second, and CPU time of `pid` for one, in microseconds. */
double stats_rate(const struct stats *s);
double stats_cpu_us(const struct stats *s);

void stats_print(const struct stats *s, const struct options *o,
                 const char *mode);

/* Resident memory of a process in bytes, or -1. */
long process_rss(long pid);

/* CPU time of all threads of a process in seconds, or -1. */
double process_cpu(long pid);

/* The modes.  Each measures between stats_start and stats_stop. */
void run_echo(const struct options *o, struct stats *s);
void run_lines(const struct options *o, struct stats *s);
void run_churn(const struct options *o, struct stats *s);
void run_down(const struct options *o, struct stats *s);
void run_up(const struct options *o, struct stats *s);
void run_idle(const struct options *o, struct stats *s);

#endif
