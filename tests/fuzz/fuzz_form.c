/* Forms: what is parsed, encoded and parsed again is the same. The first line is a query, the rest
 * a body. */
#include <stdlib.h>
#include <string.h>

#include "common/form.h"
#include "common/panic.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const struct form *a, const struct form *b)
{
    ENSURE(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        ENSURE(strcmp(a->fields[i].name, b->fields[i].name) == 0);
        ENSURE(strcmp(a->fields[i].value, b->fields[i].value) == 0);
    }
}

static void check_round_trip(const struct form *form)
{
    struct error error;
    struct form again = {0};
    struct buffer text = {0};
    for (size_t i = 0; i < form->count; i++) {
        if (i > 0)
            buffer_append_string(&text, "&");
        form_encode(&text, form->fields[i].name, strlen(form->fields[i].name));
        buffer_append_string(&text, "=");
        form_encode(&text, form->fields[i].value, strlen(form->fields[i].value));
    }
    ENSURE(form_parse(&again, text.data, text.length, &error) == 0);
    check_same(form, &again);
    form_fini(&again);
    buffer_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct form form = {0};
    const char *text = (const char *)data;
    const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t query = newline ? (size_t)(newline - text) : size;
    if (form_parse(&form, text, query, &error) == 0 &&
        (!newline || form_parse(&form, newline + 1, size - query - 1, &error) == 0)) {
        ENSURE(form.count <= FORM_MAX_FIELDS);
        check_round_trip(&form);
    } else {
        ENSURE(error.code == ERROR_INVALID || error.code == ERROR_TOO_LARGE);
    }
    for (size_t i = 0; i < form.count; i++) {
        ENSURE(form_count(&form, form.fields[i].name) > 0);
        ENSURE(form_get(&form, form.fields[i].name));
        ENSURE(utf8_valid(form.fields[i].value, strlen(form.fields[i].value)));
    }
    form_fini(&form);
    if (form_parse_literal(&form, text, query, &error) == 0)
        check_round_trip(&form);
    form_fini(&form);
    return 0;
}
