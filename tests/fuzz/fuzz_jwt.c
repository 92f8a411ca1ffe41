/* Tokens: none is good but those that the issuer has signed, character by character. */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "hub/auth/claims.h"
#include "hub/auth/jwt_token.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/jwt_fixture.h"

enum { GOOD_COUNT = sizeof(good_tokens) / sizeof(good_tokens[0]) };

/* 2023-11-14: the good tokens last until 2100. */
static const int64_t now_ms = INT64_C(1700000000000);

static struct config config;
static struct jwk_set *keys;

static bool is_granted(const char *text, size_t length)
{
    struct jwt_token token;
    const char *reason = jwt_token_read(&token, text, length, &config.auth.algorithms);
    ENSURE(!reason != !token.text && !reason != !token.claims);
    struct identity *identity = NULL;
    if (!reason && jwt_token_verify(&token, &keys, 1) == JWT_VERIFIED &&
        !claims_check(&config, token.claims, now_ms))
        identity = claims_to_identity(&config, "jwt", token.claims, NULL, &reason);
    bool granted = identity;
    identity_unref(identity);
    jwt_token_fini(&token);
    return granted;
}

static void set_up(void)
{
    struct error error;
    ENSURE(config_load(&config, NULL, &error) == 0);
    keys = jwk_set_parse(key_set, strlen(key_set), &error);
    ENSURE(keys && keys->count == 3);
    for (size_t i = 0; i < GOOD_COUNT; i++)
        ENSURE(is_granted(good_tokens[i], strlen(good_tokens[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool good = false;
    if (!keys)
        set_up();
    for (size_t i = 0; i < GOOD_COUNT; i++)
        good |= strlen(good_tokens[i]) == size && memcmp(good_tokens[i], data, size) == 0;
    ENSURE(is_granted((const char *)data, size) == good);
    return 0;
}
