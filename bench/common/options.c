/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "options.h"

static const struct {
  const char *name;
  size_t offset;
} whole[] = {
    {"port", offsetof(struct options, port)},
    {"conns", offsetof(struct options, conns)},
    {"size", offsetof(struct options, size)},
    {"lines", offsetof(struct options, lines)},
    {"count", offsetof(struct options, count)},
    {"bytes", offsetof(struct options, bytes)},
    {"active", offsetof(struct options, active)},
    {"pause_us", offsetof(struct options, pause_us)},
    {"few", offsetof(struct options, few)},
    {"warm", offsetof(struct options, warm)},
    {"pid", offsetof(struct options, pid)},
    {"hold", offsetof(struct options, hold)},
};

static _Noreturn void refuse_argument(const char *argument) {
  fprintf(stderr, "'%s': ", argument);
  refuse("key=number is expected");
}

static long *find_whole(struct options *o, const char *key, size_t length) {
  for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
    if (strlen(whole[i].name) == length &&
        memcmp(whole[i].name, key, length) == 0)
      return (long *)((char *)o + whole[i].offset);
  return NULL;
}

static void parse(struct options *o, const char *argument) {
  const char *equals = strchr(argument, '=');
  char *end;
  if (equals == NULL)
    refuse_argument(argument);
  if (strncmp(argument, "secs=", 5) == 0) {
    o->secs = strtod(equals + 1, &end);
  } else {
    long *field = find_whole(o, argument, (size_t)(equals - argument));
    if (field == NULL)
      refuse_argument(argument);
    *field = strtol(equals + 1, &end, 10);
    if (*field < 0)
      refuse_argument(argument);
  }
  if (end == equals + 1 || *end != '\0')
    refuse_argument(argument);
}

void options_parse(struct options *o, int argc, char **argv) {
  for (int i = 0; i < argc; i++)
    parse(o, argv[i]);
  /* An hour by mistake would be an hour of somebody's machine. */
  if (o->secs <= 0 || o->secs > 600)
    refuse("secs must be above 0 and at most 600");
}
