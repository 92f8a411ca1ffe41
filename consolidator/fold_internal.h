/** Inside the fold: what its files share.
 *
 *   fold.c          requests, verifications, time, deliveries, topics
 *   fold_time.c     when time will do something
 *   fold_command.c  operators' commands
 *   fold_import.c   subscriptions that another hub verified
 *   fold_ping.c     light pings
 */
#ifndef WEBSUB_CONSOLIDATOR_FOLD_INTERNAL_H
#define WEBSUB_CONSOLIDATOR_FOLD_INTERNAL_H

#include "consolidator/fold.h"

/** Frees `*to` and takes over `value`. */
void fold_set_string(char **to, char *value);

/** Whether it has a lease, or had one that may be taken up again. */
bool fold_is_verified(const struct subscription_state *state);
/** Whether it has a lease: active, suspended or paused. */
bool fold_is_served(const struct subscription_state *state);
/** Whether one who asks as `owner` may change the subscription. */
bool fold_may_change(const struct subscription_state *state, const char *owner, bool by_operator);

/** Does nothing when there is none. */
void fold_end_pause(struct subscription_state *state);
/** Drops what is pending; the denial notice is owed to all but a lapsed one without a request. */
enum fold_outcome fold_end_with_notice(struct subscription_state **state, const char *reason);

/** A message was delivered once more, as a command said. */
enum fold_outcome fold_redelivered(struct subscription_state *state, const struct event *event);
/** Its dead letters were settled up to an offset: a fact, whoever tells it, and however late. */
enum fold_outcome fold_letters_settled(struct subscription_state *state, const struct event *event);
/** They make no sense any more: it ended, or its messages lie elsewhere. */
void fold_clear_redeliveries(struct subscription_state *state);

/** A ping, or what became of a fetch. */
enum fold_outcome fold_ping(struct topic_state *state, const struct event *event, int64_t sequence);
/** A new one, without any request yet. */
struct subscription_state *fold_new_subscription(const struct event *event);
/** A subscription that another hub verified; there may be a state. */
enum fold_outcome fold_imported(struct subscription_state **state, const struct event *event,
                                int64_t sequence);

/** An operator's command; there is a state. */
enum fold_outcome fold_command(struct subscription_state **state, const struct event *event,
                               int64_t sequence);

#endif
