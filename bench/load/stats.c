/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/resource.h>

#include "../common/net.h"
#include "load.h"

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Add the CPU time used so far with the sign given. */
static void add_cpu(struct stats *s, double sign) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  s->user_s += sign * seconds(u.ru_utime);
  s->system_s += sign * seconds(u.ru_stime);
  s->server_s += sign * process_cpu(s->pid);
}

void stats_start(struct stats *s, long pid) {
  s->pid = pid;
  s->user_s = s->system_s = s->server_s = 0;
  add_cpu(s, -1);
  s->start_ns = now_ns();
}

void stats_stop(struct stats *s) {
  s->end_ns = now_ns();
  add_cpu(s, 1);
}

/* 32 buckets to each power of two: the exponent, then the next five bits. */
static int bucket_of(int64_t ns) {
  uint64_t v = ns < 32 ? 32 : (uint64_t)ns;
  int exponent = 63 - __builtin_clzll(v);
  return (exponent - 5) * 32 + (int)((v >> (exponent - 5)) & 31);
}

static double bucket_ns(int bucket) {
  return (double)((32ull + (uint64_t)bucket % 32) << (bucket / 32));
}

void stats_record(struct stats *s, int64_t latency_ns, size_t bytes) {
  s->count++;
  s->bytes += bytes;
  s->buckets[bucket_of(latency_ns)]++;
  if (latency_ns > s->max_ns)
    s->max_ns = latency_ns;
}

void stats_record_late(struct stats *s) {
  s->late++;
}

void stats_expect(struct stats *s, long count) {
  if (count > 0 && s->count < (uint64_t)count)
    s->errors += (uint64_t)count - s->count;
}

static double percentile_us(const struct stats *s, double share) {
  uint64_t wanted = (uint64_t)((double)s->count * share), seen = 0;
  for (int i = 0; i < STATS_BUCKETS; i++) {
    seen += s->buckets[i];
    if (seen > wanted)
      return bucket_ns(i) / 1e3;
  }
  return (double)s->max_ns / 1e3;
}

static double measured_s(const struct stats *s) {
  int64_t ns = s->end_ns - s->start_ns;
  return ns > 0 ? (double)ns / 1e9 : 1e-9;
}

double stats_rate(const struct stats *s) {
  return (double)s->count / measured_s(s);
}

double stats_cpu_us(const struct stats *s) {
  uint64_t all = s->count + s->late;
  return all > 0 ? s->server_s * 1e6 / (double)all : 0;
}

void stats_print(const struct stats *s, const struct options *o,
                 const char *mode) {
  printf("mode=%s conns=%ld secs=%.4f count=%llu bytes=%llu errors=%llu ", mode,
         o->conns, measured_s(s), (unsigned long long)s->count,
         (unsigned long long)s->bytes, (unsigned long long)s->errors);
  printf("rate=%.1f mib_s=%.1f ", stats_rate(s),
         (double)s->bytes / measured_s(s) / 1048576);
  printf("p50=%.1f p90=%.1f p99=%.1f max=%.1f ", percentile_us(s, 0.5),
         percentile_us(s, 0.9), percentile_us(s, 0.99),
         (double)s->max_ns / 1e3);
  printf("user=%.3f sys=%.3f", s->user_s, s->system_s);
  if (s->pid > 0)
    printf(" cpu_us=%.3f", stats_cpu_us(s));
  printf("\n");
}
