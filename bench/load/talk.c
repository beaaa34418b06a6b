/* SPDX-License-Identifier: MIT */
/* The modes made of exchanges: echo, line, pipeline and idle. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "../common/net.h"
#include "exchange.h"

static void run_exchange(const struct options *o, struct stats *s,
                         bool newlines) {
  struct exchange *x = exchange_new(o, newlines);
  exchange_open(x, o->conns);
  exchange_run(x, o->conns, s);
  exchange_close(x);
}

void run_echo(const struct options *o, struct stats *s) {
  run_exchange(o, s, false);
}

void run_lines(const struct options *o, struct stats *s) {
  run_exchange(o, s, true);
}

/* Give the server time to come to rest. */
static void settle(void) {
  usleep(200 * 1000);
}

/* The memory of `conns` more connections, after a first few. */
static void measure_memory(struct exchange *x, const struct options *o) {
  settle();
  long before = process_rss(o->pid);
  exchange_open(x, o->conns - o->warm);
  settle();
  long after = process_rss(o->pid);
  printf("rss_before=%ld rss_after=%ld rss_per_conn=%.1f ", before, after,
         (double)(after - before) / (double)(o->conns - o->warm));
}

/* The same talk among fewer connections; the first run only warms up. */
static void run_few(struct exchange *x, const struct options *o,
                    struct stats *s) {
  static struct stats warm, few;
  exchange_keep(x, o->few);
  settle();
  exchange_run(x, o->active, &warm);
  exchange_run(x, o->active, &few);
  s->errors += warm.errors + few.errors;
  printf("rate_few=%.1f cpu_few_us=%.3f ", stats_rate(&few),
         stats_cpu_us(&few));
}

static void wait_for_end_of_input(void) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0)
    continue;
}

/*
 * The first `warm` connections pay for what the server allocates only once,
 * so memory is measured over the others.  None is closed before that, so
 * nothing freed is counted as free.
 */
void run_idle(const struct options *o, struct stats *s) {
  struct exchange *x = exchange_new(o, false);
  if (o->warm >= o->conns || o->few > o->conns)
    refuse("warm must be less than conns, and few not more");
  exchange_open(x, o->warm);
  measure_memory(x, o);
  exchange_run(x, o->active, s);
  if (o->few > 0)
    run_few(x, o, s);
  if (o->hold) {
    printf("open\n");
    fflush(stdout);
    wait_for_end_of_input();
  }
  exchange_close(x);
}
