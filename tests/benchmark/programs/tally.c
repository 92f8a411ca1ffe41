#include "tests/benchmark/programs/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "tests/benchmark/programs/stamp.h"

static struct tally_path *path_new(struct tally *tally, const char *name, size_t length)
{
    struct tally_path *path = xcalloc(1, sizeof(*path) + length + 1);
    memcpy(path->name, name, length);
    path->status = 204;
    if (strncmp(path->name, "/hang/", 6) == 0)
        path->status = 0;
    sscanf(path->name, "/status-%3u/", &path->status);
    sscanf(path->name, "/delay-%6u/", &path->delay_ms);
    HASH_ADD_KEYPTR(hh, tally->paths, path->name, length, path);
    return path;
}

static void extend(struct span *span, int64_t now)
{
    if (span->first_ns == 0)
        span->first_ns = now;
    span->last_ns = now;
}

const struct tally_path *tally_delivery(struct tally *tally, const char *name, size_t name_length,
                                        const char *body, size_t body_length)
{
    struct tally_path *path;
    HASH_FIND(hh, tally->paths, name, name_length, path);
    if (!path)
        path = path_new(tally, name, name_length);
    path->count++;
    if (path->status / 100 != 2) {
        tally->failures++;
        return path;
    }
    int64_t now = stamp_now();
    int64_t published = stamp_read(body, body_length);
    tally->deliveries++;
    extend(&tally->delivered, now);
    if (published >= 0)
        latency_record(&tally->latency, now - published);
    return path;
}

void tally_verification(struct tally *tally)
{
    tally->verifications++;
    extend(&tally->verified, stamp_now());
}

json_t *tally_report(const struct tally *tally)
{
    uint64_t fewest = UINT64_MAX, most = 0;
    size_t served = 0;
    for (const struct tally_path *path = tally->paths; path; path = path->hh.next) {
        if (path->status / 100 != 2)
            continue;
        served++;
        fewest = path->count < fewest ? path->count : fewest;
        most = path->count > most ? path->count : most;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "deliveries",
                     (json_int_t)tally->deliveries, "failures", (json_int_t)tally->failures,
                     "verifications", (json_int_t)tally->verifications, "first_delivery_ns",
                     (json_int_t)tally->delivered.first_ns, "last_delivery_ns",
                     (json_int_t)tally->delivered.last_ns, "first_verification_ns",
                     (json_int_t)tally->verified.first_ns, "last_verification_ns",
                     (json_int_t)tally->verified.last_ns, "paths", (json_int_t)served,
                     "fewest_per_path", (json_int_t)(served ? fewest : 0), "most_per_path",
                     (json_int_t)most, "latency", latency_report(&tally->latency));
}

void tally_reset(struct tally *tally)
{
    struct tally_path *path, *next;
    HASH_ITER(hh, tally->paths, path, next)
    {
        HASH_DEL(tally->paths, path);
        free(path);
    }
    memset(tally, 0, sizeof(*tally));
}
