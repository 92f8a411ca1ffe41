#include "common/signature.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/panic.h"

static const char *const names[] = {
    [SIGNATURE_SHA1] = "sha1",
    [SIGNATURE_SHA256] = "sha256",
    [SIGNATURE_SHA384] = "sha384",
    [SIGNATURE_SHA512] = "sha512",
};

#define METHOD_COUNT (sizeof(names) / sizeof(names[0]))

static const EVP_MD *digest_of(enum signature_method method)
{
    switch (method) {
    case SIGNATURE_SHA1:
        return EVP_sha1();
    case SIGNATURE_SHA256:
        return EVP_sha256();
    case SIGNATURE_SHA384:
        return EVP_sha384();
    case SIGNATURE_SHA512:
        return EVP_sha512();
    }
    PANIC("no such signature method: %d", (int)method);
}

const char *signature_method_name(enum signature_method method)
{
    ENSURE((size_t)method < METHOD_COUNT);
    return names[method];
}

int signature_method_parse(const char *name, enum signature_method *method)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *method = (enum signature_method)i;
            return 0;
        }
    }
    return -1;
}

void signature_compute(enum signature_method method, const char *secret, size_t secret_length,
                       const void *body, size_t body_length, char out[SIGNATURE_HEADER_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    /* A NULL key would mean "the key of last time" to HMAC; secrets are short, so int is enough. */
    ENSURE(secret_length <= INT16_MAX);
    ENSURE(HMAC(digest_of(method), secret ? secret : "", (int)secret_length,
                body ? body : (const void *)"", body_length, digest, &length) != NULL);

    char *position = out + sprintf(out, "%s=", signature_method_name(method));
    for (unsigned int i = 0; i < length; i++) {
        *position++ = digits[digest[i] >> 4];
        *position++ = digits[digest[i] & 15];
    }
    *position = '\0';
}

bool signature_verify(const char *header, const char *secret, size_t secret_length,
                      const void *body, size_t body_length)
{
    const char *equals = strchr(header, '=');
    char name[sizeof("sha512")];
    enum signature_method method;
    if (!equals || (size_t)(equals - header) >= sizeof(name))
        return false;
    memcpy(name, header, (size_t)(equals - header));
    name[equals - header] = '\0';
    if (signature_method_parse(name, &method) != 0)
        return false;

    char expected[SIGNATURE_HEADER_SIZE];
    signature_compute(method, secret, secret_length, body, body_length, expected);
    /* Only the length, which is public, decides how much is compared. */
    size_t length = strlen(expected);
    if (strnlen(header, length + 1) != length)
        return false;
    char given[SIGNATURE_HEADER_SIZE];
    for (size_t i = 0; i <= length; i++)
        given[i] = (char)tolower((unsigned char)header[i]);
    return CRYPTO_memcmp(given, expected, length) == 0;
}
