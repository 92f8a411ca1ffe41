/*
 * The thread that ends connections does so with shutdown(), never close(): their owner sees that
 * they have ended and closes them in its own time. What must not happen is a shutdown() of a
 * descriptor that was closed meanwhile and is somebody else's by now. libmicrohttpd closes the
 * socket after it has told us (MHD_CONNECTION_NOTIFY_CLOSED), where the connection leaves the list
 * under the lock; the thread holds the lock from finding a connection in the list until it has shut
 * it down. So what it shuts down is open.
 *
 * Server threads move the deadline without the lock. A connection's deadline and its end exclude
 * each other: both exchange the same atomic, so either the thread finds the new deadline, or the
 * server thread finds CUT and begins nothing. A request never reaches its handler on a connection
 * that was already given up.
 *
 * A certificate is used by GnuTLS as long as there is a session, so each connection holds a
 * reference to the snapshot that it began with, until MHD_CONNECTION_NOTIFY_CLOSED, which comes
 * after the session was freed.
 */
#include "common/http_connection.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum { SCAN_MS = 250, SCANS_PER_CHECK = 4, NAME_LIFE_MS = 60000 };

#define NO_DEADLINE INT64_MAX
#define CUT         INT64_MIN

struct http_connection {
    struct http_connections *connections;
    int socket;
    _Atomic int64_t deadline; /* monotonic ms, NO_DEADLINE or CUT */
    atomic_int phase;         /* for the log only */
    struct http_connection *prev, *next;

    /* TLS; touched by the server thread only */
    gnutls_session_t session;
    struct tls_snapshot *shown;    /* held while GnuTLS may use it */
    struct tls_snapshot *verified; /* by whose authorities `name` was found; NULL: not yet */
    int64_t verified_ms;
    char *name;
};

struct http_connections {
    struct http_connection_limits limits;
    struct tls_certificate *certificate;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stop;
    struct http_connection *list;
};

/* --- the thread --- */

struct cuts {
    int head, body, answer;
};

static void count_cut(struct cuts *cuts, int phase)
{
    if (phase == HTTP_PHASE_BODY)
        cuts->body++;
    else if (phase == HTTP_PHASE_ANSWER)
        cuts->answer++;
    else
        cuts->head++;
}

/* With the lock held. */
static struct cuts cut_overdue(struct http_connections *connections, int64_t now)
{
    struct cuts cuts = {0};
    struct http_connection *connection;
    DL_FOREACH(connections->list, connection)
    {
        int64_t deadline = atomic_load(&connection->deadline);
        if (deadline == CUT || deadline > now ||
            !atomic_compare_exchange_strong(&connection->deadline, &deadline, CUT))
            continue;
        shutdown(connection->socket, SHUT_RDWR);
        count_cut(&cuts, atomic_load(&connection->phase));
    }
    return cuts;
}

static void tell(const struct cuts *cuts)
{
    if (cuts->head + cuts->body + cuts->answer > 0)
        log_info("http.slow_connections_cut", LOG_INT("head", cuts->head),
                 LOG_INT("body", cuts->body), LOG_INT("answer", cuts->answer));
}

/* With the lock held; releases it meanwhile. */
static void wait_for_next_scan(struct http_connections *connections)
{
    struct timespec until;
    ENSURE(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_nsec += SCAN_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (!connections->stop)
        pthread_cond_timedwait(&connections->wake, &connections->lock, &until);
}

static void *watch(void *context)
{
    struct http_connections *connections = context;
    pthread_mutex_lock(&connections->lock);
    for (unsigned scan = 1; !connections->stop; scan++) {
        struct cuts cuts = cut_overdue(connections, clock_monotonic_ms());
        pthread_mutex_unlock(&connections->lock);
        tell(&cuts);
        if (connections->certificate && scan % SCANS_PER_CHECK == 0)
            tls_certificate_check(connections->certificate);
        pthread_mutex_lock(&connections->lock);
        wait_for_next_scan(connections);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

struct http_connections *http_connections_new(const struct http_connection_limits *limits,
                                              struct tls_certificate *certificate)
{
    struct http_connections *connections = xcalloc(1, sizeof(*connections));
    pthread_condattr_t clock;
    connections->limits = *limits;
    connections->certificate = certificate;
    ENSURE(pthread_mutex_init(&connections->lock, NULL) == 0);
    ENSURE(pthread_condattr_init(&clock) == 0);
    ENSURE(pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0);
    ENSURE(pthread_cond_init(&connections->wake, &clock) == 0);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&connections->thread, NULL, watch, connections) != 0)
        PANIC("no thread for watching connections");
    return connections;
}

void http_connections_stop(struct http_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    connections->stop = true;
    pthread_cond_signal(&connections->wake);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->thread, NULL);
}

