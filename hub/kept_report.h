/**
 * What dispatchers have reported of subscriptions, as the catalog keeps it: small, and for a while
 * also of subscriptions that the catalog does not know yet. Not thread-safe.
 */
#ifndef WEBSUB_HUB_KEPT_REPORT_H
#define WEBSUB_HUB_KEPT_REPORT_H

#include <uthash.h>

#include "common/delivery_report.h"
#include "hub/lag_figure.h"
#include "hub/names.h"

/** Times are wall clock ms, 0: none, as in delivery_report.h. */
struct kept_report {
    struct lag_report lag;
    int64_t last_success_ms;
    int64_t last_failure_ms;
    int64_t next_attempt_ms;
    const struct name *reason; /**< or NULL */
    unsigned failures;
    unsigned short status;
};

/**
 * Puts a report to what was known before (NULL: nothing), which is taken over. A dispatcher that
 * has just taken over does not know of earlier outcomes: they stay.
 */
struct kept_report *kept_report_update(struct kept_report *kept, struct names *names,
                                       const struct subscription_report *report);
/** NULL is fine. */
void kept_report_free(struct kept_report *kept, struct names *names);

/** At most so many are kept of subscriptions that are not known, so long; the oldest go first. */
enum { EARLY_REPORTS_MAX = 10000, EARLY_REPORTS_MS = 10 * 60 * 1000 };

/** Zero-initialised is empty. */
struct early_reports {
    struct early_report *first; /* a hash table, in the order of their coming */
};

void early_reports_put(struct early_reports *early, struct names *names,
                       const struct subscription_report *report, int64_t now_ms);
/** The report of the subscription, now the caller's; NULL: there is none. `id` has ID_HEX_SIZE - 1
 * characters. */
struct kept_report *early_reports_take(struct early_reports *early, const char *id);
void early_reports_fini(struct early_reports *early, struct names *names);

#endif
