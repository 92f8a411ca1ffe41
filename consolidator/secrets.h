/**
 * Subscriptions' secrets in the state: brought under the current key as records are rewritten, and
 * counted by key, so that an operator sees when an old key is used no more. Owned by the
 * consolidating thread, but for the gauges.
 *
 * What cannot be decrypted (its key is missing) stays as it is: nothing is ever lost by writing.
 */
#ifndef WEBSUB_CONSOLIDATOR_SECRETS_H
#define WEBSUB_CONSOLIDATOR_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/keyring.h"
#include "common/metrics.h"
#include "common/state.h"

/** How many counts there are: one for each key, then those of unknown keys, then plain ones. */
size_t secrets_count_size(const struct keyring *keyring);
/** Adds `by` to the count of each secret's key, those of pending requests included. */
void secrets_count(const struct keyring *keyring, const struct subscription_state *subscription,
                   int64_t by, int64_t *counts);

/** Seals again, with the current key, what is not encrypted with it. */
void secrets_renew(const struct keyring *keyring, struct subscription_state *subscription);

/** websub_consolidator_secrets{key="…"}. */
struct secrets_gauges;
/** `metrics` and `keyring` must stay as long. To be freed after `metrics`. */
struct secrets_gauges *secrets_gauges_new(const struct keyring *keyring, struct metrics *metrics);
void secrets_gauges_set(struct secrets_gauges *gauges, const int64_t *counts);
void secrets_gauges_free(struct secrets_gauges *gauges);

#endif
