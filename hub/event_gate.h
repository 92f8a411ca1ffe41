/**
 * Writes the hub's events, but none that its consolidator may not know (event.h): during an upgrade
 * a promise that an older version would drop is not given.
 */
#ifndef WEBSUB_HUB_EVENT_GATE_H
#define WEBSUB_HUB_EVENT_GATE_H

#include "common/event_writer.h"

struct hub;

/** As event_writer_send; ERROR_UNAVAILABLE while the consolidator is too old. Thread-safe. */
int event_gate_send(struct hub *hub, const struct event *event, event_written_fn written,
                    void *context, struct error *error);

#endif
