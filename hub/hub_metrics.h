/** The hub's metrics: counted by its operations, named in one place. */
#ifndef WEBSUB_HUB_HUB_METRICS_H
#define WEBSUB_HUB_HUB_METRICS_H

#include "hub/hub.h"

/** Makes all of them in `metrics`, which must outlive the hub. */
void hub_metrics_register(struct hub_metrics *m, struct metrics *metrics);

#endif
