#include "common/fetched.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"digest", offsetof(struct fetched, digest)},
    {"url", offsetof(struct fetched, url)},
    {"etag", offsetof(struct fetched, etag)},
    {"last_modified", offsetof(struct fetched, last_modified)},
    {"self", offsetof(struct fetched, self)},
    {"entries", offsetof(struct fetched, entries)},
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static char **member(struct fetched *fetched, size_t i)
{
    return (char **)(void *)((char *)fetched + members[i].offset);
}

static const char *value(const struct fetched *fetched, size_t i)
{
    return *member((struct fetched *)(uintptr_t)fetched, i);
}

void fetched_copy(struct fetched *to, const struct fetched *from)
{
    for (size_t i = 0; i < MEMBERS; i++)
        *member(to, i) = xstrdup_or_null(value(from, i));
}

void fetched_fini(struct fetched *fetched)
{
    for (size_t i = 0; i < MEMBERS; i++)
        free(*member(fetched, i));
    memset(fetched, 0, sizeof(*fetched));
}

void fetched_put(json_t *object, const struct fetched *fetched)
{
    json_t *inner = json_object();
    for (size_t i = 0; i < MEMBERS; i++)
        json_put_string(inner, members[i].name, value(fetched, i));
    if (json_object_size(inner) > 0)
        json_object_set_new(object, "fetched", inner);
    else
        json_decref(inner);
}

void fetched_take(const json_t *object, struct fetched *fetched, struct error *problem)
{
    const json_t *inner = json_object_get(object, "fetched");
    memset(fetched, 0, sizeof(*fetched));
    if (!inner)
        return;
    if (!json_is_object(inner)) {
        error_set(problem, ERROR_INVALID, false, "\"fetched\" is no object");
        return;
    }
    for (size_t i = 0; i < MEMBERS; i++)
        *member(fetched, i) = json_take_string(inner, members[i].name, problem);
}
