/**
 * Whose the subscriptions are, by id: what the hub asks of them when authentication is on. Names
 * are kept once for all their subscriptions. Filled by the view; thread-safe.
 */
#ifndef WEBSUB_HUB_OWNERS_H
#define WEBSUB_HUB_OWNERS_H

#include <stdbool.h>

#include "common/state.h"

struct owners;

struct owners *owners_new(void);
/** NULL is allowed. */
void owners_free(struct owners *owners);

/** The subscription's owner is `owner` now; NULL: it has none, or is gone. */
void owners_set(struct owners *owners, const char *id, const char *owner);

/** Whether the subscription is known to be somebody else's. */
bool owners_is_anothers(struct owners *owners, const char *id, const char *name);

#endif
