#include "hub/auth/credentials.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* RFC 6750, section 2.1: b68token. A cookie's value (RFC 6265) may be in quotes; no token is. */
static const char token_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-._~+/=";

/** Whether `value` starts with the scheme and a blank; if so moves it to what follows. */
static bool take_scheme(const char **value, const char *scheme)
{
    size_t length = strlen(scheme);
    if (strncasecmp(*value, scheme, length) != 0 || (*value)[length] != ' ')
        return false;
    *value += length;
    *value += strspn(*value, " ");
    return true;
}

/** The length of the token at `text`, or 0 when it is none, up to `end` (a character or NUL). */
static size_t token_length(const char *text, char end)
{
    size_t length = strspn(text, token_characters);
    const char *rest = text + length + strspn(text + length, " ");
    return *rest == '\0' || *rest == end ? length : 0;
}

/** The value of the cookie "Authorization", or NULL (RFC 6265, section 4.2.1). */
static const char *find_cookie(const char *cookies)
{
    static const char name[] = "Authorization=";
    while (cookies) {
        cookies += strspn(cookies, " ");
        if (strncmp(cookies, name, sizeof(name) - 1) == 0)
            return cookies + sizeof(name) - 1;
        cookies = strchr(cookies, ';');
        if (cookies)
            cookies++;
    }
    return NULL;
}

static void take_token(struct credentials *credentials, const char *text, char end)
{
    size_t length = token_length(text, end);
    if (length == 0)
        return;
    credentials->token = text;
    credentials->token_length = length;
    credentials->kinds |= CREDENTIALS_TOKEN;
}

static const char *read_all(struct credentials *credentials, const char *authorization,
                            const char *cookie, const char *certificate)
{
    const char *value = authorization;
    if (certificate) {
        credentials->certificate = certificate;
        credentials->kinds |= CREDENTIALS_CERTIFICATE;
    }
    if (value && take_scheme(&value, "Bearer")) {
        take_token(credentials, value, '\0');
        if (!(credentials->kinds & CREDENTIALS_TOKEN))
            return "the Authorization header has no token of the right form";
    } else if (value && take_scheme(&value, "Basic")) {
        credentials->password = value;
        credentials->password_length = token_length(value, '\0');
        if (credentials->password_length == 0)
            return "the Authorization header has no name and password of the right form";
        credentials->kinds |= CREDENTIALS_PASSWORD;
    }
    value = find_cookie(cookie);
    if (value && !(credentials->kinds & CREDENTIALS_TOKEN)) {
        take_token(credentials, value, ';');
        if (!(credentials->kinds & CREDENTIALS_TOKEN))
            return "the cookie has no token of the right form";
    }
    if (credentials->token_length > CREDENTIALS_MAX_LENGTH ||
        credentials->password_length > CREDENTIALS_MAX_LENGTH)
        return "the token or password is too long";
    return NULL;
}

const char *credentials_read(struct credentials *credentials, const char *authorization,
                             const char *cookie, const char *certificate)
{
    *credentials = (struct credentials){0};
    const char *problem = read_all(credentials, authorization, cookie, certificate);
    if (problem)
        *credentials = (struct credentials){0};
    return problem;
}
