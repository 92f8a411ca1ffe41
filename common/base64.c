#include "common/base64.h"

#include <limits.h>
#include <openssl/evp.h>

#include "common/panic.h"

char *base64_encode(const void *bytes, size_t length)
{
    ENSURE(length <= INT_MAX / 2);
    char *text = xmalloc((length + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    return text;
}
