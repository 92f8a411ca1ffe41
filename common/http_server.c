/*
 * The life of a request, and the race between its handler and its answer:
 *
 *   HANDLING --http_respond--> ANSWERED              (answered before the handler returned)
 *   HANDLING --handler returned--> SUSPENDED --http_respond--> ANSWERED, connection resumed
 *
 * The answer may come from another thread while the server thread is about to suspend the
 * connection. So the server thread suspends first and then moves HANDLING to SUSPENDED atomically;
 * when it finds ANSWERED there instead, it resumes the connection itself. Whoever moves the state
 * last resumes: exactly one does.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/http_server_internal.h"
#include "common/log.h"
#include "common/panic.h"

/* How much of a chunked body above the limit is read to be able to answer 413 before we hang up. */
enum { DRAIN_LIMIT = 8 << 20, DEFAULT_HEADER_BYTES = 32 << 10, CONTENT_LENGTH_UNKNOWN = -1 };

/* @locality server thread */
static void on_connection(void *context, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_connection_free(*slot);
        *slot = NULL;
        return;
    }
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    *slot = http_connection_new(server->connections, fd, tls ? tls->tls_session : NULL);
}

/* @locality server thread; called for each request line, before anything else */
static void *on_request_line(void *context, const char *target, struct MHD_Connection *connection)
{
    struct http_request *request = http_request_new(context, connection, target);
    http_connection_enter(http_request_connection(request), HTTP_PHASE_HEAD);
    return request;
}

/* @locality server thread */
static void on_request_completed(void *context, struct MHD_Connection *connection, void **slot,
                                 enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct http_request *request = *slot;
    if (!request)
        return;
    *slot = NULL;
    http_connection_enter(http_request_connection(request), HTTP_PHASE_NEXT_HEAD);
    if (atomic_load(&request->state) != REQUEST_READING)
        atomic_fetch_sub(&request->server->pending, 1);
    http_request_free(request);
}

static long long content_length(const struct http_request *request)
{
    const char *text = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text ? strtoll(text, NULL, 10) : CONTENT_LENGTH_UNKNOWN;
}

static void begin_handling(struct http_request *request)
{
    atomic_store(&request->state, REQUEST_HANDLING);
    atomic_fetch_add(&request->server->unanswered, 1);
    atomic_fetch_add(&request->server->pending, 1);
}

static enum MHD_Result queue_answer(struct http_request *request)
{
    http_connection_enter(http_request_connection(request), HTTP_PHASE_ANSWER);
    return MHD_queue_response(request->connection, request->status, request->response);
}

static enum MHD_Result refuse(struct http_request *request, unsigned status, const char *reason)
{
    begin_handling(request);
    request->server->options.refuse(request, status, reason);
    ENSURE(atomic_load(&request->state) == REQUEST_ANSWERED);
    return queue_answer(request);
}

static enum MHD_Result refuse_too_large(struct http_request *request)
{
    return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than this hub accepts");
}

static enum MHD_Result count_framing(void *context, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    (void)kind;
    (void)value;
    *(int *)context += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ||
                       strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* A proxy before us may believe another of two lengths, and see other requests than we do
 * (smuggling). */
static bool has_one_framing(const struct http_request *request)
{
    int count = 0;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_framing, &count);
    return count <= 1;
}

/* First call: only the headers are there. An announced body that is too large is refused unread. */
static enum MHD_Result begin(struct http_request *request)
{
    long long announced = content_length(request);
    if (!http_connection_enter(http_request_connection(request), HTTP_PHASE_BODY))
        return MHD_NO;
    if (!has_one_framing(request))
        return refuse(request, MHD_HTTP_BAD_REQUEST, "more than one length of the body is given");
    if (announced > (long long)request->server->options.max_body_bytes)
        return refuse_too_large(request);
    if (announced > 0)
        buffer_reserve(&request->body, (size_t)announced);
    return MHD_YES;
}

static enum MHD_Result take_body(struct http_request *request, const char *data, size_t *size)
{
    size_t length = *size;
    *size = 0;
    if (!request->too_large &&
        request->body.length + length <= request->server->options.max_body_bytes) {
        buffer_append(&request->body, data, length);
        return MHD_YES;
    }
    request->too_large = true;
    request->drained += length;
    return request->drained > DRAIN_LIMIT ? MHD_NO : MHD_YES;
}

static enum MHD_Result handle(struct http_request *request)
{
    struct MHD_Connection *connection = request->connection;
    if (!http_connection_enter(http_request_connection(request), HTTP_PHASE_HANDLER))
        return MHD_NO;
    begin_handling(request);
    request->server->options.handler(request, request->server->options.context);
    if (atomic_load(&request->state) == REQUEST_ANSWERED)
        return queue_answer(request);

    MHD_suspend_connection(connection);
    int expected = REQUEST_HANDLING;
    if (!atomic_compare_exchange_strong(&request->state, &expected, REQUEST_SUSPENDED))
        MHD_resume_connection(connection);
    return MHD_YES;
}

/* @locality server thread */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **slot)
{
    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    struct http_request *request = *slot;
    if (atomic_load(&request->state) == REQUEST_ANSWERED)
        return queue_answer(request);
    if (!request->method) {
        request->method = method;
        return begin(request);
    }
    if (*upload_data_size > 0)
        return take_body(request, upload_data, upload_data_size);
    return request->too_large ? refuse_too_large(request) : handle(request);
}

