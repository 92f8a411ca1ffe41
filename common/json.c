#include "common/json.h"

#include <string.h>

#include "common/panic.h"

json_t *json_parse_record(const void *bytes, size_t length, struct error *error)
{
    json_error_t where;
    json_t *object = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where);
    if (!object) {
        error_set(error, ERROR_INVALID, false, "not JSON: %s at byte %d", where.text,
                  where.position);
        return NULL;
    }
    const json_t *version = json_object_get(object, "v");
    if (!json_is_integer(version) || json_integer_value(version) != 1) {
        error_set(error, ERROR_INVALID, false, "not a record of version 1");
        json_decref(object);
        return NULL;
    }
    return object;
}

char *json_take_string(const json_t *object, const char *name, struct error *error)
{
    const json_t *value = json_object_get(object, name);
    if (!value)
        return NULL;
    if (!json_is_string(value)) {
        error_set(error, ERROR_INVALID, false, "\"%s\" is no string", name);
        return NULL;
    }
    return xstrndup(json_string_value(value), json_string_length(value));
}

int64_t json_take_integer(const json_t *object, const char *name, int64_t fallback,
                          struct error *error)
{
    const json_t *value = json_object_get(object, name);
    if (!value)
        return fallback;
    if (!json_is_integer(value)) {
        error_set(error, ERROR_INVALID, false, "\"%s\" is no integer", name);
        return fallback;
    }
    return json_integer_value(value);
}

int64_t json_take_bounded(const json_t *object, const char *name, int64_t max, struct error *error)
{
    int64_t value = json_take_integer(object, name, 0, error);
    if (value >= 0 && value <= max)
        return value;
    error_set(error, ERROR_INVALID, false, "\"%s\" is out of range", name);
    return 0;
}

bool json_take_bool(const json_t *object, const char *name, struct error *error)
{
    const json_t *value = json_object_get(object, name);
    if (value && !json_is_boolean(value))
        error_set(error, ERROR_INVALID, false, "\"%s\" is no boolean", name);
    return json_is_true(value);
}

void json_put_string(json_t *object, const char *name, const char *value)
{
    /* json_string refuses what is not UTF-8: whoever puts it here must have checked it. */
    if (value)
        ENSURE(json_object_set_new_nocheck(object, name, json_string(value)) == 0);
}

void json_put_integer(json_t *object, const char *name, int64_t value)
{
    ENSURE(json_object_set_new_nocheck(object, name, json_integer(value)) == 0);
}

void json_put_positive(json_t *object, const char *name, int64_t value)
{
    if (value > 0)
        json_put_integer(object, name, value);
}

void json_put_true(json_t *object, const char *name, bool value)
{
    if (value)
        json_object_set_new(object, name, json_true());
}

char *json_finish(json_t *object, size_t *length)
{
    char *text = json_dumps(object, JSON_COMPACT);
    ENSURE(text);
    *length = strlen(text);
    json_decref(object);
    return text;
}
