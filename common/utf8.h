/** UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef WEBSUB_COMMON_UTF8_H
#define WEBSUB_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

/** The length of the well-formed sequence that `text` starts with; 0 when there is none. */
size_t utf8_sequence(const char *text, size_t length);

bool utf8_valid(const char *text, size_t length);

/** Appends `text` with every byte that belongs to no well-formed sequence replaced by U+FFFD. */
void utf8_append_repaired(struct buffer *out, const char *text, size_t length);

/** Whether a control character (U+0000-U+001F, U+007F-U+009F) is in the well-formed `text`. */
bool utf8_has_control(const char *text, size_t length);

#endif
