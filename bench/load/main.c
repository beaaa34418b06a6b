/* SPDX-License-Identifier: MIT */
/*
 * load MODE port=N [key=value ...]
 *
 * echo      one message of `size` letters under way on each connection
 * line      the same with lines of `size` bytes
 * pipeline  `lines` lines in one message
 * churn     connect, one request, the answer, the end
 * down, up  `bytes` in one direction, in writes of `size`
 * idle      `conns` connections of which `active` talk
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

struct mode {
  const char *name;
  void (*run)(const struct options *, struct stats *);
  struct options defaults;
};

#define COMMON .secs = 1, .lines = 1, .size = 64

static const struct mode modes[] = {
    {"echo", run_echo, {COMMON, .conns = 64}},
    {"line", run_lines, {COMMON, .conns = 64}},
    {"pipeline", run_lines, {.secs = 1, .size = 64, .lines = 16, .conns = 64}},
    {"churn", run_churn, {COMMON, .conns = 32}},
    {"down",
     run_down,
     {.secs = 1, .size = 16384, .bytes = 64 << 20, .conns = 1}},
    {"up", run_up, {.secs = 1, .size = 16384, .bytes = 64 << 20, .conns = 1}},
    {"idle", run_idle, {COMMON, .conns = 10000, .active = 64, .warm = 100}},
};

static const struct mode *find_mode(const char *name) {
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(modes[i].name, name) == 0)
      return &modes[i];
  fprintf(stderr, "usage: load echo|line|pipeline|churn|down|up|idle "
                  "port=N [key=value ...]\n");
  exit(2);
}

int main(int argc, char **argv) {
  static struct stats stats;
  const struct mode *mode = find_mode(argc > 1 ? argv[1] : "");
  struct options o = mode->defaults;
  options_parse(&o, argc - 2, argv + 2);
  mode->run(&o, &stats);
  stats_print(&stats, &o, mode->name);
  return stats.errors > 0;
}
