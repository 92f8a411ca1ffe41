#include "client/authorization.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "client/fail.h"
#include "common/panic.h"
#include "common/utf8.h"

static int make_bearer(const char *token, char **line, struct websub_error *error)
{
    /* RFC 6750, section 2.1 */
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~+/=";
    if (!*token || token[strspn(token, characters)])
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0,
                        "the token is empty or contains a character that none has");
    *line = xasprintf("Authorization: Bearer %s", token);
    return 0;
}

static int make_basic(const char *user_password, char **line, struct websub_error *error)
{
    size_t length = strlen(user_password);
    const char *colon = strchr(user_password, ':');
    if (!colon || colon == user_password || !utf8_valid(user_password, length) ||
        utf8_has_control(user_password, length))
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0,
                        "name and password are not \"name:password\" in one line of UTF-8");
    char *base64 = xcalloc(1, length / 3 * 4 + 5);
    EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)user_password, (int)length);
    *line = xasprintf("Authorization: Basic %s", base64);
    authorization_free(base64);
    return 0;
}

int authorization_make(const struct websub_client_options *options, char **line,
                       struct websub_error *error)
{
    if (options->bearer_token && options->user_password)
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0,
                        "a token and a password exclude each other");
    if (options->bearer_token)
        return make_bearer(options->bearer_token, line, error);
    if (options->user_password)
        return make_basic(options->user_password, line, error);
    return 0;
}

void authorization_free(char *line)
{
    if (line)
        explicit_bzero(line, strlen(line));
    free(line);
}
