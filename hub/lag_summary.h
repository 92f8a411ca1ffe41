/** Of all subscriptions: how many are behind, and who is furthest behind. Pure. */
#ifndef WEBSUB_HUB_LAG_SUMMARY_H
#define WEBSUB_HUB_LAG_SUMMARY_H

#include "hub/catalog.h"

enum { LAG_TOP = 10, LAG_BEHIND_MS = 10000 };

struct lag_top {
    char id[ID_HEX_SIZE];
    struct lag_figure figure;
};

/** Zero-initialised: of none. */
struct lag_summary {
    size_t behind; /**< oldest message at least LAG_BEHIND_MS old, or of unknown age */
    struct lag_top
        top[LAG_TOP]; /**< who lacks anything: oldest message first, then most messages */
    size_t top_count;
};

/** Counts a subscription in, if it is one that is being served: neither asked for only, nor lapsed,
 * nor ending. */
void lag_summary_add(struct lag_summary *summary, const struct catalog_sight *sight,
                     const struct lag_figure *figure);

#endif
