/** How far behind a subscription is: the one place that works it out. Pure. */
#ifndef WEBSUB_HUB_LAG_FIGURE_H
#define WEBSUB_HUB_LAG_FIGURE_H

#include "common/position.h"
#include "hub/lag_history.h"

/** What a dispatcher has reported of a subscription's position; times are wall clock. */
struct lag_report {
    int64_t at_ms; /**< 0: nothing was reported */
    int64_t next;  /**< -1: not known; see delivery_report.h for this and the others */
    int64_t base;
    int64_t oldest_ms;
};

struct lag_facts {
    struct position position;          /**< in the state */
    const struct shard_commit *commit; /**< of its shard; NULL: not known now. Made with a state
                                          that is not newer than that of `position` */
    struct lag_report report;
    int64_t start;  /**< the first offset that the partition still has; -1: not known */
    int64_t end;    /**< of the partition; -1: not known now */
    int64_t end_ms; /**< when it was looked up, monotonic */
    const struct lag_history *history; /**< of the partition; NULL: none */
    bool alone;                        /**< nothing but the topic's messages is in the partition */
    int64_t now_wall_ms;
};

struct lag_figure {
    int64_t position; /**< offset of the next message to be confirmed; -1: not known */
    int64_t messages; /**< records that there are from there to the end; -1: not known */
    bool exact;       /**< `messages` are what it has not confirmed; false: there may be others' */
    int64_t age_ms; /**< of the oldest that it has not confirmed, 0: there is none; -1: not known */
};

#define LAG_UNKNOWN ((struct lag_figure){-1, -1, false, -1})

/** Whether the subscription, whose position is of this base, has come further since the report. */
bool lag_is_further(const struct lag_figure *figure, const struct lag_report *report, int64_t base);

void lag_figure_make(struct lag_figure *figure, const struct lag_facts *facts);

#endif
