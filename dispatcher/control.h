/**
 * The control thread: membership in the dispatchers' group, the shards that it gives us, and the
 * offsets of the shards. It decides which loop has which subscription, and when.
 */
#ifndef WEBSUB_DISPATCHER_CONTROL_H
#define WEBSUB_DISPATCHER_CONTROL_H

#include "dispatcher/dispatcher.h"

struct control;

/** Joins the group and starts the thread. */
struct control *control_new(struct dispatcher *dispatcher, struct error *error);

/** Whether the group has been joined and all shards that it gave are being served. Thread-safe. */
bool control_is_ready(struct control *control);

/** False when the thread ended by itself: something failed for good. Thread-safe. */
bool control_is_alive(struct control *control);

/**
 * Finishes what is under way, commits, and leaves the group: blocks up to
 * dispatcher.shutdown_grace. Afterwards no loop has any subscription.
 */
void control_stop(struct control *control);
void control_free(struct control *control);

#endif
