/**
 * A whole hub: its HTTP server, and the parts that the requests are served from. What main.c runs,
 * and what tests and fuzzers start in their own process.
 */
#ifndef WEBSUB_HUB_FRONT_H
#define WEBSUB_HUB_FRONT_H

#include <stdbool.h>

#include "common/config.h"
#include "common/error.h"

struct front;

/**
 * Listens on hub.listen_address and hub.port, and then blocks until Kafka is reached and its topics
 * are there; meanwhile health is told, and other requests are answered 503. When it returns, the
 * view of the state may still be loading: requests wait for it (hub.view_timeout), /readyz tells.
 *
 * The log must have been started (log_init), and SIGPIPE be ignored. What is in `*config` becomes
 * the hub's, after failure too: the caller has nothing to free.
 *
 * @param stop_requested  asked while waiting for Kafka; true gives up with ERROR_CONFLICT
 * @returns NULL on failure: ERROR_CONFIG when it cannot listen, or as kafka_admin_prepare
 */
struct front *front_new(struct config *config, bool (*stop_requested)(void), struct error *error);

/** Reads again what may have changed, the TLS certificate, and opens the audit log again.
 * Blocks on files. */
void front_reload(struct front *front);

/** Whether only another process can go on, with the reason (kafka_producer_has_failed).
 * Thread-safe. */
bool front_has_failed(struct front *front, struct error *error);

/** Requests that are waiting for something, or whose answers are not sent yet. Thread-safe. */
int front_pending(struct front *front);

/** Lets no more requests in, settles those under way (up to kafka.produce_timeout and
 * hub.view_timeout together), and frees. NULL is fine. */
void front_free(struct front *front);

#endif
