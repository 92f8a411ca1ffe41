/**
 * The open connections of an HTTP server, and how long each may take for what it does: a thread
 * looks at all of them a few times a second, and ends those that are past their time. An idle
 * time-out alone is defeated by one byte every few seconds.
 *
 * Part of http_server; nobody else includes it.
 */
#ifndef WEBSUB_COMMON_HTTP_CONNECTION_H
#define WEBSUB_COMMON_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/tls_certificate.h"

struct http_connections;
struct http_connection;

struct http_connection_limits {
    int64_t idle_ms;   /**< 0: no bound */
    int64_t header_ms; /**< 0: no bound */
    int64_t body_ms;   /**< 0: no bound */
};

/** What a connection is about, and thus its deadline, from the moment on when it is told. */
enum http_phase {
    HTTP_PHASE_FIRST_HEAD, /**< it was just opened: TLS handshake and head within header_ms */
    HTTP_PHASE_NEXT_HEAD,  /**< nothing for idle_ms, and then a head within header_ms */
    HTTP_PHASE_HEAD,       /**< its first line is there: the rest within header_ms */
    HTTP_PHASE_BODY,       /**< within body_ms */
    HTTP_PHASE_HANDLER,    /**< ours to answer: no bound */
    HTTP_PHASE_ANSWER,     /**< taken by the client within body_ms */
};

/** Starts the thread. `certificate` (borrowed; NULL: no TLS) is checked for changes by it. */
struct http_connections *http_connections_new(const struct http_connection_limits *limits,
                                              struct tls_certificate *certificate);
/** Ends the thread: from now on nothing is ended or checked any more. */
void http_connections_stop(struct http_connections *connections);
/** All must have been closed, and the thread stopped. */
void http_connections_free(struct http_connections *connections);

/*
 * The rest is called on the connection's server thread.
 */

/** `session` NULL: no TLS. The socket and the session outlive the connection's
 * http_connection_free.
 */
struct http_connection *http_connection_new(struct http_connections *connections, int socket,
                                            gnutls_session_t session);
/** Must be called before its socket is closed. */
void http_connection_free(struct http_connection *connection);

/** @returns false when the connection is past its time and being ended: nothing shall be begun. */
bool http_connection_enter(struct http_connection *connection, enum http_phase phase);

/** As tls_snapshot_client_name, by the authorities that are in use now; looked up again after a
 * minute at the latest. Lives until the next call. */
const char *http_connection_client_name(struct http_connection *connection);

/** GnuTLS' callback for sessions of connections. */
int http_connection_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                             gnutls_pcert_st **certificates, unsigned *count,
                             gnutls_ocsp_data_st **ocsp, unsigned *ocsp_length,
                             gnutls_privkey_t *key, unsigned *flags);

#endif
