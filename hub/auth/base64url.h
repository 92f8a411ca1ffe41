/**
 * base64url without padding (RFC 7515, section 2), strictly: one text for each sequence of bytes.
 * What others skip or stop at (foreign characters, padding, left-over bits) is an error, so that
 * nothing can be changed in a text that was judged by what it decodes to. Pure.
 */
#ifndef WEBSUB_HUB_AUTH_BASE64URL_H
#define WEBSUB_HUB_AUTH_BASE64URL_H

#include <stddef.h>

/** The bytes, NUL-terminated, for the caller to free; NULL when `text` is no base64url or empty. */
unsigned char *base64url_decode(const char *text, size_t length, size_t *decoded);

#endif
