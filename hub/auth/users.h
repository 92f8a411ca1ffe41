/**
 * The users file of auth.mode "basic": a user a line,
 *
 *   name:hash:role role...
 *
 * The name is UTF-8 without ':' and control characters; auth.user_prefix is taken off it. The hash
 * is of the password, as of crypt(5): yescrypt ($y$), gost-yescrypt ($gy$), bcrypt ($2b$, $2y$,
 * $2a$), SHA-512 ($6$); others are refused, as too weak or too slow. The roles have blanks between
 * them; they may be left out, and the ':' before them too.
 *
 * Blanks around a line do not count; lines that are empty or start with '#' are passed over.
 */
#ifndef WEBSUB_HUB_AUTH_USERS_H
#define WEBSUB_HUB_AUTH_USERS_H

#include <crypt.h>
#include <stddef.h>

#include "common/error.h"
#include "hub/auth/identity.h"

/** Immutable once it is made. */
struct users;

/**
 * Parses a file's text; `prefix` is auth.user_prefix. NULL on failure (ERROR_CONFIG): the message
 * names the line and what is wrong, and repeats nothing of the line, which has a hash in it.
 */
struct users *users_parse(const char *text, size_t length, const char *prefix, struct error *error);
void users_free(struct users *users);

size_t users_count(const struct users *users);

/**
 * Who has this name (as it stands in the file, prefix included) and password; NULL: nobody. Costs
 * the CPU time that the hash was made for, 10 to 100 ms, also when there is no such name, so that
 * nobody can tell from outside which names there are. The result stays the users'.
 */
struct identity *users_find(const struct users *users, const char *name, const char *password,
                            struct crypt_data *scratch);

#endif
