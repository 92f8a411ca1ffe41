#include "common/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/panic.h"

struct metric {
    struct metric *next;
    const char *name;
    const char *help;
    const char *labels;
    enum { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_CALLBACK } type;
    union {
        struct counter counter;
        struct gauge gauge;
        struct histogram histogram;
        struct {
            int64_t (*read)(void *context);
            void *context;
        } callback;
    } value;
};

struct metrics {
    struct metric *first;
    struct metric *last; /* registration is O(1); render walks from the first */
};

static const char *const type_names[] = {"counter", "gauge", "histogram", "gauge"};

/* Upper bounds in microseconds: fine where healthy deliveries are, coarse up to the time-outs. */
static const int64_t bounds_us[HISTOGRAM_BUCKETS] = {
    500,   1000,  2000,   3000,   5000,   7500,    10000,   15000,
    25000, 50000, 100000, 250000, 500000, 1000000, 5000000, 30000000,
};

struct metrics *metrics_new(void)
{
    return xcalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    struct metric *metric, *next;
    if (!metrics)
        return;
    LL_FOREACH_SAFE(metrics->first, metric, next)
    {
        free(metric);
    }
    free(metrics);
}

static struct metric *add(struct metrics *metrics, const char *name, const char *help,
                          const char *labels, int type)
{
    struct metric *metric = xcalloc(1, sizeof(*metric));
    metric->name = name;
    metric->help = help;
    metric->labels = labels;
    metric->type = type;
    if (metrics->last)
        metrics->last->next = metric;
    else
        metrics->first = metric;
    metrics->last = metric;
    return metric;
}

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                                const char *labels)
{
    return &add(metrics, name, help, labels, METRIC_COUNTER)->value.counter;
}

struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                            const char *labels)
{
    return &add(metrics, name, help, labels, METRIC_GAUGE)->value.gauge;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                    const char *labels)
{
    return &add(metrics, name, help, labels, METRIC_HISTOGRAM)->value.histogram;
}

void metrics_gauge_callback(struct metrics *metrics, const char *name, const char *help,
                            const char *labels, int64_t (*read)(void *context), void *context)
{
    struct metric *metric = add(metrics, name, help, labels, METRIC_CALLBACK);
    metric->value.callback.read = read;
    metric->value.callback.context = context;
}

void histogram_observe(struct histogram *histogram, int64_t microseconds)
{
    int i = 0;
    while (i < HISTOGRAM_BUCKETS && microseconds > bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, microseconds > 0 ? (uint64_t)microseconds : 0,
                              memory_order_relaxed);
}

static void render_value(struct buffer *out, const struct metric *metric, int64_t value)
{
    if (metric->labels)
        buffer_append_format(out, "%s{%s} %" PRId64 "\n", metric->name, metric->labels, value);
    else
        buffer_append_format(out, "%s %" PRId64 "\n", metric->name, value);
}

static void render_histogram(struct buffer *out, const struct metric *metric)
{
    const char *labels = metric->labels ? metric->labels : "";
    const char *comma = metric->labels ? "," : "";
    uint64_t total = 0;
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        total += atomic_load(&metric->value.histogram.buckets[i]);
        if (i < HISTOGRAM_BUCKETS)
            buffer_append_format(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", metric->name,
                                 labels, comma, (double)bounds_us[i] / 1e6, total);
        else
            buffer_append_format(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", metric->name,
                                 labels, comma, total);
    }
    const char *open = metric->labels ? "{" : "", *close = metric->labels ? "}" : "";
    buffer_append_format(out, "%s_sum%s%s%s %.6f\n", metric->name, open, labels, close,
                         (double)atomic_load(&metric->value.histogram.sum_us) / 1e6);
    buffer_append_format(out, "%s_count%s%s%s %" PRIu64 "\n", metric->name, open, labels, close,
                         total);
}

static void render_metric(struct buffer *out, const struct metric *metric)
{
    switch (metric->type) {
    case METRIC_COUNTER:
        render_value(out, metric, (int64_t)atomic_load(&metric->value.counter.value));
        break;
    case METRIC_GAUGE:
        render_value(out, metric, atomic_load(&metric->value.gauge.value));
        break;
    case METRIC_CALLBACK:
        render_value(out, metric, metric->value.callback.read(metric->value.callback.context));
        break;
    case METRIC_HISTOGRAM:
        render_histogram(out, metric);
        break;
    }
}

void metrics_render(struct metrics *metrics, struct buffer *out)
{
    const struct metric *metric;
    const char *previous = "";
    LL_FOREACH(metrics->first, metric)
    {
        if (strcmp(previous, metric->name) != 0)
            buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                                 metric->name, type_names[metric->type]);
        previous = metric->name;
        render_metric(out, metric);
    }
}
