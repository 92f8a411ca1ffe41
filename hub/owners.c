#include "hub/owners.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/panic.h"

/** Name of somebody who has subscriptions. */
struct owner {
    size_t subscriptions;
    UT_hash_handle hh;
    char name[];
};

struct owned {
    char id[ID_HEX_SIZE];
    struct owner *owner;
    UT_hash_handle hh;
};

struct owners {
    pthread_rwlock_t lock; /* what follows */
    struct owner *owners;
    struct owned *owned;
};

struct owners *owners_new(void)
{
    struct owners *owners = xcalloc(1, sizeof(*owners));
    pthread_rwlock_init(&owners->lock, NULL);
    return owners;
}

static struct owner *take_owner(struct owners *owners, const char *name)
{
    struct owner *owner;
    HASH_FIND_STR(owners->owners, name, owner);
    if (!owner) {
        size_t length = strlen(name);
        owner = xcalloc(1, sizeof(*owner) + length + 1);
        memcpy(owner->name, name, length);
        HASH_ADD_STR(owners->owners, name, owner);
    }
    owner->subscriptions++;
    return owner;
}

static void leave_owner(struct owners *owners, struct owner *owner)
{
    if (--owner->subscriptions > 0)
        return;
    HASH_DEL(owners->owners, owner);
    free(owner);
}

static void remove_owned(struct owners *owners, struct owned *owned)
{
    leave_owner(owners, owned->owner);
    HASH_DEL(owners->owned, owned);
    free(owned);
}

void owners_free(struct owners *owners)
{
    if (!owners)
        return;
    while (owners->owned)
        remove_owned(owners, owners->owned);
    pthread_rwlock_destroy(&owners->lock);
    free(owners);
}

void owners_set(struct owners *owners, const char *id, const char *owner)
{
    struct owned *owned;
    pthread_rwlock_wrlock(&owners->lock);
    HASH_FIND(hh, owners->owned, id, ID_HEX_SIZE - 1, owned);
    if (owned && (!owner || strcmp(owned->owner->name, owner) != 0)) {
        remove_owned(owners, owned);
        owned = NULL;
    }
    if (!owned && owner) {
        owned = xcalloc(1, sizeof(*owned));
        memcpy(owned->id, id, ID_HEX_SIZE - 1);
        owned->owner = take_owner(owners, owner);
        HASH_ADD(hh, owners->owned, id, ID_HEX_SIZE - 1, owned);
    }
    pthread_rwlock_unlock(&owners->lock);
}

bool owners_is_anothers(struct owners *owners, const char *id, const char *name)
{
    struct owned *owned;
    pthread_rwlock_rdlock(&owners->lock);
    HASH_FIND(hh, owners->owned, id, ID_HEX_SIZE - 1, owned);
    bool anothers = owned && strcmp(owned->owner->name, name) != 0;
    pthread_rwlock_unlock(&owners->lock);
    return anothers;
}
