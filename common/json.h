/** Small helpers over jansson for the record codecs: typed, bounded access with one error style. */
#ifndef WEBSUB_COMMON_JSON_H
#define WEBSUB_COMMON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* Far beyond any real value, and far from overflowing in sums of a few of them. */
#define RECORD_MAX_SECONDS   INT32_MAX
#define RECORD_MAX_MS        (INT64_MAX / 8)
#define RECORD_MAX_IN_FLIGHT 1000

/** Parses one JSON object of version 1 ("v": 1); NULL on failure. Release with json_decref. */
json_t *json_parse_record(const void *bytes, size_t length, struct error *error);

/** A copy of string member `name`; NULL when it is not there (`*error` stays) or is no string (it
 * is set). */
char *json_take_string(const json_t *object, const char *name, struct error *error);
/** The integer member `name`, or `fallback` when it is not there; sets `*error` when it is no
 * integer. */
int64_t json_take_integer(const json_t *object, const char *name, int64_t fallback,
                          struct error *error);
/** The integer member `name`, 0 when it is not there; sets `*error` unless it is in [0, max]. */
int64_t json_take_bounded(const json_t *object, const char *name, int64_t max, struct error *error);
bool json_take_bool(const json_t *object, const char *name, struct error *error);

/** Sets a member unless `value` is NULL. */
void json_put_string(json_t *object, const char *name, const char *value);
void json_put_integer(json_t *object, const char *name, int64_t value);
/** Nothing, unless it is above 0, or true. */
void json_put_positive(json_t *object, const char *name, int64_t value);
void json_put_true(json_t *object, const char *name, bool value);

/** Compact text of `object`, which it consumes; the caller frees it with free(). */
char *json_finish(json_t *object, size_t *length);

#endif
