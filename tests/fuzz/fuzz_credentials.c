/* Credentials: what is found in the headers lies in them, has the characters and the length of a
 * token, and is found again. The first line is Authorization, the second Cookie; an empty one is
 * not there. */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "hub/auth/cache.h"
#include "hub/auth/credentials.h"
#include "tests/fuzz/fuzz.h"

/** Whether `part` lies in `header` and has the form of a token. */
static bool lies_in(const char *part, size_t length, const char *header)
{
    static const char others[] = " ;,\"\\\t\r\n";
    return header && part >= header && part + length <= header + strlen(header) &&
           strcspn(part, others) >= length;
}

static void check_token(const struct credentials *found, const char *authorization,
                        const char *cookie)
{
    struct credentials again;
    char *header = xasprintf("Bearer %.*s", (int)found->token_length, found->token);
    ENSURE(found->token_length > 0 && found->token_length <= CREDENTIALS_MAX_LENGTH);
    ENSURE(lies_in(found->token, found->token_length, authorization) ||
           lies_in(found->token, found->token_length, cookie));
    ENSURE(!credentials_read(&again, header, cookie, NULL));
    ENSURE(again.kinds == CREDENTIALS_TOKEN && again.token_length == found->token_length &&
           memcmp(again.token, found->token, again.token_length) == 0);
    free(header);
}

static void check(const struct credentials *found, const char *authorization, const char *cookie)
{
    unsigned char key[AUTH_CACHE_KEY_SIZE];
    ENSURE((found->kinds & CREDENTIALS_TOKEN) ? found->token != NULL : !found->token);
    ENSURE((found->kinds & CREDENTIALS_PASSWORD) ? found->password != NULL : !found->password);
    ENSURE(!(found->kinds & CREDENTIALS_CERTIFICATE));
    if (found->token)
        check_token(found, authorization, cookie);
    if (found->password)
        ENSURE(found->password_length > 0 && found->password_length <= CREDENTIALS_MAX_LENGTH &&
               lies_in(found->password, found->password_length, authorization));
    auth_cache_key(found, key);
}

/** A line without its end; NULL when it is empty. A header has no NUL: it ends there. */
static char *take_line(const char **text, const char *end)
{
    const char *newline = memchr(*text, '\n', (size_t)(end - *text));
    const char *stop = newline ? newline : end;
    char *line = stop > *text ? xstrndup(*text, (size_t)(stop - *text)) : NULL;
    *text = newline ? newline + 1 : end;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = text + size;
    struct credentials found;
    char *authorization = size > 0 ? take_line(&text, end) : NULL;
    char *cookie = text < end ? take_line(&text, end) : NULL;
    const char *problem = credentials_read(&found, authorization, cookie, NULL);
    if (problem)
        ENSURE(problem[0] && found.kinds == 0 && !found.token && !found.password);
    else
        check(&found, authorization, cookie);
    free(authorization);
    free(cookie);
    return 0;
}
