/** Changes single members of a JSON record, to see what its decoder says. */
#ifndef WEBSUB_TESTS_UNIT_JSON_EDIT_H
#define WEBSUB_TESTS_UNIT_JSON_EDIT_H

#include <jansson.h>
#include <string.h>

/**
 * A copy of the record with member `name` set to the JSON text `value`, or without it when `value`
 * is NULL. The caller frees it.
 */
static inline char *json_edit(const char *record, const char *name, const char *value)
{
    json_t *object = json_loads(record, 0, NULL);
    assert_non_null(object);
    if (value) {
        json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);
        assert_non_null(parsed);
        json_object_set_new(object, name, parsed);
    } else {
        json_object_del(object, name);
    }
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

/** JSON texts of every kind but the one that is asked for; ends with NULL. */
static inline const char *const *json_not_a_string(void)
{
    static const char *const values[] = {"null", "true", "1", "1.5", "[\"a\"]", "{\"a\":1}", NULL};
    return values;
}
static inline const char *const *json_not_an_integer(void)
{
    static const char *const values[] = {"null", "false", "\"1\"", "1.0", "[1]", "{}", NULL};
    return values;
}
static inline const char *const *json_not_a_boolean(void)
{
    static const char *const values[] = {"null", "0", "1", "\"true\"", "[]", "{}", NULL};
    return values;
}

#endif
