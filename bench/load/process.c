/* SPDX-License-Identifier: MIT */
/* What /proc says about the server. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

long process_rss(long pid) {
  char path[64], line[256];
  long kib = -1;
  snprintf(path, sizeof path, "/proc/%ld/status", pid);
  FILE *f = fopen(path, "r");
  if (f == NULL)
    return -1;
  while (kib < 0 && fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "VmRSS: %ld kB", &kib) == 1)
      break;
  fclose(f);
  return kib < 0 ? -1 : kib * 1024;
}

/* schedstat counts nanoseconds; stat would count ticks of 10 ms. */
static double thread_cpu(long pid, const char *thread) {
  char path[320];
  double ns = 0;
  snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, thread);
  FILE *f = fopen(path, "r");
  if (f == NULL)
    return 0;
  if (fscanf(f, "%lf", &ns) != 1)
    ns = 0;
  fclose(f);
  return ns / 1e9;
}

double process_cpu(long pid) {
  char path[64];
  double total = 0;
  struct dirent *entry;
  snprintf(path, sizeof path, "/proc/%ld/task", pid);
  DIR *tasks = opendir(path);
  if (tasks == NULL)
    return -1;
  while ((entry = readdir(tasks)) != NULL)
    if (entry->d_name[0] != '.')
      total += thread_cpu(pid, entry->d_name);
  closedir(tasks);
  return total;
}
