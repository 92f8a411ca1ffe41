#include "consolidator/fold_notice.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/panic.h"

void fold_before_init(struct fold_before *before, const struct subscription_state *state)
{
    *before = (struct fold_before){.status = SUBSCRIPTION_REQUESTED};
    if (!state)
        return;
    before->status = state->status;
    before->warned = state->warned;
    before->lease_end_ms = state->lease_end_ms;
    before->owner = xstrdup_or_null(state->owner);
}

void fold_before_fini(struct fold_before *before)
{
    free(before->owner);
    before->owner = NULL;
}

/** The notice that the change is worth, and its reason, borrowed, or NULL; false: none. */
static bool judge(const struct fold_before *before, const struct event *event,
                  const struct subscription_state *after, enum notice_type *type,
                  const char **reason)
{
    *reason = NULL;
    if (event->type == EVENT_DELIVERY_GONE) {
        *type = NOTICE_GONE;
        *reason = "status_410";
        return true;
    }
    if (!after)
        return false;
    if (after->status == SUBSCRIPTION_SUSPENDED && before->status != SUBSCRIPTION_SUSPENDED) {
        *type = NOTICE_SUSPENDED;
        *reason = after->reason;
        return true;
    }
    if (after->status == SUBSCRIPTION_ACTIVE && before->status == SUBSCRIPTION_SUSPENDED) {
        *type = NOTICE_RECOVERED;
        *reason = event->type == EVENT_SUBSCRIPTION_VERIFIED ? "renewed" : "delivered";
        return true;
    }
    if (after->status == SUBSCRIPTION_LAPSED && before->status != SUBSCRIPTION_LAPSED) {
        *type = NOTICE_LAPSED;
        return true;
    }
    *type = NOTICE_LAPSING;
    return after->warned && !before->warned;
}

bool fold_notice(const struct fold_before *before, const struct event *event, int64_t sequence,
                 const struct subscription_state *after, struct notice *notice)
{
    enum notice_type type;
    const char *reason;
    if (!judge(before, event, after, &type, &reason))
        return false;
    *notice = (struct notice){
        .type = type,
        .at_ms = event->at_ms,
        .topic = xstrdup(event->topic),
        .reason = xstrdup_or_null(reason),
    };
    bool ended = type == NOTICE_GONE;
    notice->owner = xstrdup_or_null(ended ? before->owner : after->owner);
    notice->lease_end_ms = ended ? before->lease_end_ms : after->lease_end_ms;
    id_subscription(event->topic, event->callback, notice->subscription);
    notice_set_callback(notice, event->callback);
    /* Offsets begin anew when the events topic is made anew. */
    char *occasion = xasprintf("%" PRId64 "/%" PRId64, sequence, event->at_ms);
    notice_set_id(notice, occasion);
    free(occasion);
    return true;
}
