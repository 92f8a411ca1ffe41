/** Base64 (RFC 4648, section 4), by OpenSSL. */
#ifndef WEBSUB_COMMON_BASE64_H
#define WEBSUB_COMMON_BASE64_H

#include <stddef.h>

/** Padded, NUL-terminated; the caller frees it. At most INT_MAX / 2 bytes. */
char *base64_encode(const void *bytes, size_t length);

#endif
