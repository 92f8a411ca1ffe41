#include "common/utf8.h"

#include <stdint.h>

/* One row of table 3-7 of the Unicode standard: the first byte decides the length, and the range of
 * the second byte shuts out overlong forms, surrogates and what is above U+10FFFF. */
struct lead {
    uint8_t first, last;
    uint8_t second_min, second_max;
    uint8_t length;
};

static const struct lead leads[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_sequence(const uint8_t *bytes, const struct lead *lead)
{
    if (lead->length > 1 && (bytes[1] < lead->second_min || bytes[1] > lead->second_max))
        return false;
    for (size_t i = 2; i < lead->length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return false;
    }
    return true;
}

size_t utf8_sequence(const char *text, size_t length)
{
    if (length == 0)
        return 0;
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        const struct lead *lead = &leads[i];
        if (bytes[0] < lead->first || bytes[0] > lead->last)
            continue;
        return length >= lead->length && is_sequence(bytes, lead) ? lead->length : 0;
    }
    return 0;
}

bool utf8_valid(const char *text, size_t length)
{
    size_t position = 0;
    while (position < length) {
        size_t step = utf8_sequence(text + position, length - position);
        if (step == 0)
            return false;
        position += step;
    }
    return true;
}

void utf8_append_repaired(struct buffer *out, const char *text, size_t length)
{
    size_t position = 0;
    while (position < length) {
        size_t step = utf8_sequence(text + position, length - position);
        if (step == 0)
            buffer_append_string(out, "\xef\xbf\xbd");
        else
            buffer_append(out, text + position, step);
        position += step > 0 ? step : 1;
    }
}

bool utf8_has_control(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return true;
        if (bytes[i] == 0xc2 && i + 1 < length && bytes[i + 1] < 0xa0)
            return true;
    }
    return false;
}
