#include "hub/lag_summary.h"

#include <string.h>

static bool is_served(enum subscription_status status)
{
    return status == SUBSCRIPTION_ACTIVE || status == SUBSCRIPTION_SUSPENDED ||
           status == SUBSCRIPTION_PAUSED;
}

/** Of one whose age is not known, there is no telling how far behind it is: it comes last. */
static bool is_further(const struct lag_figure *a, const struct lag_figure *b)
{
    return a->age_ms != b->age_ms ? a->age_ms > b->age_ms : a->messages > b->messages;
}

static void put(struct lag_summary *summary, const struct catalog_sight *sight,
                const struct lag_figure *figure)
{
    size_t at = summary->top_count;
    while (at > 0 && is_further(figure, &summary->top[at - 1].figure))
        at--;
    if (at == LAG_TOP)
        return;
    if (summary->top_count < LAG_TOP)
        summary->top_count++;
    memmove(&summary->top[at + 1], &summary->top[at],
            (summary->top_count - at - 1) * sizeof(summary->top[0]));
    memcpy(summary->top[at].id, sight->id, ID_HEX_SIZE - 1);
    summary->top[at].id[ID_HEX_SIZE - 1] = '\0';
    summary->top[at].figure = *figure;
}

void lag_summary_add(struct lag_summary *summary, const struct catalog_sight *sight,
                     const struct lag_figure *figure)
{
    if (!sight->verified || !is_served(sight->status) || figure->messages <= 0)
        return;
    summary->behind += figure->age_ms < 0 || figure->age_ms >= LAG_BEHIND_MS;
    put(summary, sight, figure);
}
