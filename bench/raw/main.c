/* SPDX-License-Identifier: MIT */
/*
 * raw echo|line|pipeline|churn|down|up
 * raw client port=N conns=N [secs=S | count=N]
 */
#include <stdio.h>
#include <string.h>

#include "raw.h"

static const struct protocol *const protocols[] = {
    &echo_protocol,  &line_protocol, &pipeline_protocol,
    &churn_protocol, &down_protocol, &up_protocol,
};

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "client") == 0)
    return run_client(argc - 2, argv + 2);
  for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
    if (strcmp(protocols[i]->name, name) == 0)
      serve(protocols[i]);
  fprintf(stderr, "usage: raw echo|line|pipeline|churn|down|up|client\n");
  return 2;
}
