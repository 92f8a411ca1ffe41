/**
 * The endpoints that each program serves: /healthz (the process lives), /readyz (it can do its
 * job), /metrics, and MOSIP's /<program>/actuator/health.
 */
#ifndef WEBSUB_COMMON_HEALTH_H
#define WEBSUB_COMMON_HEALTH_H

#include <stdbool.h>

#include "common/config.h"
#include "common/http_server.h"
#include "common/metrics.h"

struct health {
    const char *actuator_path; /**< e.g. "/hub/actuator/health" */
    struct metrics *metrics;
    /** Thread-safe. When not ready, `*reason` gets a literal that says what is missing. */
    bool (*is_ready)(void *context, const char **reason);
    void *context;
};

/** Answers `request` if it is one of the endpoints; false: it is not, and still unanswered. */
bool health_handle(const struct health *health, struct http_request *request);

/**
 * A server that serves nothing else: for programs without an interface of their own. It speaks TLS
 * if `config` (only read now) says so, and asks nobody for a client certificate.
 */
struct http_server *health_server_new(const struct health *health, const struct config *config,
                                      const char *listen_address, uint16_t port,
                                      struct error *error);

#endif
