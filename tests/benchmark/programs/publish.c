/*
 * bench-publish: publishes messages of one size over keep-alive connections and prints what the hub
 * answered. One thread, libuv. Which message goes when:
 *
 *   closed loop (default)   each connection publishes again as soon as it was answered
 *   open loop (--rate)      at fixed times, whatever the hub does; a message that finds no free
 * connection counts from when it was due, so that a stalled hub cannot hide its stall on demand
 * (--on-demand) as many as the numbers on stdin say, one a line, until its end
 *
 * The stamp at the start of a body is the time from which bench-sink measures.
 */
#include <argp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <uv.h>

#include "common/form.h"
#include "common/panic.h"
#include "tests/benchmark/programs/latency.h"
#include "tests/benchmark/programs/stamp.h"
#include "tests/benchmark/programs/wire.h"

enum { ANSWER_ROOM = 4096, LAST_ANSWERS_MS = 10000, RECONNECT_MS = 100 };

struct options {
    uint16_t port;
    const char *topic;
    const char *header; /* "Name: value", or NULL */
    unsigned topics;
    unsigned connections;
    double rate;
    double seconds;
    uint64_t count;
    size_t size;
    bool on_demand;
};

struct publisher;

struct connection {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    uv_timer_t pause; /* before connecting again */
    struct publisher *publisher;
    struct connection *prev, *next; /* in the queue of idle ones */
    bool busy;
    int64_t asked_ns;
    char answer[ANSWER_ROOM];
    size_t length;
};

struct publisher {
    struct options options;
    struct sockaddr_in address;
    uv_loop_t loop;
    uv_timer_t due, end;
    uv_pipe_t input;
    struct connection *connections;
    struct connection *idle; /* longest idle first, so that all stay in use */
    char **heads;            /* of requests, by topic */
    char *body;
    char line[32];
    size_t line_length;
    int64_t started_ns, stopped_ns;
    uint64_t wanted; /* may be sent until now; UINT64_MAX: no bound */
    uint64_t waited; /* messages before this number had to wait for a connection */
    uint64_t sent, accepted, refused, broken;
    unsigned in_flight;
    bool stopping;
    struct latency latency;
};

static void publish_what_is_due(struct publisher *publisher);

/* --- ending --- */

static void print_report(struct publisher *publisher)
{
    double seconds = (double)(publisher->stopped_ns - publisher->started_ns) / 1e9;
    json_t *report = json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:f, s:o}", "accepted", (json_int_t)publisher->accepted,
        "refused", (json_int_t)publisher->refused, "broken", (json_int_t)publisher->broken,
        "unanswered", (json_int_t)publisher->in_flight, "seconds", seconds, "accepted_per_second",
        (double)publisher->accepted / seconds, "answer", latency_report(&publisher->latency));
    char *text = json_dumps(report, JSON_COMPACT);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(report);
}

static void finish(struct publisher *publisher)
{
    publisher->stopped_ns = stamp_now();
    uv_stop(&publisher->loop);
}

static void on_patience_over(uv_timer_t *timer)
{
    finish(timer->data);
}

static void stop_publishing(struct publisher *publisher)
{
    if (publisher->stopping)
        return;
    publisher->stopping = true;
    uv_timer_stop(&publisher->due);
    if (publisher->in_flight == 0)
        finish(publisher);
    else
        uv_timer_start(&publisher->end, on_patience_over, LAST_ANSWERS_MS, 0);
}

static void on_time_over(uv_timer_t *timer)
{
    stop_publishing(timer->data);
}

/* --- one request --- */

static void send_message(struct connection *connection, int64_t stamp)
{
    struct publisher *publisher = connection->publisher;
    char *head = publisher->heads[publisher->sent % publisher->options.topics];
    uv_buf_t buffers[] = {uv_buf_init(head, (unsigned)strlen(head)),
                          uv_buf_init(publisher->body, (unsigned)publisher->options.size)};
    stamp_write(publisher->body, stamp);
    DL_DELETE(publisher->idle, connection);
    connection->busy = true;
    connection->asked_ns = stamp;
    publisher->sent++;
    publisher->in_flight++;
    /* The socket's buffer is empty, and larger than a message: all of it fits, or the peer is gone,
     * which reading will tell. */
    uv_try_write((uv_stream_t *)&connection->tcp, buffers, 2);
}

static void end_request(struct connection *connection)
{
    connection->busy = false;
    connection->publisher->in_flight--;
}

