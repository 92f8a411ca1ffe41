#include "consolidator/secrets.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/panic.h"

/* --- counting --- */

enum { UNKNOWN, PLAIN, OTHER_COUNTS };

size_t secrets_count_size(const struct keyring *keyring)
{
    return keyring_count(keyring) + OTHER_COUNTS;
}

static void count_one(const struct keyring *keyring, const struct stored_secret *secret, int64_t by,
                      int64_t *counts)
{
    if (!secret->text)
        return;
    if (secret->key_id)
        counts[keyring_find(keyring, secret->key_id)] += by; /* one beyond the last: UNKNOWN */
    else
        counts[keyring_count(keyring) + PLAIN] += by;
}

void secrets_count(const struct keyring *keyring, const struct subscription_state *s, int64_t by,
                   int64_t *counts)
{
    count_one(keyring, &s->secret, by, counts);
    for (size_t i = 0; i < s->pending_count; i++)
        count_one(keyring, &s->pending[i].secret, by, counts);
}

/* --- renewing --- */

static void renew_one(const struct keyring *keyring, const char *id, struct stored_secret *secret)
{
    struct error error;
    char *plain;
    if (!keyring_is_outdated(keyring, secret))
        return;
    if (keyring_open(keyring, id, secret, &plain, &error) != 0) {
        log_warning("consolidator.secret_kept", LOG_STR("subscription", id),
                    LOG_STR("key", secret->key_id), LOG_STR("reason", error.message));
        return;
    }
    stored_secret_fini(secret);
    keyring_seal(keyring, id, plain, secret);
    secret_free(plain);
}

void secrets_renew(const struct keyring *keyring, struct subscription_state *s)
{
    renew_one(keyring, s->id, &s->secret);
    for (size_t i = 0; i < s->pending_count; i++)
        renew_one(keyring, s->id, &s->pending[i].secret);
}

/* --- gauges --- */

struct secrets_gauges {
    size_t count;
    struct {
        char *labels;
        struct gauge *gauge;
    } items[];
};

/** Ids have no parentheses: these two are no keys. */
static const char *label_of(const struct keyring *keyring, size_t index)
{
    if (index < keyring_count(keyring))
        return keyring_id(keyring, index);
    return index - keyring_count(keyring) == UNKNOWN ? "(unknown)" : "(none)";
}

struct secrets_gauges *secrets_gauges_new(const struct keyring *keyring, struct metrics *metrics)
{
    size_t count = secrets_count_size(keyring);
    struct secrets_gauges *gauges = xcalloc(1, sizeof(*gauges) + count * sizeof(gauges->items[0]));
    gauges->count = count;
    for (size_t i = 0; i < count; i++) {
        gauges->items[i].labels = xasprintf("key=\"%s\"", label_of(keyring, i));
        gauges->items[i].gauge = metrics_gauge(
            metrics, "websub_consolidator_secrets",
            "Secrets in the state of the owned partitions, by the key that they are encrypted with",
            gauges->items[i].labels);
    }
    return gauges;
}

void secrets_gauges_set(struct secrets_gauges *gauges, const int64_t *counts)
{
    for (size_t i = 0; i < gauges->count; i++)
        gauge_set(gauges->items[i].gauge, counts[i]);
}

void secrets_gauges_free(struct secrets_gauges *gauges)
{
    if (!gauges)
        return;
    for (size_t i = 0; i < gauges->count; i++)
        free(gauges->items[i].labels);
    free(gauges);
}
