#include "hub/auth/base64url.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

/** In the alphabet that OpenSSL knows, padded; NULL when there is a character of neither. */
static char *to_base64(const char *text, size_t length)
{
    size_t padded = (length + 3) / 4 * 4;
    char *base64 = xmalloc(padded + 1);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            base64[i] = c;
        } else if (c == '-' || c == '_') {
            base64[i] = c == '-' ? '+' : '/';
        } else {
            free(base64);
            return NULL;
        }
    }
    memset(base64 + length, '=', padded - length);
    base64[padded] = '\0';
    return base64;
}

/** Whether the bits of the last character that stand for nothing are zero. */
static bool is_canonical(const char *base64, size_t padded, const unsigned char *bytes,
                         size_t length)
{
    unsigned char last[5];
    size_t rest = length % 3 ? length % 3 : 3;
    EVP_EncodeBlock(last, bytes + length - rest, (int)rest);
    return memcmp(last, base64 + padded - 4, 4) == 0;
}

unsigned char *base64url_decode(const char *text, size_t length, size_t *decoded)
{
    if (length == 0 || length > INT_MAX / 2 || length % 4 == 1)
        return NULL;
    char *base64 = to_base64(text, length);
    if (!base64)
        return NULL;
    size_t padded = (length + 3) / 4 * 4;
    unsigned char *bytes = xmalloc(padded / 4 * 3 + 1);
    size_t count = length * 3 / 4;
    if (EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)padded) < 0 ||
        !is_canonical(base64, padded, bytes, count)) {
        free(bytes);
        bytes = NULL;
    } else {
        bytes[count] = '\0';
        *decoded = count;
    }
    free(base64);
    return bytes;
}
