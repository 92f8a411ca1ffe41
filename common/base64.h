/** Base64 (RFC 4648, section 4), by OpenSSL. */
#ifndef WEBSUB_COMMON_BASE64_H
#define WEBSUB_COMMON_BASE64_H

#include <stddef.h>

/** Padded, NUL-terminated; the caller frees it. At most INT_MAX / 2 bytes. */
char *base64_encode(const void *bytes, size_t length);

/**
 * The bytes that base64_encode writes as `text`, for the caller to free: no two texts mean the
 * same. NULL when it would write nothing of the kind, or nothing at all. Leaves no copies in memory
 * that is free.
 */
void *base64_decode(const char *text, size_t *decoded);

#endif
