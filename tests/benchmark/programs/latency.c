#include "tests/benchmark/programs/latency.h"

/* Below LATENCY_STEPS every value has its own bucket; above, LATENCY_STEPS buckets for each power
 * of 2. */
static unsigned bucket_of(uint64_t value)
{
    if (value < LATENCY_STEPS)
        return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - 6u; /* 2^6 steps */
    unsigned bucket = (shift + 1) * LATENCY_STEPS + (unsigned)(value >> shift) - LATENCY_STEPS;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static int64_t middle_of(unsigned bucket)
{
    if (bucket < LATENCY_STEPS)
        return bucket;
    unsigned shift = bucket / LATENCY_STEPS - 1;
    uint64_t low = (uint64_t)(bucket % LATENCY_STEPS + LATENCY_STEPS) << shift;
    return (int64_t)(low + ((1ull << shift) >> 1));
}

void latency_record(struct latency *latency, int64_t nanoseconds)
{
    if (nanoseconds < 0)
        nanoseconds = 0;
    latency->count++;
    latency->buckets[bucket_of((uint64_t)nanoseconds)]++;
    if (nanoseconds > latency->max_ns)
        latency->max_ns = nanoseconds;
}

int64_t latency_quantile(const struct latency *latency, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)latency->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > wanted)
            return middle_of(i) < latency->max_ns ? middle_of(i) : latency->max_ns;
    }
    return latency->max_ns;
}

json_t *latency_report(const struct latency *latency)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f}", "count", (json_int_t)latency->count, "p50_us",
                     (double)latency_quantile(latency, 0.5) / 1e3, "p90_us",
                     (double)latency_quantile(latency, 0.9) / 1e3, "p99_us",
                     (double)latency_quantile(latency, 0.99) / 1e3, "max_us",
                     (double)latency->max_ns / 1e3);
}
