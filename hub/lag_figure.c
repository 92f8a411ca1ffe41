#include "hub/lag_figure.h"

/**
 * A report's position belongs to a `base`, as positions of events do: under the same one it only
 * ever goes ahead, so whichever is further is the truth, however late the report comes.
 */
static bool report_counts(const struct lag_facts *facts)
{
    return facts->report.at_ms > 0 && facts->report.next >= 0 &&
           facts->report.base == facts->position.base;
}

bool lag_is_further(const struct lag_figure *figure, const struct lag_report *report, int64_t base)
{
    return report->at_ms > 0 && report->next >= 0 && report->base == base &&
           figure->position > report->next;
}

static int64_t find_position(const struct lag_facts *facts)
{
    const struct shard_commit none = {-1, 0};
    if (!facts->position.detached && !facts->commit)
        return -1;
    int64_t position = position_resume(&facts->position, facts->commit ? facts->commit : &none);
    if (report_counts(facts) && facts->report.next > position)
        position = facts->report.next;
    return position;
}

static int64_t at_least_zero(int64_t value)
{
    return value > 0 ? value : 0;
}

static int64_t find_age(const struct lag_facts *facts, int64_t position)
{
    int64_t published_ms;
    if (report_counts(facts) && facts->report.next == position && facts->report.oldest_ms > 0)
        return at_least_zero(facts->now_wall_ms - facts->report.oldest_ms);
    if (facts->history && lag_history_published(facts->history, position, &published_ms))
        return at_least_zero(facts->end_ms - published_ms);
    return -1;
}

void lag_figure_make(struct lag_figure *figure, const struct lag_facts *facts)
{
    *figure = LAG_UNKNOWN;
    figure->position = find_position(facts);
    if (figure->position < 0 || facts->end < 0)
        return;
    /* What is older than the first one has gone with its retention; and the position may have been
     * told after the end. */
    int64_t first = figure->position > facts->start ? figure->position : facts->start;
    figure->messages = at_least_zero(facts->end - first);
    figure->exact = facts->alone || figure->messages == 0;
    figure->age_ms = figure->messages == 0 ? 0 : find_age(facts, first);
}
