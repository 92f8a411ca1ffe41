#include "hub/auth/claims.h"

#include <string.h>

/** Far from overflow in sums with a leeway, and beyond all that is meant. */
#define MAX_SECONDS (INT64_MAX / 4000)

/* --- times --- */

/** NumericDate (RFC 7519, section 2): a number of seconds, maybe with a fraction. False: another
 * type. */
static bool read_time(const json_t *value, int64_t *ms)
{
    if (!json_is_number(value))
        return false;
    double seconds = json_number_value(value);
    if (seconds > (double)MAX_SECONDS)
        *ms = MAX_SECONDS * 1000;
    else if (seconds < 0)
        *ms = 0;
    else
        *ms = (int64_t)(seconds * 1000);
    return true;
}

static const char *check_times(const struct config *config, const json_t *claims, int64_t now_ms)
{
    const json_t *end = json_object_get(claims, "exp");
    const json_t *begin = json_object_get(claims, "nbf");
    int64_t ms;
    if (end && !read_time(end, &ms))
        return "the token's end (exp) is no time";
    if (end && now_ms >= ms + config->auth.leeway)
        return "the token has expired";
    if (begin && !read_time(begin, &ms))
        return "the token's begin (nbf) is no time";
    if (begin && now_ms + config->auth.leeway < ms)
        return "the token is not valid yet";
    return NULL;
}

int64_t claims_expires_ms(const json_t *claims)
{
    int64_t ms;
    return read_time(json_object_get(claims, "exp"), &ms) ? ms : INT64_MAX;
}

/* --- from whom, for whom --- */

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/** RFC 7519, section 4.1.3: one text, or a list of them. */
static bool is_among(const json_t *value, const char *text)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (is_text(json_array_get(value, i), text))
            return true;
    return is_text(value, text);
}

const char *claims_check(const struct config *config, const json_t *claims, int64_t now_ms)
{
    const char *problem = check_times(config, claims, now_ms);
    if (problem)
        return problem;
    if (config->auth.issuer[0] && !is_text(json_object_get(claims, "iss"), config->auth.issuer))
        return "the token is not from the issuer that is trusted here";
    if (config->auth.audience[0] &&
        !is_among(json_object_get(claims, "aud"), config->auth.audience))
        return "the token is for another audience";
    return NULL;
}

/* --- who --- */

/** The claim `path`; names with points of their own ("https://a.example/roles") go first. Each step
 * leads to another object, so it takes no longer than the claims are large. */
static const json_t *find(const json_t *object, const char *path)
{
    const json_t *found = json_object_get(object, path);
    for (const char *point = strchr(path, '.'); point && !found; point = strchr(point + 1, '.')) {
        const json_t *inner = json_object_getn(object, path, (size_t)(point - path));
        if (inner)
            found = find(inner, point + 1);
    }
    return found;
}

static const json_t *find_name(const struct config *config, const json_t *claims,
                               const char *const *fallbacks)
{
    const json_t *name = find(claims, config->auth.user_claim);
    for (; !name && fallbacks && *fallbacks; fallbacks++)
        name = json_object_get(claims, *fallbacks);
    return name;
}

static void add_roles(struct identity *identity, const json_t *value)
{
    if (json_is_string(value))
        identity_add_roles(identity, json_string_value(value), " ");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *role = json_array_get(value, i);
        if (json_is_string(role))
            identity_add_roles(identity, json_string_value(role), "");
    }
}

struct identity *claims_to_identity(const struct config *config, const char *method,
                                    const json_t *claims, const char *const *fallbacks,
                                    const char **reason)
{
    const json_t *name = find_name(config, claims, fallbacks);
    if (!json_is_string(name)) {
        *reason = "the token has no claim with the name of its user";
        return NULL;
    }
    struct identity *identity =
        identity_new(method, json_string_value(name), config->auth.user_prefix);
    if (!identity) {
        *reason = "the token's user has a name that cannot be used";
        return NULL;
    }
    for (size_t i = 0; i < config->auth.role_claims.count; i++)
        add_roles(identity, find(claims, config->auth.role_claims.items[i]));
    return identity;
}
