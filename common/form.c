#include "common/form.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that "%XX" at `text` stands for, or -1. */
static int decode_escape(const char *text, size_t length)
{
    if (length < 3)
        return -1;
    int high = hex_digit(text[1]);
    int low = hex_digit(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decodes into a new string; NULL with `*error` set when the text is not well-formed. `plus` is
 * what a '+' stands for. */
static char *decode(const char *text, size_t length, char plus, struct error *error)
{
    char *out = xmalloc(length + 1); /* decoding never makes longer */
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)text[i];
        if (byte == '+') {
            byte = plus;
        } else if (byte == '%') {
            byte = decode_escape(text + i, length - i);
            i += 2;
        }
        if (byte < 0) {
            error_set(error, ERROR_INVALID, false, "a '%%' is not followed by two hex digits");
            goto fail;
        }
        if (byte == 0) {
            error_set(error, ERROR_INVALID, false, "a parameter contains a NUL character");
            goto fail;
        }
        out[used++] = (char)byte;
    }
    if (!utf8_valid(out, used)) {
        error_set(error, ERROR_INVALID, false, "a parameter is not valid UTF-8");
        goto fail;
    }
    out[used] = '\0';
    return out;

fail:
    free(out);
    return NULL;
}

static int add_pair(struct form *form, const char *text, size_t length, char plus,
                    struct error *error)
{
    if (form->count == FORM_MAX_FIELDS)
        return error_set(error, ERROR_TOO_LARGE, false, "more than %d parameters", FORM_MAX_FIELDS);

    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    size_t value_start = equals ? name_length + 1 : length;
    char *name = decode(text, name_length, plus, error);
    if (!name)
        return -1;
    char *value = decode(text + value_start, length - value_start, plus, error);
    if (!value) {
        free(name);
        return -1;
    }
    form->fields[form->count++] = (struct form_field){.name = name, .value = value};
    return 0;
}

static int parse(struct form *form, const char *text, size_t length, char plus, struct error *error)
{
    size_t position = 0;
    while (position < length) {
        const char *pair = text + position;
        const char *end = memchr(pair, '&', length - position);
        size_t pair_length = end ? (size_t)(end - pair) : length - position;
        if (pair_length > 0 && add_pair(form, pair, pair_length, plus, error) != 0)
            return -1;
        position += pair_length + 1;
    }
    return 0;
}

int form_parse(struct form *form, const char *text, size_t length, struct error *error)
{
    return parse(form, text, length, ' ', error);
}

int form_parse_literal(struct form *form, const char *text, size_t length, struct error *error)
{
    return parse(form, text, length, '+', error);
}

void form_fini(struct form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        free(form->fields[i].name);
        free(form->fields[i].value);
    }
    form->count = 0;
}

char *form_get_mutable(struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (strcmp(form->fields[i].name, name) == 0)
            return form->fields[i].value;
    }
    return NULL;
}

const char *form_get(const struct form *form, const char *name)
{
    return form_get_mutable((struct form *)(uintptr_t)form, name);
}

size_t form_count(const struct form *form, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < form->count; i++) {
        if (strcmp(form->fields[i].name, name) == 0)
            count++;
    }
    return count;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void form_encode(struct buffer *out, const char *value, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    buffer_reserve(out, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)value[i];
        const char escape[] = {'%', digits[byte >> 4], digits[byte & 15]};
        if (is_unreserved(value[i]))
            buffer_append(out, &value[i], 1);
        else
            buffer_append(out, escape, sizeof(escape));
    }
}

void form_append(struct buffer *out, const char *name, const char *value)
{
    char last = out->length > 0 ? out->data[out->length - 1] : '?';
    if (last != '?' && last != '&')
        buffer_append_string(out, "&");
    form_encode(out, name, strlen(name));
    buffer_append_string(out, "=");
    form_encode(out, value, strlen(value));
}
