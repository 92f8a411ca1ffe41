/**
 * Signatures of Standard Webhooks (standardwebhooks.com, version 1 of the signatures: a secret that
 * both sides know). The receiver checks them with the header fields webhook-id, webhook-timestamp
 * and webhook-signature. Pure.
 */
#ifndef WEBSUB_COMMON_WEBHOOK_SIGNATURE_H
#define WEBSUB_COMMON_WEBHOOK_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/** What begins a secret whose bytes are written in base64. */
#define WEBHOOK_SECRET_PREFIX "whsec_"
/** The specification's least number of bytes. */
#define WEBHOOK_KEY_MIN 24

struct webhook_key {
    unsigned char *bytes; /**< owned */
    size_t length;
};

/**
 * Reads "whsec_<base64>", or any other text, which stands for itself. ERROR_CONFIG, with a message
 * that shows nothing of it, when it is too short or no base64; then there is nothing to free.
 */
int webhook_key_read(struct webhook_key *key, const char *secret, struct error *error);
void webhook_key_fini(struct webhook_key *key);

/** "v1,<base64>" of the HMAC-SHA256 of "id.timestamp.body"; the caller frees it. */
char *webhook_sign(const struct webhook_key *key, const char *id, int64_t timestamp_s,
                   const void *body, size_t length);

#endif
