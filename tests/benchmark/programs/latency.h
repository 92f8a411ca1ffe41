/**
 * A histogram of durations with a relative error below 2 %: buckets are as wide as 1/64 of the
 * power of two that they lie in. Recording costs some nanoseconds. Zero-initialised is empty.
 */
#ifndef WEBSUB_BENCHMARK_LATENCY_H
#define WEBSUB_BENCHMARK_LATENCY_H

#include <jansson.h>
#include <stdint.h>

enum { LATENCY_STEPS = 64, LATENCY_BUCKETS = 48 * LATENCY_STEPS };

struct latency {
    uint64_t count;
    int64_t max_ns;
    uint32_t buckets[LATENCY_BUCKETS];
};

/** Negative durations (clocks that were set) count as 0. */
void latency_record(struct latency *latency, int64_t nanoseconds);
/** In nanoseconds; `share` from 0 to 1; 0 when nothing was recorded. */
int64_t latency_quantile(const struct latency *latency, double share);
/** {"count", "p50_us", "p90_us", "p99_us", "max_us"}; the caller owns the reference. */
json_t *latency_report(const struct latency *latency);

#endif