static void take_answer(struct connection *connection)
{
    struct publisher *publisher = connection->publisher;
    bool accepted = strncmp(connection->answer + strlen("HTTP/1.1 "), "200", 3) == 0;
    if (accepted) {
        publisher->accepted++;
        latency_record(&publisher->latency, stamp_now() - connection->asked_ns);
    } else {
        publisher->refused++;
    }
    connection->length = 0;
    end_request(connection);
    DL_APPEND(publisher->idle, connection);
    if (publisher->stopping && publisher->in_flight == 0)
        finish(publisher);
    else
        publish_what_is_due(publisher);
}

static void on_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct connection *connection = handle->data;
    *buffer = uv_buf_init(connection->answer + connection->length,
                          (unsigned)(ANSWER_ROOM - connection->length));
}

static void on_closed(uv_handle_t *handle);

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    (void)buffer;
    struct connection *connection = stream->data;
    struct wire_message message;
    if (length < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    connection->length += (size_t)length;
    if (wire_complete(connection->answer, connection->length, &message))
        take_answer(connection);
}

/* --- connections --- */

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->handle->data;
    if (status != 0) {
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, on_room_wanted, on_read);
    DL_APPEND(connection->publisher->idle, connection);
    publish_what_is_due(connection->publisher);
}

static void connection_open(struct connection *connection)
{
    struct publisher *publisher = connection->publisher;
    uv_tcp_init(&publisher->loop, &connection->tcp);
    connection->tcp.data = connection;
    connection->length = 0;
    int problem = uv_tcp_connect(&connection->connecting, &connection->tcp,
                                 (const struct sockaddr *)&publisher->address, on_connected);
    if (problem != 0)
        PANIC("cannot connect: %s", uv_strerror(problem));
}

static void on_pause_over(uv_timer_t *timer)
{
    connection_open(timer->data);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct publisher *publisher = connection->publisher;
    if (connection->busy) {
        publisher->broken++;
        end_request(connection);
        if (publisher->stopping && publisher->in_flight == 0)
            finish(publisher);
    } else if (connection->prev) {
        DL_DELETE(publisher->idle, connection);
    }
    connection->prev = NULL;
    uv_timer_start(&connection->pause, on_pause_over, RECONNECT_MS, 0);
}

/* --- what goes when --- */

static int64_t due_at(const struct publisher *publisher, uint64_t number)
{
    return publisher->started_ns + (int64_t)((double)number * 1e9 / publisher->options.rate);
}

static void on_due(uv_timer_t *timer)
{
    struct publisher *publisher = timer->data;
    int64_t now = stamp_now();
    publisher->waited = publisher->wanted;
    while (due_at(publisher, publisher->wanted) <= now)
        publisher->wanted++;
    publish_what_is_due(publisher);
    int64_t pause_ns = due_at(publisher, publisher->wanted) - stamp_now();
    uv_timer_start(timer, on_due, pause_ns > 0 ? (uint64_t)pause_ns / 1000000 + 1 : 0, 0);
}

static void publish_what_is_due(struct publisher *publisher)
{
    uint64_t count = publisher->options.count;
    while (!publisher->stopping && publisher->idle && publisher->sent < publisher->wanted &&
           publisher->sent < count) {
        bool waited = publisher->sent < publisher->waited;
        send_message(publisher->idle, waited ? due_at(publisher, publisher->sent) : stamp_now());
    }
    if (publisher->sent == count)
        stop_publishing(publisher);
}

static void on_input_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct publisher *publisher = handle->data;
    *buffer = uv_buf_init(publisher->line + publisher->line_length,
                          (unsigned)(sizeof(publisher->line) - 1 - publisher->line_length));
}

static void on_input(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    (void)buffer;
    struct publisher *publisher = stream->data;
    char *end;
    if (length < 0) {
        stop_publishing(publisher);
        return;
    }
    publisher->line_length += (size_t)length;
    publisher->line[publisher->line_length] = '\0';
    while ((end = strchr(publisher->line, '\n'))) {
        publisher->wanted += strtoull(publisher->line, NULL, 10);
        publisher->line_length -= (size_t)(end + 1 - publisher->line);
        memmove(publisher->line, end + 1, publisher->line_length + 1);
    }
    publish_what_is_due(publisher);
}

/* --- beginning --- */

static char *request_head(const struct options *options, unsigned index)
{
    struct buffer head = {0};
    char *topic =
        options->topics == 1 ? xstrdup(options->topic) : xasprintf("%s/%u", options->topic, index);
    buffer_append_string(&head, "POST /hub?hub.mode=publish&hub.topic=");
    form_encode(&head, topic, strlen(topic));
    buffer_append_format(&head,
                         " HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: text/plain\r\n"
                         "%s%sContent-Length: %zu\r\n\r\n",
                         options->port, options->header ? options->header : "",
                         options->header ? "\r\n" : "", options->size);
    free(topic);
    return head.data;
}

