/**
 * Writes reports (common/delivery_report.h) to the status topic. Best effort: positions and events
 * go through the same producer, so only so many reports may wait for Kafka; a report that it does
 * not take is counted and lost. All functions are thread-safe and never block.
 */
#ifndef WEBSUB_DISPATCHER_STATUS_REPORTS_H
#define WEBSUB_DISPATCHER_STATUS_REPORTS_H

#include "common/delivery_report.h"
#include "dispatcher/dispatcher.h"

struct status_reports;

struct status_reports *status_reports_new(struct dispatcher *dispatcher, struct error *error);
/** Only after the producer was drained. NULL is fine. */
void status_reports_free(struct status_reports *reports);

/** @returns -1: Kafka does not keep up, nothing is written. The report stays the caller's. */
int status_reports_send_subscription(struct status_reports *reports,
                                     const struct subscription_report *report);

/** Likewise, and the next one will do. */
void status_reports_send_dispatcher(struct status_reports *reports,
                                    const struct dispatcher_report *report);
/** The dispatcher ends: its report is taken back, even when Kafka does not keep up. */
void status_reports_end_dispatcher(struct status_reports *reports, const char *id);

#endif
