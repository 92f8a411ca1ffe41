#include "hub/auth/identity.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/utf8.h"

enum { MAX_NAME = 512, MAX_ROLES = 1000 };

struct identity *identity_new(const char *method, const char *name, const char *prefix)
{
    size_t skip = strlen(prefix);
    if (strncmp(name, prefix, skip) == 0)
        name += skip;
    size_t length = strlen(name);
    if (length == 0 || length > MAX_NAME || !utf8_valid(name, length) ||
        utf8_has_control(name, length))
        return NULL;
    struct identity *identity = xcalloc(1, sizeof(*identity));
    atomic_init(&identity->references, 1);
    identity->method = method;
    identity->name = xstrdup(name);
    return identity;
}

static void add_role(struct identity *identity, const char *role, size_t length)
{
    while (length > 0 && *role == ' ') {
        role++;
        length--;
    }
    while (length > 0 && role[length - 1] == ' ')
        length--;
    if (length == 0 || identity->role_count == MAX_ROLES)
        return;
    identity->roles =
        xrealloc(identity->roles, (identity->role_count + 1) * sizeof(*identity->roles));
    identity->roles[identity->role_count++] = xstrndup(role, length);
}

void identity_add_roles(struct identity *identity, const char *text, const char *separators)
{
    while (*text) {
        size_t length = strcspn(text, separators);
        add_role(identity, text, length);
        text += length + (text[length] != '\0');
    }
}

struct identity *identity_ref(struct identity *identity)
{
    atomic_fetch_add(&identity->references, 1);
    return identity;
}

void identity_unref(struct identity *identity)
{
    if (!identity || atomic_fetch_sub(&identity->references, 1) > 1)
        return;
    for (size_t i = 0; i < identity->role_count; i++)
        free(identity->roles[i]);
    free(identity->roles);
    free(identity->name);
    free(identity);
}

bool identity_has_role(const struct identity *identity, const char *role)
{
    for (size_t i = 0; i < identity->role_count; i++)
        if (strcmp(identity->roles[i], role) == 0)
            return true;
    return false;
}
