/**
 * application/x-www-form-urlencoded, as in forms' bodies and in query strings (WHATWG URL, section
 * 5).
 *
 * '+' is a space, %XX a byte. A '%' that two hex digits do not follow, a decoded NUL, and text that
 * is not UTF-8 are refused: guessing what was meant would change what is subscribed to.
 */
#ifndef WEBSUB_COMMON_FORM_H
#define WEBSUB_COMMON_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

#define FORM_MAX_FIELDS 64

struct form_field {
    char *name;
    char *value; /**< NUL-terminated; never contains a NUL */
};

/** Zero-initialised is an empty form. */
struct form {
    struct form_field fields[FORM_MAX_FIELDS];
    size_t count;
};

/**
 * Appends the fields found in `text` to `form`, so that query and body can be parsed into one form.
 * Empty pairs ("a=1&&b=2") are passed over; a name without '=' has an empty value.
 * On failure (ERROR_INVALID, ERROR_TOO_LARGE) what was appended before stays: call form_fini.
 */
int form_parse(struct form *form, const char *text, size_t length, struct error *error);
/** The same for queries of clients that leave '+' as it is and mean one: it is no space. */
int form_parse_literal(struct form *form, const char *text, size_t length, struct error *error);
void form_fini(struct form *form);

/** The first value of `name`, or NULL; valid until form_fini. */
const char *form_get(const struct form *form, const char *name);
/** The same for callers that rewrite a value in place, never longer than it was. */
char *form_get_mutable(struct form *form, const char *name);
/** How often `name` occurs. */
size_t form_count(const struct form *form, const char *name);

/** Appends `value` percent-encoded such that form_parse gives it back; space becomes "%20". */
void form_encode(struct buffer *out, const char *value, size_t length);
/** Appends "name=value" with '&' before it when `out` is neither empty nor ends in '?' or '&'. */
void form_append(struct buffer *out, const char *name, const char *value);

#endif