void http_connections_free(struct http_connections *connections)
{
    ENSURE(!connections->list);
    pthread_cond_destroy(&connections->wake);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

/* --- a connection --- */

static void begin_session(struct http_connection *connection)
{
    connection->shown = tls_certificate_current(connection->connections->certificate);
    tls_snapshot_prepare(connection->shown, connection->session);
    /* Ours to use: libmicrohttpd puts its connection there, but reads it only for pre-shared keys.
     */
    gnutls_session_set_ptr(connection->session, connection);
}

struct http_connection *http_connection_new(struct http_connections *connections, int socket,
                                            gnutls_session_t session)
{
    struct http_connection *connection = xcalloc(1, sizeof(*connection));
    connection->connections = connections;
    connection->socket = socket;
    connection->session = session;
    atomic_init(&connection->deadline, NO_DEADLINE);
    atomic_init(&connection->phase, HTTP_PHASE_FIRST_HEAD);
    http_connection_enter(connection, HTTP_PHASE_FIRST_HEAD);
    if (session)
        begin_session(connection);
    pthread_mutex_lock(&connections->lock);
    DL_APPEND(connections->list, connection);
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void http_connection_free(struct http_connection *connection)
{
    struct http_connections *connections = connection->connections;
    pthread_mutex_lock(&connections->lock);
    DL_DELETE(connections->list, connection);
    pthread_mutex_unlock(&connections->lock);
    tls_snapshot_release(connection->shown);
    tls_snapshot_release(connection->verified);
    free(connection->name);
    free(connection);
}

static int64_t get_deadline(const struct http_connection *connection, enum http_phase phase)
{
    const struct http_connection_limits *limits = &connection->connections->limits;
    int64_t bound = phase <= HTTP_PHASE_HEAD ? limits->header_ms : limits->body_ms;
    if (phase == HTTP_PHASE_NEXT_HEAD)
        bound = bound && limits->idle_ms ? limits->idle_ms + bound : 0;
    if (phase == HTTP_PHASE_HANDLER || bound == 0)
        return NO_DEADLINE;
    int64_t deadline = clock_monotonic_ms() + bound;
    int64_t before = atomic_load(&connection->deadline);
    /* A first line that took its time leaves less of it for the rest. */
    return phase == HTTP_PHASE_HEAD && before < deadline ? before : deadline;
}

bool http_connection_enter(struct http_connection *connection, enum http_phase phase)
{
    atomic_store(&connection->phase, phase);
    if (atomic_exchange(&connection->deadline, get_deadline(connection, phase)) != CUT)
        return true;
    atomic_store(&connection->deadline, CUT);
    return false;
}

const char *http_connection_client_name(struct http_connection *connection)
{
    if (!connection->session)
        return NULL;
    struct tls_snapshot *current = tls_certificate_current(connection->connections->certificate);
    int64_t now = clock_monotonic_ms();
    if (current == connection->verified && now - connection->verified_ms < NAME_LIFE_MS) {
        tls_snapshot_release(current);
        return connection->name;
    }
    tls_snapshot_release(connection->verified);
    free(connection->name);
    connection->verified = current;
    connection->verified_ms = now;
    connection->name = tls_snapshot_client_name(current, connection->session);
    return connection->name;
}

int http_connection_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                             gnutls_pcert_st **certificates, unsigned *count,
                             gnutls_ocsp_data_st **ocsp, unsigned *ocsp_length,
                             gnutls_privkey_t *key, unsigned *flags)
{
    (void)info;
    struct http_connection *connection = gnutls_session_get_ptr(session);
    tls_snapshot_retrieve(connection->shown, certificates, count, key);
    *ocsp = NULL;
    *ocsp_length = 0;
    *flags = 0;
    return 0;
}
