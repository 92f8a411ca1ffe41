/*
 * bench-sink: a subscriber that costs little. Confirms every intent, answers deliveries as their
 * path asks (tally.h), and counts. One thread, libuv.
 *
 *   GET /report   what arrived since the last reset, as JSON        GET /reset   forgets it
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/container.h"
#include "common/form.h"
#include "common/panic.h"
#include "tests/benchmark/programs/tally.h"
#include "tests/benchmark/programs/wire.h"

enum { MAX_PORTS = 16, BACKLOG = 4096, FIRST_CAPACITY = 8 << 10 };

struct sink {
    uv_loop_t loop;
    uv_tcp_t listeners[MAX_PORTS];
    uint16_t ports[MAX_PORTS];
    size_t port_count;
    struct tally tally;
};

struct connection {
    uv_tcp_t tcp;
    uv_timer_t delay; /* an answer that is due later; HTTP/1.1 has one at a time */
    struct sink *sink;
    unsigned delayed_status;
    int open_handles;
    char *in;
    size_t length, capacity;
};

struct pending_write {
    uv_write_t request;
    char bytes[];
};

/* --- answering --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->open_handles > 0)
        return;
    free(connection->in);
    free(connection);
}

static void connection_close(struct connection *connection)
{
    if (uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&connection->delay, on_handle_closed);
}

static void on_written(uv_write_t *request, int status)
{
    (void)status;
    free(CONTAINER_OF(request, struct pending_write, request));
}

static void send_bytes(struct connection *connection, const char *bytes, size_t length)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)length);
    int sent = uv_try_write(stream, &buffer, 1);
    if (sent == (int)length)
        return;
    if (sent < 0 && sent != UV_EAGAIN) {
        connection_close(connection);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    struct pending_write *rest = xmalloc(sizeof(*rest) + length - done);
    memcpy(rest->bytes, bytes + done, length - done);
    buffer = uv_buf_init(rest->bytes, (unsigned)(length - done));
    ENSURE(uv_write(&rest->request, stream, &buffer, 1, on_written) == 0);
}

static void answer_status(struct connection *connection, unsigned status)
{
    static const char no_content[] = "HTTP/1.1 204 No Content\r\n\r\n";
    char text[64];
    if (status == 204) {
        send_bytes(connection, no_content, sizeof(no_content) - 1);
        return;
    }
    int length = snprintf(text, sizeof(text), "HTTP/1.1 %u -\r\nContent-Length: 0\r\n\r\n", status);
    send_bytes(connection, text, (size_t)length);
}

static void answer_text(struct connection *connection, const char *type, const char *text)
{
    char *answer = xasprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                             type, strlen(text), text);
    send_bytes(connection, answer, strlen(answer));
    free(answer);
}

static void on_delay_over(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    answer_status(connection, connection->delayed_status);
}

/* --- requests --- */

static void take_delivery(struct connection *connection, const char *path, size_t path_length,
                          const char *body, size_t body_length)
{
    const struct tally_path *known =
        tally_delivery(&connection->sink->tally, path, path_length, body, body_length);
    if (known->status == 0)
        return;
    if (known->delay_ms == 0) {
        answer_status(connection, known->status);
        return;
    }
    connection->delayed_status = known->status;
    uv_timer_start(&connection->delay, on_delay_over, known->delay_ms, 0);
}

static void take_verification(struct connection *connection, const char *target, size_t length)
{
    const char *query = memchr(target, '?', length);
    struct form form = {0};
    struct error error;
    if (query && form_parse(&form, query + 1, length - (size_t)(query + 1 - target), &error) == 0) {
        const char *challenge = form_get(&form, "hub.challenge");
        tally_verification(&connection->sink->tally);
        answer_text(connection, "text/plain", challenge ? challenge : "");
    } else {
        answer_status(connection, 404);
    }
    form_fini(&form);
}

static void take_get(struct connection *connection, const char *target, size_t length)
{
    struct tally *tally = &connection->sink->tally;
    if (length == strlen("/report") && memcmp(target, "/report", length) == 0) {
        json_t *report = tally_report(tally);
        char *text = json_dumps(report, JSON_COMPACT);
        answer_text(connection, "application/json", text);
        free(text);
        json_decref(report);
    } else if (length == strlen("/reset") && memcmp(target, "/reset", length) == 0) {
        tally_reset(tally);
        answer_text(connection, "text/plain", "");
    } else {
        take_verification(connection, target, length);
    }
}

