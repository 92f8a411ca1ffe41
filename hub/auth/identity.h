/**
 * Who makes a request, as one of the methods of authentication found out: a name, and the roles and
 * scopes that come with it (one thing to us). Reference counted, because the cache and requests
 * share it; immutable once it is shared.
 */
#ifndef WEBSUB_HUB_AUTH_IDENTITY_H
#define WEBSUB_HUB_AUTH_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct identity {
    atomic_int references;
    const char *method; /**< a literal, the word of auth.mode: "jwt" */
    char *name;         /**< never empty; UTF-8 without control characters */
    char **roles;
    size_t role_count;
};

/**
 * An identity with one reference and no roles. `prefix` (auth.user_prefix) is taken off the name.
 * NULL when what is left is no name: empty, too long, no UTF-8, or with control characters.
 */
struct identity *identity_new(const char *method, const char *name, const char *prefix);
/** Adds the words of `text` between any of the characters `separators`; blanks around them and
 * empty ones are left out. */
void identity_add_roles(struct identity *identity, const char *text, const char *separators);

struct identity *identity_ref(struct identity *identity);
/** NULL is allowed. */
void identity_unref(struct identity *identity);

bool identity_has_role(const struct identity *identity, const char *role);

#endif
