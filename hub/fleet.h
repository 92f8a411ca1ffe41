/**
 * The dispatchers, by their own reports: which there are, whether they live, and how much they
 * deliver. Times are monotonic ms where not said otherwise, and the caller's. Thread-safe.
 */
#ifndef WEBSUB_HUB_FLEET_H
#define WEBSUB_HUB_FLEET_H

#include "common/delivery_report.h"

struct fleet;

/** Who has not reported for so long is not shown any more; and never are more than so many. */
#define FLEET_FORGET_MS INT64_C(86400000)
enum { FLEET_MAX = 1000 };

struct fleet *fleet_new(void);
void fleet_free(struct fleet *fleet);

/** A report that was made at `made_ms`. Copies. */
void fleet_report(struct fleet *fleet, const struct dispatcher_report *report, int64_t made_ms);
/** That dispatcher ended. */
void fleet_remove(struct fleet *fleet, const char *id);

struct fleet_member {
    struct dispatcher_report report; /**< strings and shards owned */
    bool alive;                      /**< reported within the last three of its intervals */
};

/** Copies all, in the order of their ids; the caller frees with fleet_members_free. */
struct fleet_member *fleet_list(struct fleet *fleet, int64_t now_ms, size_t *count);
void fleet_members_free(struct fleet_member *members, size_t count);

/**
 * Deliveries per second since this was asked last (of a dispatcher that did not report since then:
 * between its last two reports, and none when it is not alive). For one asker. False: not known;
 * that is when none has reported twice.
 */
bool fleet_rates(struct fleet *fleet, int64_t now_ms, double *delivered, double *failed);

#endif
