/**
 * The keys that subscriptions' secrets are encrypted with in Kafka: security.secret_keys.
 *
 * The first key whose id is not "mosip" is the current one: it encrypts. All decrypt, so that keys
 * can be replaced one after the other (docs/secrets.md). "mosip" reads what MOSIP's hub encrypted.
 * Without a current key secrets are stored as they are.
 *
 * An encrypted secret is bound to its subscription's id: moved to another subscription's record it
 * does not decrypt. MOSIP's are not.
 *
 * Immutable once made: any thread may use it. NULL is a keyring without keys. Nothing blocks.
 */
#ifndef WEBSUB_COMMON_KEYRING_H
#define WEBSUB_COMMON_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/stored_secret.h"

#define KEYRING_MOSIP_ID "mosip"

struct keyring;

/**
 * Makes a keyring of "id=base64 of 32 bytes". NULL and ERROR_CONFIG when a key is no such thing, or
 * an id occurs twice; the message tells which item, never what is in it (an id may be a key that
 * somebody put in the wrong place).
 */
struct keyring *keyring_new(const struct string_list *keys, struct error *error);
/** Wipes the keys. NULL is fine. */
void keyring_free(struct keyring *keyring);

/** Whether a keyring can be made of security.secret_keys: a check for program_start. */
int keyring_check_config(const struct config *config, struct error *error);

/** The number of keys, and the id of one of them. */
size_t keyring_count(const struct keyring *keyring);
const char *keyring_id(const struct keyring *keyring, size_t index);
/** Which key has this id; keyring_count when none has. */
size_t keyring_find(const struct keyring *keyring, const char *id);

/** Whether the secret should be sealed again: not encrypted, or not with the current key. False
 * when there is no current key, and when there is no secret. */
bool keyring_is_outdated(const struct keyring *keyring, const struct stored_secret *secret);

/**
 * Fills `*secret` (which holds nothing) with `plain`, encrypted if there is a current key; `plain`
 * NULL is "no secret".
 */
void keyring_seal(const struct keyring *keyring, const char *subscription_id, const char *plain,
                  struct stored_secret *secret);

/**
 * The secret itself in `*plain`, to be freed with secret_free; NULL when there is none. What lost
 * the id of its key in a roll-back to a version without keys is decrypted all the same. -1 when it
 * cannot be had: ERROR_NOT_FOUND, its key is not there; ERROR_INVALID, it is not what was sealed.
 */
int keyring_open(const struct keyring *keyring, const char *subscription_id,
                 const struct stored_secret *secret, char **plain, struct error *error);

/**
 * Fills `*secret` (which holds nothing) from a secret as MOSIP's hub stores it, "cipher{base64}".
 * @returns false, and `*secret` is untouched, when `text` is not of this form.
 */
bool keyring_parse_mosip(const char *text, struct stored_secret *secret);

#endif
