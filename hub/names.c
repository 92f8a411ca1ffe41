#include "hub/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/panic.h"

struct name {
    size_t users;
    UT_hash_handle hh;
    char text[];
};

const struct name *names_take(struct names *names, const char *text)
{
    struct name *name;
    if (!text)
        return NULL;
    HASH_FIND_STR(names->first, text, name);
    if (!name) {
        size_t length = strlen(text);
        name = xcalloc(1, sizeof(*name) + length + 1);
        memcpy(name->text, text, length);
        HASH_ADD_STR(names->first, text, name);
    }
    name->users++;
    return name;
}

void names_leave(struct names *names, const struct name *shared)
{
    struct name *name = (struct name *)(uintptr_t)shared; /* ours, shown to others as const */
    if (!name || --name->users > 0)
        return;
    HASH_DEL(names->first, name);
    free(name);
}

const char *name_text(const struct name *name)
{
    return name ? name->text : NULL;
}
