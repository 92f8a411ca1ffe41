#include "common/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/secret_cipher.h"

enum { MAX_ID = 64 };

struct key {
    char id[MAX_ID + 1];
    struct secret_cipher_key cipher;
};

struct keyring {
    struct key *keys;
    size_t count;
    const struct key *current; /* or NULL */
};

/* --- making --- */

static bool is_id(const char *text, size_t length)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_.";
    return length >= 1 && length <= MAX_ID && strspn(text, characters) >= length;
}

/** What is wrong with "id=base64", as an end of the message; NULL: nothing. */
static const char *parse_key(const char *item, const struct keyring *keyring, struct key *key)
{
    size_t length = strcspn(item, "=");
    if (!is_id(item, length))
        return "an id has 1 to 64 letters, digits, '-', '_' and '.', and '=' follows it";
    memcpy(key->id, item, length);
    if (keyring_find(keyring, key->id) < keyring->count)
        return "an item before it has the same id";
    if (item[length] != '=' || secret_cipher_read_key(item + length + 1, &key->cipher) != 0)
        return "a key is base64 of exactly 32 bytes (openssl rand -base64 32)";
    return NULL;
}

struct keyring *keyring_new(const struct string_list *keys, struct error *error)
{
    struct keyring *keyring = xcalloc(1, sizeof(*keyring));
    keyring->keys = xcalloc(keys->count + 1, sizeof(*keyring->keys));
    for (size_t i = 0; i < keys->count; i++) {
        const char *problem = parse_key(keys->items[i], keyring, &keyring->keys[i]);
        if (problem) {
            error_set(error, ERROR_CONFIG, false, "item %zu: %s", i + 1, problem);
            keyring_free(keyring);
            return NULL;
        }
        keyring->count++;
        if (!keyring->current && strcmp(keyring->keys[i].id, KEYRING_MOSIP_ID) != 0)
            keyring->current = &keyring->keys[i];
    }
    return keyring;
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    explicit_bzero(keyring->keys, keyring->count * sizeof(*keyring->keys));
    free(keyring->keys);
    free(keyring);
}

int keyring_check_config(const struct config *config, struct error *error)
{
    struct keyring *keyring = keyring_new(&config->security.secret_keys, error);
    if (!keyring)
        return error_prefix(error, "security.secret_keys");
    keyring_free(keyring);
    return 0;
}

/* --- looking --- */

size_t keyring_count(const struct keyring *keyring)
{
    return keyring ? keyring->count : 0;
}

const char *keyring_id(const struct keyring *keyring, size_t index)
{
    return keyring->keys[index].id;
}

size_t keyring_find(const struct keyring *keyring, const char *id)
{
    size_t i = 0, count = keyring_count(keyring);
    while (i < count && strcmp(keyring->keys[i].id, id) != 0)
        i++;
    return i;
}

bool keyring_is_outdated(const struct keyring *keyring, const struct stored_secret *secret)
{
    return secret->text && keyring && keyring->current &&
           (!secret->key_id || strcmp(secret->key_id, keyring->current->id) != 0);
}

/* --- using --- */

void keyring_seal(const struct keyring *keyring, const char *subscription_id, const char *plain,
                  struct stored_secret *secret)
{
    *secret = (struct stored_secret){0};
    if (!plain)
        return;
    if (keyring && keyring->current) {
        secret->key_id = xstrdup(keyring->current->id);
        secret->text = secret_cipher_seal(&keyring->current->cipher, subscription_id, plain);
    } else {
        secret->text = xstrdup(plain);
    }
}

/**
 * A version that knows no keys leaves their ids out when it writes a record anew. What one of ours
 * opens was sealed: nobody else can make such a text. NULL: it is as it was given.
 */
static char *open_without_id(const struct keyring *keyring, const char *subscription_id,
                             const char *text)
{
    struct error error;
    char *plain = NULL;
    for (size_t i = 0; i < keyring_count(keyring) && !plain; i++)
        if (strcmp(keyring->keys[i].id, KEYRING_MOSIP_ID) != 0)
            plain = secret_cipher_open(&keyring->keys[i].cipher, subscription_id, text, &error);
    return plain;
}

int keyring_open(const struct keyring *keyring, const char *subscription_id,
                 const struct stored_secret *secret, char **plain, struct error *error)
{
    *plain = NULL;
    if (!secret->text)
        return 0;
    if (!secret->key_id) {
        *plain = open_without_id(keyring, subscription_id, secret->text);
        if (!*plain)
            *plain = xstrdup(secret->text);
        return 0;
    }
    size_t index = keyring_find(keyring, secret->key_id);
    if (index == keyring_count(keyring))
        return error_set(error, ERROR_NOT_FOUND, false,
                         "its key is not among security.secret_keys");
    const struct secret_cipher_key *key = &keyring->keys[index].cipher;
    *plain = strcmp(secret->key_id, KEYRING_MOSIP_ID) == 0
                 ? secret_cipher_open_mosip(key, secret->text, error)
                 : secret_cipher_open(key, subscription_id, secret->text, error);
    return *plain ? 0 : -1;
}

/* --- MOSIP's form --- */

bool keyring_parse_mosip(const char *text, struct stored_secret *secret)
{
    static const char prefix[] = "cipher{", alphabet[] = "abcdefghijklmnopqrstuvwxyz"
                                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=";
    size_t length = strlen(text);
    if (strncmp(text, prefix, strlen(prefix)) != 0 || length < strlen(prefix) + 2 ||
        strspn(text + strlen(prefix), alphabet) != length - strlen(prefix) - 1 ||
        text[length - 1] != '}')
        return false;
    secret->key_id = xstrdup(KEYRING_MOSIP_ID);
    secret->text = xstrndup(text + strlen(prefix), length - strlen(prefix) - 1);
    return true;
}
