/**
 * Metrics in Prometheus' text format. All metrics are registered before threads start; values are
 * then changed from any thread without locks. A metric is a name, a help text and fixed labels;
 * metrics of one name are registered one after the other.
 */
#ifndef WEBSUB_COMMON_METRICS_H
#define WEBSUB_COMMON_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

struct metrics;

struct counter {
    atomic_uint_least64_t value;
};
struct gauge {
    atomic_int_least64_t value;
};

#define HISTOGRAM_BUCKETS 16
/** Durations in microseconds, shown in seconds. */
struct histogram {
    atomic_uint_least64_t buckets[HISTOGRAM_BUCKETS + 1];
    atomic_uint_least64_t sum_us;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/**
 * Names, helps and labels are literals, or stay as long as `metrics`. `labels` is what stands
 * between the braces ("mode=\"publish\"") or NULL. The result lives as long as `metrics`.
 */
struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                                const char *labels);
struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                            const char *labels);
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                    const char *labels);
/** A gauge whose value `read` tells when the metrics are asked for, on the asking thread. */
void metrics_gauge_callback(struct metrics *metrics, const char *name, const char *help,
                            const char *labels, int64_t (*read)(void *context), void *context);

static inline void counter_add(struct counter *counter, uint64_t n)
{
    atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}
static inline uint64_t counter_value(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}
static inline void gauge_set(struct gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}
static inline void gauge_add(struct gauge *gauge, int64_t n)
{
    atomic_fetch_add_explicit(&gauge->value, n, memory_order_relaxed);
}
static inline int64_t gauge_value(const struct gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}
void histogram_observe(struct histogram *histogram, int64_t microseconds);

/** Appends all metrics as text (exposition format 0.0.4). */
void metrics_render(struct metrics *metrics, struct buffer *out);

#endif
