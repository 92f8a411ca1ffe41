/** What the dispatcher tells at /metrics; named and explained in docs/metrics.md. */
#ifndef WEBSUB_DISPATCHER_DISPATCHER_METRICS_H
#define WEBSUB_DISPATCHER_DISPATCHER_METRICS_H

#include "common/metrics.h"

struct dispatcher;

/** Fills dispatcher->metrics, before threads start; `dispatcher` stays as long as `metrics`. */
void dispatcher_metrics_register(struct dispatcher *dispatcher, struct metrics *metrics);

#endif