static void on_mhd_log(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void on_mhd_log(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[512];
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    /* What MHD says to each handshake that fails: a port scan, a check by a load balancer. */
    if (strstr(text, "received handshake message out of context")) {
        log_debug("tls.handshake_failed");
        return;
    }
    log_warning("http.server", LOG_STR("message", text));
}

static int parse_address(const char *text, uint16_t port, struct sockaddr_storage *address,
                         struct error *error)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    } else {
        return error_set(error, ERROR_CONFIG, false,
                         "listen_address: expected a numeric IPv4 or IPv6 address, got \"%s\"",
                         text);
    }
    return 0;
}

/* --- starting and stopping --- */

/* What only some servers have: MHD complains about options that are there for nothing. */
struct extras {
    struct MHD_OptionItem items[5];
    unsigned count;
};

static void add_extra(struct extras *extras, enum MHD_OPTION option, intptr_t value, void *pointer)
{
    extras->items[extras->count++] = (struct MHD_OptionItem){option, value, pointer};
}

static struct extras choose_extras(const struct http_server *server, unsigned threads)
{
    const struct http_server_options *options = &server->options;
    struct extras extras = {.count = 0};
    if (threads > 1)
        add_extra(&extras, MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL);
    if (options->connection_limit_per_address > 0)
        add_extra(&extras, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                  (intptr_t)options->connection_limit_per_address, NULL);
    if (server->certificate) {
        add_extra(&extras, MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES);
        add_extra(&extras, MHD_OPTION_HTTPS_CERT_CALLBACK2, 0,
                  (void *)(uintptr_t)http_connection_retrieve);
    }
    add_extra(&extras, MHD_OPTION_END, 0, NULL);
    return extras;
}

static unsigned choose_flags(const struct http_server *server, sa_family_t family)
{
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return server->certificate ? flags | MHD_USE_TLS : flags;
}

static unsigned choose_threads(const struct http_server_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = options->threads ? options->threads : (unsigned)(cores > 0 ? cores : 1);
    return threads < options->connection_limit ? threads : options->connection_limit;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, struct sockaddr_storage *address)
{
    const struct http_server_options *options = &server->options;
    struct extras extras = choose_extras(server, choose_threads(options));
    size_t memory = options->max_header_bytes ? options->max_header_bytes : DEFAULT_HEADER_BYTES;
    return MHD_start_daemon(
        choose_flags(server, address->ss_family), options->port, NULL, NULL, on_access, NULL,
        /* first, so that complaints about the others are seen */
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)address, MHD_OPTION_ARRAY, extras.items,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_timeout_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server, MHD_OPTION_NOTIFY_COMPLETED,
        on_request_completed, NULL, MHD_OPTION_END);
}

static bool wants_tls(const struct http_server_options *options)
{
    return options->tls.certificate && options->tls.certificate[0];
}

/* What the connections need is there before the first of them. */
static int prepare(struct http_server *server, struct error *error)
{
    const struct http_server_options *options = &server->options;
    const struct http_connection_limits limits = {
        .idle_ms = (int64_t)options->idle_timeout_seconds * 1000,
        .header_ms = options->header_timeout_ms,
        .body_ms = options->body_timeout_ms,
    };
    if (wants_tls(options)) {
        server->certificate = tls_certificate_new(&options->tls, error);
        if (!server->certificate)
            return error_prefix(error, "the TLS certificate");
        if (options->hsts_max_age_ms > 0)
            server->transport_security =
                xasprintf("max-age=%" PRId64, options->hsts_max_age_ms / 1000);
    }
    server->connections = http_connections_new(&limits, server->certificate);
    return 0;
}

static void discard(struct http_server *server)
{
    if (server->connections)
        http_connections_free(server->connections);
    tls_certificate_free(server->certificate);
    free(server->transport_security);
    free(server);
}

struct http_server *http_server_new(const struct http_server_options *options, struct error *error)
{
    struct sockaddr_storage address;
    if (parse_address(options->listen_address, options->port, &address, error) != 0)
        return NULL;
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->options = *options;
    if (prepare(server, error) != 0) {
        discard(server);
        return NULL;
    }
    server->daemon = start_daemon(server, &address);
    if (!server->daemon) {
        error_set(error, ERROR_CONFIG, false, "cannot listen on %s port %u",
                  options->listen_address, (unsigned)options->port);
        http_connections_stop(server->connections);
        discard(server);
        return NULL;
    }
    return server;
}

void http_server_reload_certificate(struct http_server *server)
{
    if (server->certificate)
        tls_certificate_reload(server->certificate);
}

void http_server_quiesce(struct http_server *server)
{
    MHD_socket socket = MHD_quiesce_daemon(server->daemon);
    if (socket != MHD_INVALID_SOCKET)
        close(socket);
}

int http_server_pending(struct http_server *server)
{
    /* The answering thread may still be on its way out of http_respond when the answer has been
     * sent. */
    int pending = atomic_load(&server->pending), unanswered = atomic_load(&server->unanswered);
    return pending > unanswered ? pending : unanswered;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    ENSURE(atomic_load(&server->unanswered) == 0);
    http_connections_stop(server->connections);
    MHD_stop_daemon(server->daemon);
    discard(server);
}
