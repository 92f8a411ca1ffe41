/**
 * What arrived at the sink: totals, counts by path, latencies. A path says itself how it behaves:
 *
 *   /status-500/…   is answered 500          /delay-100/…   is answered after 100 milliseconds
 *   /hang/…         is never answered        anything else  is answered 204 at once
 */
#ifndef WEBSUB_BENCHMARK_TALLY_H
#define WEBSUB_BENCHMARK_TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "tests/benchmark/programs/latency.h"

struct tally_path {
    uint64_t count;
    unsigned status; /**< 0: no answer */
    unsigned delay_ms;
    UT_hash_handle hh;
    char name[];
};

struct span {
    int64_t first_ns, last_ns; /**< since 1970; 0: never */
};

/** Zero-initialised is empty. */
struct tally {
    uint64_t deliveries; /**< answered 2xx */
    uint64_t failures;   /**< answered otherwise, or not at all */
    uint64_t verifications;
    struct span delivered, verified;
    struct latency latency; /**< of deliveries, from the stamp in the body */
    struct tally_path *paths;
};

/** Counts a delivery; the result says how to answer it and stays until tally_reset. */
const struct tally_path *tally_delivery(struct tally *tally, const char *path, size_t path_length,
                                        const char *body, size_t body_length);
void tally_verification(struct tally *tally);
/** The caller owns the reference. */
json_t *tally_report(const struct tally *tally);
void tally_reset(struct tally *tally);

#endif
