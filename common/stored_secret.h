/**
 * A subscription's secret as it lies in records: plain, or encrypted under a key that it names.
 *
 * In JSON it is the member "secret"; when it is encrypted, "secret_key" beside it names the key.
 * What encrypts and decrypts it is common/keyring.h. Not thread-safe.
 */
#ifndef WEBSUB_COMMON_STORED_SECRET_H
#define WEBSUB_COMMON_STORED_SECRET_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"

/** Zero-initialised is "no secret". Strings are owned. */
struct stored_secret {
    char *
        key_id; /**< NULL: `text` is the secret itself; else of the key that it is encrypted with */
    char *text; /**< NULL: none */
};

/** Makes `to`, which must hold nothing, a copy. */
void stored_secret_copy(struct stored_secret *to, const struct stored_secret *from);
/** Wipes and frees; then it is "no secret". */
void stored_secret_fini(struct stored_secret *secret);

/** Overwrites a secret with zeros and frees it; NULL is fine. */
void secret_free(char *plain);

/** Sets the members, if there is a secret. */
void stored_secret_put(json_t *object, const struct stored_secret *secret);
/** Takes the members into `*secret`, to be finished in any case; sets `*error` when they are not
 * strings, or name a key but have no secret. */
void stored_secret_take(const json_t *object, struct stored_secret *secret, struct error *error);

#endif