static void take_request(struct connection *connection, const char *bytes,
                         const struct wire_message *message)
{
    const char *line_end = memchr(bytes, '\r', message->head_length);
    const char *target = memchr(bytes, ' ', (size_t)(line_end - bytes));
    const char *target_end =
        target ? memchr(target + 1, ' ', (size_t)(line_end - target - 1)) : NULL;
    if (!target_end) {
        connection_close(connection);
        return;
    }
    target++;
    if (strncmp(bytes, "GET ", 4) == 0)
        take_get(connection, target, (size_t)(target_end - target));
    else
        take_delivery(connection, target, (size_t)(target_end - target),
                      bytes + message->head_length, message->body_length);
}

/* --- connections --- */

static void on_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct connection *connection = handle->data;
    if (connection->length == connection->capacity) {
        connection->capacity = connection->capacity ? connection->capacity * 2 : FIRST_CAPACITY;
        connection->in = xrealloc(connection->in, connection->capacity);
    }
    *buffer = uv_buf_init(connection->in + connection->length,
                          (unsigned)(connection->capacity - connection->length));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    (void)buffer;
    struct connection *connection = stream->data;
    struct wire_message message;
    if (length < 0) {
        connection_close(connection);
        return;
    }
    connection->length += (size_t)length;
    size_t taken = 0;
    while (wire_complete(connection->in + taken, connection->length - taken, &message)) {
        take_request(connection, connection->in + taken, &message);
        taken += message.head_length + message.body_length;
    }
    connection->length -= taken;
    if (taken > 0 && connection->length > 0)
        memmove(connection->in, connection->in + taken, connection->length);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct sink *sink = listener->data;
    if (status != 0)
        return;
    struct connection *connection = xcalloc(1, sizeof(*connection));
    connection->sink = sink;
    connection->open_handles = 2;
    connection->tcp.data = connection;
    connection->delay.data = connection;
    ENSURE(uv_tcp_init(&sink->loop, &connection->tcp) == 0);
    ENSURE(uv_timer_init(&sink->loop, &connection->delay) == 0);
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0) {
        connection_close(connection);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, on_room_wanted, on_read);
}

static int sink_listen(struct sink *sink, size_t index)
{
    struct sockaddr_in address;
    uv_tcp_t *listener = &sink->listeners[index];
    uv_ip4_addr("127.0.0.1", sink->ports[index], &address);
    uv_tcp_init(&sink->loop, listener);
    listener->data = sink;
    int problem = uv_tcp_bind(listener, (const struct sockaddr *)&address, 0);
    if (problem == 0)
        problem = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
    if (problem != 0)
        fprintf(stderr, "bench-sink: port %u: %s\n", sink->ports[index], uv_strerror(problem));
    return problem;
}

/* --- main --- */

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct sink *sink = state->input;
    if (key == ARGP_KEY_END && sink->port_count == 0)
        argp_error(state, "no --port given");
    if (key != 'p')
        return key == ARGP_KEY_ARG ? ARGP_ERR_UNKNOWN : 0;
    if (sink->port_count == MAX_PORTS)
        argp_error(state, "more than %d ports", MAX_PORTS);
    sink->ports[sink->port_count++] = (uint16_t)strtoul(argument, NULL, 10);
    return 0;
}

static const struct argp_option option_list[] = {
    {"port", 'p', "PORT", 0, "Listen on this port of 127.0.0.1; may be repeated", 0},
    {0},
};
static const struct argp arguments = {
    .options = option_list,
    .parser = take_option,
    .doc =
        "A subscriber for benchmarks: confirms intents, answers deliveries 204 and counts them.\v"
        "Paths that begin with /status-500/, /delay-100/ or /hang/ behave so. GET /report tells "
        "what arrived, GET /reset forgets it.",
};

static void on_stop(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
    static struct sink sink; /* large: the histogram is in it */
    uv_signal_t stop;
    argp_parse(&arguments, argc, argv, 0, NULL, &sink);
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&sink.loop);
    uv_signal_init(&sink.loop, &stop);
    uv_signal_start(&stop, on_stop, SIGTERM);
    for (size_t i = 0; i < sink.port_count; i++)
        if (sink_listen(&sink, i) != 0)
            return 1;
    uv_run(&sink.loop, UV_RUN_DEFAULT);
    tally_reset(&sink.tally);
    return 0;
}
