/*
 * bench-ingest: the baseline of publishing. libmicrohttpd and librdkafka and nothing else: whatever
 * is posted is written to one partition by an idempotent producer with acks=all, and answered 200
 * when Kafka has confirmed it.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/panic.h"

enum { POLL_MS = 100 };

struct ingest {
    rd_kafka_conf_t *conf; /* librdkafka's once the producer is open */
    const char *topic, *linger_ms;
    bool has_servers;
    uint16_t port;
    unsigned threads;
    rd_kafka_t *rk;
    rd_kafka_topic_t *handle;
    atomic_bool stopping;
};

struct request {
    struct MHD_Connection *connection;
    struct buffer body;
    bool sent;
    atomic_int status;
};

/* @locality producer thread */
static void on_delivery_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    struct request *request = message->_private;
    struct MHD_Connection *connection = request->connection;
    atomic_store(&request->status, message->err ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK);
    MHD_resume_connection(connection);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status)
{
    static char text[] = "hub.mode=accepted";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* @locality server thread */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **slot)
{
    (void)url;
    (void)method;
    (void)version;
    struct ingest *ingest = context;
    struct request *request = *slot;
    if (!request) {
        *slot = request = xcalloc(1, sizeof(*request));
        request->connection = connection;
        return MHD_YES;
    }
    if (request->sent)
        return answer(connection, (unsigned)atomic_load(&request->status));
    if (*size > 0) {
        buffer_append(&request->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    request->sent = true;
    MHD_suspend_connection(connection); /* first: the report may come at once */
    if (rd_kafka_produce(ingest->handle, 0, 0, request->body.data, request->body.length, NULL, 0,
                         request) != 0) {
        atomic_store(&request->status, MHD_HTTP_SERVICE_UNAVAILABLE);
        MHD_resume_connection(connection);
    }
    return MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct request *request = *slot;
    if (!request)
        return;
    buffer_fini(&request->body);
    free(request);
    *slot = NULL;
}

static void *poll_main(void *argument)
{
    struct ingest *ingest = argument;
    while (!atomic_load(&ingest->stopping))
        rd_kafka_poll(ingest->rk, POLL_MS);
    return NULL;
}

static void set_property(struct ingest *ingest, const char *name, const char *value)
{
    char problem[256];
    if (rd_kafka_conf_set(ingest->conf, name, value, problem, sizeof(problem)) != RD_KAFKA_CONF_OK)
        PANIC("%s", problem);
    ingest->has_servers |= strcmp(name, "bootstrap.servers") == 0;
}

static void open_producer(struct ingest *ingest)
{
    char problem[256];
    const char *const properties[][2] = {
        {"acks", "all"},
        {"linger.ms", ingest->linger_ms},
        /* Lets at most five requests be under way, so that what comes meanwhile is sent together.
         * Without it and without lingering each message is a request of its own. */
        {"enable.idempotence", "true"},
        {"socket.nagle.disable", "true"},
    };
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
        set_property(ingest, properties[i][0], properties[i][1]);
    rd_kafka_conf_set_dr_msg_cb(ingest->conf, on_delivery_report);
    ingest->rk = rd_kafka_new(RD_KAFKA_PRODUCER, ingest->conf, problem, sizeof(problem));
    if (!ingest->rk)
        PANIC("%s", problem);
    ingest->handle = rd_kafka_topic_new(ingest->rk, ingest->topic, NULL);
    /* The first message is not to wait for it. */
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(ingest->rk, 0, ingest->handle, &metadata, 10000) != 0)
        PANIC("Kafka does not answer");
    rd_kafka_metadata_destroy(metadata);
}

static struct MHD_Daemon *open_server(struct ingest *ingest)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(ingest->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, ingest->port,
        NULL, NULL, on_access, ingest, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_THREAD_POOL_SIZE, ingest->threads, MHD_OPTION_CONNECTION_LIMIT, 4096u,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    if (!daemon)
        PANIC("cannot listen on port %u", ingest->port);
    return daemon;
}

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct ingest *ingest = state->input;
    switch (key) {
    case 'k': {
        char *equals = strchr(argument, '=');
        if (!equals)
            argp_error(state, "--kafka needs NAME=VALUE");
        *equals = '\0';
        set_property(ingest, argument, equals + 1);
        return 0;
    }
    case 't':
        ingest->topic = argument;
        return 0;
    case 'l':
        ingest->linger_ms = argument;
        return 0;
    case 'p':
        ingest->port = (uint16_t)strtoul(argument, NULL, 10);
        return 0;
    case 'n':
        ingest->threads = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case ARGP_KEY_END:
        if (!ingest->has_servers || !ingest->topic || !ingest->port || !ingest->threads)
            argp_error(state, "needs --kafka bootstrap.servers=SERVERS, --topic and --port");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"kafka", 'k', "NAME=VALUE", 0, "A property of librdkafka; bootstrap.servers is needed", 0},
    {"topic", 't', "TOPIC", 0, "An existing Kafka topic", 0},
    {"port", 'p', "PORT", 0, "Listen on this port of 127.0.0.1", 0},
    {"linger", 'l', "MS", 0, "linger.ms (0)", 0},
    {"threads", 'n', "N", 0, "Threads that serve HTTP (2)", 0},
    {0},
};
static const struct argp arguments = {
    .options = option_list,
    .parser = take_option,
    .doc = "Writes what is posted to Kafka and answers when that is confirmed: the baseline of "
           "publishing. "
           "Runs until SIGTERM.",
};

int main(int argc, char **argv)
{
    struct ingest ingest = {.conf = rd_kafka_conf_new(), .linger_ms = "0", .threads = 2};
    argp_parse(&arguments, argc, argv, 0, NULL, &ingest);
    signal(SIGPIPE, SIG_IGN);
    sigset_t stop;
    int number;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    open_producer(&ingest);
    struct MHD_Daemon *daemon = open_server(&ingest);
    pthread_t poller;
    ENSURE(pthread_create(&poller, NULL, poll_main, &ingest) == 0);
    puts("ready");
    fflush(stdout);
    sigwait(&stop, &number);
    /* The publishers are gone by now: nothing is under way. */
    MHD_stop_daemon(daemon);
    atomic_store(&ingest.stopping, true);
    pthread_join(poller, NULL);
    rd_kafka_topic_destroy(ingest.handle);
    rd_kafka_destroy(ingest.rk);
    return 0;
}
