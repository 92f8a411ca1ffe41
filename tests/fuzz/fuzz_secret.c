/*
 * Secrets from records that a stranger wrote: the first line is the key's id, the rest the text.
 * Nothing opens but what the key has sealed (which no input can be), plain stays what it is; and
 * the same bytes as a secret are sealed and opened again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/keyring.h"
#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

static const char owner[] = "0123456789abcdef0123456789abcdef";

static struct keyring *make_keyring(void)
{
    struct error error;
    char mosip[] = "mosip=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    char ours[] = "a=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    char *items[] = {mosip, ours};
    return keyring_new(&(struct string_list){items, 2}, &error);
}

static void check_open(const struct keyring *keyring, const struct stored_secret *secret)
{
    struct error error = {0};
    char *plain;
    if (keyring_open(keyring, owner, secret, &plain, &error) != 0) {
        ENSURE(!plain && secret->key_id);
        ENSURE(error.code == ERROR_INVALID || error.code == ERROR_NOT_FOUND);
        return;
    }
    /* In the corpus is one that MOSIP's key has sealed; what is ours is sealed with another key. */
    ENSURE(!secret->key_id || strcmp(secret->key_id, "mosip") == 0);
    ENSURE(secret->key_id || strcmp(plain, secret->text) == 0);
    secret_free(plain);
}

static void check_seal(const struct keyring *keyring, const char *plain)
{
    struct error error;
    struct stored_secret secret;
    char *again;
    keyring_seal(keyring, owner, plain, &secret);
    ENSURE(strlen(plain) > 40000 || keyring_open(keyring, owner, &secret, &again, &error) == 0);
    if (strlen(plain) <= 40000) {
        ENSURE(strcmp(again, plain) == 0);
        secret_free(again);
    }
    stored_secret_fini(&secret);
}

static struct keyring *keyring_of(char *item, struct error *error)
{
    return keyring_new(&(struct string_list){&item, 1}, error);
}

/** As a key: good, or refused; and when it is bad for sure, the message does not show it. */
static void check_key(char *item)
{
    static const char planted[] = "/planted/";
    struct error error = {0};
    struct keyring *keyring = keyring_of(item, &error);
    ENSURE(keyring || error.code == ERROR_CONFIG);
    keyring_free(keyring);
    char *bad = xasprintf("%s%s", item, planted);
    ENSURE(!keyring_of(bad, &error) && !strstr(error.message, planted));
    free(bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keyring *keyring;
    if (!keyring)
        keyring = make_keyring();
    ENSURE(keyring);
    char *input = xstrndup((const char *)data, size); /* up to the first NUL */
    char *newline = strchr(input, '\n');
    check_key(input);
    if (newline)
        *newline = '\0';
    const struct stored_secret secret = {newline ? input : NULL, newline ? newline + 1 : input};
    struct stored_secret mosip = {0};
    check_open(keyring, &secret);
    if (keyring_parse_mosip(secret.text, &mosip))
        check_open(keyring, &mosip);
    stored_secret_fini(&mosip);
    check_seal(keyring, secret.text);
    free(input);
    return 0;
}
