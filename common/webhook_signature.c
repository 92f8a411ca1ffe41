#include "common/webhook_signature.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buffer.h"
#include "common/panic.h"

int webhook_key_read(struct webhook_key *key, const char *secret, struct error *error)
{
    size_t prefix = strlen(WEBHOOK_SECRET_PREFIX);
    if (strncmp(secret, WEBHOOK_SECRET_PREFIX, prefix) == 0) {
        key->bytes = base64_decode(secret + prefix, &key->length);
        if (!key->bytes)
            return error_set(error, ERROR_CONFIG, false,
                             "after \"" WEBHOOK_SECRET_PREFIX "\" base64 must follow");
    } else {
        key->length = strlen(secret);
        key->bytes = xmemdup(secret, key->length);
    }
    if (key->length >= WEBHOOK_KEY_MIN)
        return 0;
    webhook_key_fini(key);
    return error_set(error, ERROR_CONFIG, false, "a secret has at least %d bytes", WEBHOOK_KEY_MIN);
}

void webhook_key_fini(struct webhook_key *key)
{
    OPENSSL_cleanse(key->bytes, key->length);
    free(key->bytes);
    *key = (struct webhook_key){0};
}

char *webhook_sign(const struct webhook_key *key, const char *id, int64_t timestamp_s,
                   const void *body, size_t length)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_length = 0;
    struct buffer content = {0};
    ENSURE(key->length <= INT32_MAX);
    buffer_append_format(&content, "%s.%" PRId64 ".", id, timestamp_s);
    buffer_append(&content, body, length);
    ENSURE(HMAC(EVP_sha256(), key->bytes, (int)key->length, (const unsigned char *)content.data,
                content.length, mac, &mac_length) != NULL);
    buffer_fini(&content);
    char *base64 = base64_encode(mac, mac_length);
    char *signature = xasprintf("v1,%s", base64);
    free(base64);
    return signature;
}
