#include "hub/kept_report.h"

#include <stdlib.h>

#include "common/panic.h"

struct kept_report *kept_report_update(struct kept_report *kept, struct names *names,
                                       const struct subscription_report *report)
{
    if (!kept)
        kept = xcalloc(1, sizeof(*kept));
    kept->lag = (struct lag_report){report->at_ms, report->next, report->base, report->oldest_ms};
    kept->next_attempt_ms = report->next_attempt_ms;
    kept->failures = report->failures;
    if (report->last_success_ms > 0)
        kept->last_success_ms = report->last_success_ms;
    if (report->last_failure_ms > 0) {
        const struct name *reason = names_take(names, report->reason);
        names_leave(names, kept->reason);
        kept->reason = reason;
        kept->last_failure_ms = report->last_failure_ms;
        kept->status = (unsigned short)report->status;
    }
    return kept;
}

void kept_report_free(struct kept_report *kept, struct names *names)
{
    if (!kept)
        return;
    names_leave(names, kept->reason);
    free(kept);
}

struct early_report {
    char id[ID_HEX_SIZE];
    int64_t at_ms;
    struct kept_report *kept;
    UT_hash_handle hh;
};

static struct kept_report *take_out(struct early_reports *early, struct early_report *found)
{
    struct kept_report *kept = found->kept;
    HASH_DEL(early->first, found);
    free(found);
    return kept;
}

/** They lie in the order of their coming. */
static void forget_old(struct early_reports *early, struct names *names, int64_t now_ms)
{
    while (early->first && (HASH_COUNT(early->first) > EARLY_REPORTS_MAX ||
                            early->first->at_ms + EARLY_REPORTS_MS < now_ms))
        kept_report_free(take_out(early, early->first), names);
}

void early_reports_put(struct early_reports *early, struct names *names,
                       const struct subscription_report *report, int64_t now_ms)
{
    struct early_report *added = xcalloc(1, sizeof(*added));
    struct kept_report *before = early_reports_take(early, report->id);
    memcpy(added->id, report->id, sizeof(added->id));
    added->at_ms = now_ms;
    added->kept = kept_report_update(before, names, report);
    HASH_ADD(hh, early->first, id, ID_HEX_SIZE - 1, added);
    forget_old(early, names, now_ms);
}

struct kept_report *early_reports_take(struct early_reports *early, const char *id)
{
    struct early_report *found;
    HASH_FIND(hh, early->first, id, ID_HEX_SIZE - 1, found);
    return found ? take_out(early, found) : NULL;
}

void early_reports_fini(struct early_reports *early, struct names *names)
{
    while (early->first)
        kept_report_free(take_out(early, early->first), names);
}
