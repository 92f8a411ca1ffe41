/**
 * Reads the dispatchers' reports (common/delivery_report.h) from the beginning of the status topic,
 * and follows them: those of subscriptions go to the catalog, those of dispatchers to the fleet. A
 * thread of its own, with a consumer that joins no group. Nothing waits for it: what is not read
 * yet is not known yet.
 */
#ifndef WEBSUB_HUB_STATUS_READER_H
#define WEBSUB_HUB_STATUS_READER_H

#include "common/kafka_admin.h"
#include "common/metrics.h"
#include "hub/catalog.h"
#include "hub/fleet.h"
#include "hub/view.h"

struct status_reader;

/** Begins once the view is loaded, so that few reports come before their subscriptions. */
struct status_reader *status_reader_new(const struct config *config,
                                        const struct kafka_names *names,
                                        const struct kafka_layout *layout, struct view *view,
                                        struct catalog *catalog, struct fleet *fleet,
                                        struct counter *malformed, struct error *error);
/** Stops first. NULL is fine. */
void status_reader_free(struct status_reader *reader);

#endif
