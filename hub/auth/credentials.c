#include "hub/auth/credentials.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* RFC 6750, section 2.1: b68token, which RFC 7235 calls token68; base64 is a part of it. */
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

/** The length of the token at `text`, or 0 when it is none up to `end` (a character or NUL). */
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

static bool take_token(struct credentials *credentials, const char *text, char end)
{
    size_t length = token_length(text, end);
    if (length == 0)
        return false;
    credentials->token = text;
    credentials->token_length = length;
    credentials->kinds |= CREDENTIALS_TOKEN;
    return true;
}

static bool take_password(struct credentials *credentials, const char *text)
{
    credentials->password = text;
    credentials->password_length = token_length(text, '\0');
    if (credentials->password_length == 0)
        return false;
    credentials->kinds |= CREDENTIALS_PASSWORD;
    return true;
}

/** RFC 6265, section 4.1.1: a cookie's value may stand in quotes. */
static bool take_cookie(struct credentials *credentials, const char *value)
{
    if (*value != '"')
        return take_token(credentials, value, ';');
    const char *end = strchr(value + 1, '"');
    const char *rest = end ? end + 1 + strspn(end + 1, " ") : value;
    return (*rest == '\0' || *rest == ';') && take_token(credentials, value + 1, '"') &&
           credentials->token + credentials->token_length == end;
}

static const char *read_headers(struct credentials *credentials, const char *authorization,
                                const char *cookie)
{
    const char *value = authorization;
    if (value && take_scheme(&value, "Bearer")) {
        if (!take_token(credentials, value, '\0'))
            return "the Authorization header has no token of the right form";
    } else if (value && take_scheme(&value, "Basic")) {
        if (!take_password(credentials, value))
            return "the Authorization header has no name and password of the right form";
    }
    /* Browsers and proxies send cookies unasked: with better proof, a bad one is passed over. */
    value = credentials->kinds & CREDENTIALS_TOKEN ? NULL : find_cookie(cookie);
    if (value && !take_cookie(credentials, value)) {
        credentials->kinds &= ~(unsigned)CREDENTIALS_TOKEN;
        credentials->token = NULL;
        credentials->token_length = 0;
        if (!(credentials->kinds & CREDENTIALS_PASSWORD))
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
    const char *problem = read_headers(credentials, authorization, cookie);
    if (problem) {
        *credentials = (struct credentials){0};
        return problem;
    }
    if (certificate) {
        credentials->certificate = certificate;
        credentials->kinds |= CREDENTIALS_CERTIFICATE;
    }
    return NULL;
}
