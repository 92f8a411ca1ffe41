/**
 * Registers topics: decides where a new topic's messages lie (messages.layout), makes its Kafka
 * topic, and writes the event. The Kafka calls block, so a thread of its own makes them, one after
 * the other.
 */
#ifndef WEBSUB_HUB_REGISTRAR_H
#define WEBSUB_HUB_REGISTRAR_H

#include <stdint.h>

#include "common/error.h"

struct hub;
struct registrar;

/** Embedded by the asker, who keeps it and the topic until `done` was called, exactly once. */
struct registration {
    /** `error` NULL: the event is confirmed. On the registrar's or the producer's thread; must not
     * block. */
    void (*done)(struct registration *registration, const struct error *error);
    const char *topic;
    /* private */
    struct hub *hub;
    int64_t deadline_ms;
    struct registration *next;
};

struct registrar *registrar_new(struct hub *hub);
/** Settles what waits as failed, and stops the thread. */
void registrar_free(struct registrar *registrar);

/** Thread-safe, never blocks. Registering a topic that is registered does nothing. */
void registrar_register(struct registrar *registrar, struct registration *registration);

#endif
