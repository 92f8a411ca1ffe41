/**
 * AES-256-GCM over secrets, as text that records can hold. Pure but for the nonces' random bytes;
 * thread-safe. No error message shows a key, a secret or what was to be decrypted.
 *
 *   ours     base64(12-byte random nonce ‖ ciphertext ‖ 16-byte tag), bound to an owner
 *   MOSIP's  base64(ciphertext ‖ 16-byte tag ‖ 16-byte IV), bound to nobody; only read
 *
 * A key must not encrypt more than some 4 billion (2^32) secrets, since nonces are random (NIST SP
 * 800-38D, section 8.3): far beyond what subscriptions bring about between two rotations.
 */
#ifndef WEBSUB_COMMON_SECRET_CIPHER_H
#define WEBSUB_COMMON_SECRET_CIPHER_H

#include "common/error.h"

#define SECRET_CIPHER_KEY_SIZE 32

/** Longer texts are no secrets (a secret has less than 200 bytes). */
#define SECRET_CIPHER_MAX_TEXT 65536

struct secret_cipher_key {
    unsigned char bytes[SECRET_CIPHER_KEY_SIZE];
};

/** Reads a key from base64 of exactly 32 bytes; -1: it is something else. */
int secret_cipher_read_key(const char *base64, struct secret_cipher_key *key);

/** Encrypts `plain` for `owner`; the caller frees the result. */
char *secret_cipher_seal(const struct secret_cipher_key *key, const char *owner, const char *plain);

/**
 * Decrypts what was sealed for `owner`; the caller frees the result with secret_free. NULL and
 * ERROR_INVALID when it was not sealed with this key for this owner, or was changed since.
 */
char *secret_cipher_open(const struct secret_cipher_key *key, const char *owner, const char *text,
                         struct error *error);
/** The same for MOSIP's form: what stands between the braces of its "cipher{…}". */
char *secret_cipher_open_mosip(const struct secret_cipher_key *key, const char *text,
                               struct error *error);

#endif
