/**
 * Which notice a change of a subscription is worth. Pure.
 *
 * It follows from what the fold changed, and is written in the transaction that writes the change:
 * an event that comes twice changes nothing the second time, and so is not told of again.
 */
#ifndef WEBSUB_CONSOLIDATOR_FOLD_NOTICE_H
#define WEBSUB_CONSOLIDATOR_FOLD_NOTICE_H

#include "common/event.h"
#include "common/notice.h"
#include "common/state.h"

/** What was, of a subscription that may be changed in place or freed. */
struct fold_before {
    enum subscription_status status;
    bool warned;
    int64_t lease_end_ms;
    char *owner; /**< owned */
};

/** `state` NULL: there is none. */
void fold_before_init(struct fold_before *before, const struct subscription_state *state);
void fold_before_fini(struct fold_before *before);

/**
 * Fills `*notice` (to be finished with notice_fini) when `event`, which changed what was `before`
 * to `after` (NULL: it is gone), is worth one. `sequence`: its offset in its partition.
 */
bool fold_notice(const struct fold_before *before, const struct event *event, int64_t sequence,
                 const struct subscription_state *after, struct notice *notice);

#endif
