#include "common/stored_secret.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"

void stored_secret_copy(struct stored_secret *to, const struct stored_secret *from)
{
    to->key_id = xstrdup_or_null(from->key_id);
    to->text = xstrdup_or_null(from->text);
}

void secret_free(char *plain)
{
    if (plain)
        explicit_bzero(plain, strlen(plain));
    free(plain);
}

void stored_secret_fini(struct stored_secret *secret)
{
    secret_free(secret->text);
    free(secret->key_id);
    *secret = (struct stored_secret){0};
}

void stored_secret_put(json_t *object, const struct stored_secret *secret)
{
    if (!secret->text)
        return;
    json_put_string(object, "secret", secret->text);
    json_put_string(object, "secret_key", secret->key_id);
}

void stored_secret_take(const json_t *object, struct stored_secret *secret, struct error *error)
{
    secret->text = json_take_string(object, "secret", error);
    secret->key_id = json_take_string(object, "secret_key", error);
    if (secret->key_id && !secret->text && error->code == ERROR_NONE)
        error_set(error, ERROR_INVALID, false, "\"secret_key\" names the key of no \"secret\"");
}