static void prepare(struct publisher *publisher)
{
    const struct options *options = &publisher->options;
    publisher->heads = xcalloc(options->topics, sizeof(*publisher->heads));
    for (unsigned i = 0; i < options->topics; i++)
        publisher->heads[i] = request_head(options, i);
    publisher->body = xmalloc(options->size);
    memset(publisher->body, '.', options->size);
    uv_ip4_addr("127.0.0.1", options->port, &publisher->address);

    uv_loop_init(&publisher->loop);
    uv_timer_init(&publisher->loop, &publisher->due);
    uv_timer_init(&publisher->loop, &publisher->end);
    publisher->due.data = publisher;
    publisher->end.data = publisher;
    publisher->connections = xcalloc(options->connections, sizeof(*publisher->connections));
    for (unsigned i = 0; i < options->connections; i++) {
        struct connection *connection = &publisher->connections[i];
        connection->publisher = publisher;
        uv_timer_init(&publisher->loop, &connection->pause);
        connection->pause.data = connection;
        connection_open(connection);
    }
}

static void start(struct publisher *publisher)
{
    const struct options *options = &publisher->options;
    publisher->started_ns = stamp_now();
    if (options->seconds > 0)
        uv_timer_start(&publisher->end, on_time_over, (uint64_t)(options->seconds * 1000), 0);
    if (options->rate > 0) {
        uv_timer_start(&publisher->due, on_due, 0, 0);
    } else if (options->on_demand) {
        uv_pipe_init(&publisher->loop, &publisher->input, 0);
        publisher->input.data = publisher;
        uv_pipe_open(&publisher->input, 0);
        uv_read_start((uv_stream_t *)&publisher->input, on_input_room_wanted, on_input);
    } else {
        publisher->wanted = UINT64_MAX;
    }
}

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'p':
        options->port = (uint16_t)strtoul(argument, NULL, 10);
        return 0;
    case 't':
        options->topic = argument;
        return 0;
    case 'm':
        options->topics = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case 'c':
        options->connections = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case 'r':
        options->rate = strtod(argument, NULL);
        return 0;
    case 's':
        options->seconds = strtod(argument, NULL);
        return 0;
    case 'n':
        options->count = strtoull(argument, NULL, 10);
        return 0;
    case 'b':
        options->size = strtoul(argument, NULL, 10);
        return 0;
    case 'H':
        options->header = argument;
        return 0;
    case 'd':
        options->on_demand = true;
        return 0;
    case ARGP_KEY_END:
        if (!options->port || !options->topic || !options->topics || !options->connections ||
            options->size < STAMP_LENGTH)
            argp_error(state, "needs --port, --topic, and bodies of at least %d bytes",
                       STAMP_LENGTH);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"port", 'p', "PORT", 0, "The hub's port on 127.0.0.1", 0},
    {"topic", 't', "TOPIC", 0, "Where to publish", 0},
    {"topics", 'm', "N", 0, "Publish to TOPIC/0 to TOPIC/<N-1> in turn", 0},
    {"connections", 'c', "N", 0, "Connections (16)", 0},
    {"rate", 'r', "N", 0, "Messages a second; otherwise as fast as they are answered", 0},
    {"on-demand", 'd', NULL, 0, "As many messages as the numbers on stdin say", 0},
    {"seconds", 's', "N", 0, "Stop after so long", 0},
    {"count", 'n', "N", 0, "Stop after so many messages", 0},
    {"size", 'b', "BYTES", 0, "Of a body (1024)", 0},
    {"header", 'H', "NAME: VALUE", 0, "Sent with every message", 0},
    {0},
};
static const struct argp arguments = {
    .options = option_list,
    .parser = take_option,
    .doc = "Publishes messages to a hub and prints as JSON what was answered, and how fast.",
};

int main(int argc, char **argv)
{
    static struct publisher publisher = {
        .options = {.topics = 1, .connections = 16, .count = UINT64_MAX, .size = 1024}};
    argp_parse(&arguments, argc, argv, 0, NULL, &publisher.options);
    signal(SIGPIPE, SIG_IGN);
    prepare(&publisher);
    start(&publisher);
    uv_run(&publisher.loop, UV_RUN_DEFAULT);
    print_report(&publisher);
    return 0;
}
