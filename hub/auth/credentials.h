/**
 * What a request offers as proof of who makes it: a token, a name with a password, or a TLS client
 * certificate. Found in its headers and not judged here.
 */
#ifndef WEBSUB_HUB_AUTH_CREDENTIALS_H
#define WEBSUB_HUB_AUTH_CREDENTIALS_H

#include <stddef.h>

/** A longer token or password is refused unread: no provider issues such. */
#define CREDENTIALS_MAX_LENGTH 8192

enum credentials_kind {
    CREDENTIALS_TOKEN = 1 << 0,
    CREDENTIALS_PASSWORD = 1 << 1,
    CREDENTIALS_CERTIFICATE = 1 << 2,
};

/** Points into the headers, which live as long as their request. */
struct credentials {
    unsigned kinds;    /**< those that are there */
    const char *token; /**< not NUL-terminated */
    size_t token_length;
    const char *password; /**< base64 of "name:password" (RFC 7617); not NUL-terminated */
    size_t password_length;
    const char *certificate; /**< verified name of the client certificate */
};

/**
 * Reads the values of the headers Authorization ("Bearer TOKEN", RFC 6750, or "Basic …") and Cookie
 * ("Authorization=TOKEN", as MOSIP's clients send it), and the name of the client certificate; each
 * may be NULL. A bearer token in Authorization goes before one in a cookie. Other schemes are
 * passed over: they offer nothing. A token or password with characters that it cannot have is a
 * problem, in a cookie only when nothing else is offered.
 *
 * @returns NULL, or why what was offered cannot be used, a literal; `credentials` is empty then.
 */
const char *credentials_read(struct credentials *credentials, const char *authorization,
                             const char *cookie, const char *certificate);

#endif
