#include "common/base64.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

char *base64_encode(const void *bytes, size_t length)
{
    ENSURE(length <= INT_MAX / 2);
    char *text = xmalloc((length + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    return text;
}

static bool encodes_to(const void *bytes, size_t length, const char *text)
{
    char *again = base64_encode(bytes, length);
    bool same = strcmp(again, text) == 0;
    OPENSSL_cleanse(again, strlen(again));
    free(again);
    return same;
}

/* OpenSSL's decoder overlooks blanks, padding in the middle and stray bits. */
void *base64_decode(const char *text, size_t *decoded)
{
    size_t length = strlen(text), size = length / 4 * 3;
    if (length == 0 || length % 4 != 0 || length > INT_MAX / 2)
        return NULL;
    unsigned char *bytes = xmalloc(size);
    if (EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length) == (int)size) {
        *decoded = size - (text[length - 1] == '=') - (text[length - 2] == '=');
        if (encodes_to(bytes, *decoded, text))
            return bytes;
    }
    OPENSSL_cleanse(bytes, size);
    free(bytes);
    return NULL;
}
