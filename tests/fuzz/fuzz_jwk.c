/* Published keys: what is taken of a set, or of a PEM text, is a key for what it says, and within
 * the bounds. */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "hub/auth/jwk.h"
#include "tests/fuzz/fuzz.h"

/** Its text holds one key, which fits at least the algorithms that it is for. */
static void check_key(const struct jwk *key)
{
    struct error error;
    struct jwk_set *again = jwk_set_parse_pem(key->pem, strlen(key->pem), &error);
    ENSURE(again && again->count == 1 && again->passed_over == 0);
    ENSURE(key->algorithms != 0);
    ENSURE((key->algorithms & ~again->keys[0].algorithms) == 0);
    ENSURE(strcmp(key->pem, again->keys[0].pem) == 0);
    ENSURE(!key->kid || strlen(key->kid) <= JWK_MAX_KID);
    jwk_set_unref(again);
}

static void check_set(struct jwk_set *set, struct jwk_set *again)
{
    ENSURE(set->count <= JWK_MAX_KEYS);
    for (size_t i = 0; i < set->count; i++)
        check_key(&set->keys[i]);
    ENSURE(again && jwk_set_equal(set, again) && set->passed_over == again->passed_over);
    jwk_set_unref(set);
    jwk_set_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    const char *text = (const char *)data;
    struct jwk_set *set = jwk_set_parse(text, size, &error);
    if (set)
        check_set(set, jwk_set_parse(text, size, &error));
    else
        ENSURE(error.code == ERROR_INVALID);
    set = jwk_set_parse_pem(text, size, &error);
    if (set)
        check_set(set, jwk_set_parse_pem(text, size, &error));
    else
        ENSURE(error.code == ERROR_INVALID);
    return 0;
}
