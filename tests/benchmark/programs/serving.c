#include "tests/benchmark/programs/serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/container.h"
#include "common/panic.h"
#include "tests/benchmark/programs/wire.h"

enum { BACKLOG = 4096, FIRST_CAPACITY = 8 << 10 };

struct connection {
    uv_tcp_t tcp;
    uv_timer_t delay; /* an answer that is due later; HTTP/1.1 has one at a time */
    struct listener *listener;
    struct connection *prev, *next; /* of its listener */
    unsigned delayed_status;
    bool unanswered;
    int open_handles;
    char *in;
    size_t length, capacity;
};

struct pending_write {
    uv_write_t request;
    char bytes[];
};

/* --- closing --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->open_handles > 0)
        return;
    free(connection->in);
    free(connection);
}

void connection_close(struct connection *connection)
{
    if (uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    DL_DELETE(connection->listener->connections, connection);
    uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&connection->delay, on_handle_closed);
}

void *connection_owner(const struct connection *connection)
{
    return connection->listener->owner;
}

/* --- answering --- */

static void on_written(uv_write_t *request, int status)
{
    (void)status;
    free(CONTAINER_OF(request, struct pending_write, request));
}

static void send_bytes(struct connection *connection, const char *bytes, size_t length)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)length);
    connection->unanswered = false;
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

void connection_answer(struct connection *connection, unsigned status)
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

void connection_answer_text(struct connection *connection, const char *type, const char *text)
{
    char *answer = xasprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                             type, strlen(text), text);
    send_bytes(connection, answer, strlen(answer));
    free(answer);
}

static void on_delay_over(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    connection_answer(connection, connection->delayed_status);
}

void connection_answer_later(struct connection *connection, unsigned status, unsigned delay_ms)
{
    connection->delayed_status = status;
    uv_timer_start(&connection->delay, on_delay_over, delay_ms, 0);
}

/* --- requests --- */

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
    connection->unanswered = true;
    connection->listener->serve(connection,
                                &(struct request){.is_get = strncmp(bytes, "GET ", 4) == 0,
                                                  .target = target,
                                                  .target_length = (size_t)(target_end - target),
                                                  .head = bytes,
                                                  .head_length = message->head_length,
                                                  .body = bytes + message->head_length,
                                                  .body_length = message->body_length});
}

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
    while (!uv_is_closing((uv_handle_t *)stream) &&
           wire_complete(connection->in + taken, connection->length - taken, &message)) {
        take_request(connection, connection->in + taken, &message);
        taken += message.head_length + message.body_length;
    }
    connection->length -= taken;
    if (taken > 0 && connection->length > 0)
        memmove(connection->in, connection->in + taken, connection->length);
}

/* --- listening --- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;
    if (status != 0)
        return;
    struct connection *connection = xcalloc(1, sizeof(*connection));
    connection->listener = listener;
    connection->open_handles = 2;
    connection->tcp.data = connection;
    connection->delay.data = connection;
    DL_APPEND(listener->connections, connection);
    ENSURE(uv_tcp_init(listener->loop, &connection->tcp) == 0);
    ENSURE(uv_timer_init(listener->loop, &connection->delay) == 0);
    if (uv_accept(stream, (uv_stream_t *)&connection->tcp) != 0) {
        connection_close(connection);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, on_room_wanted, on_read);
}

static void stop_listening(struct listener *listener)
{
    uv_close((uv_handle_t *)listener->tcp, (uv_close_cb)free);
    listener->tcp = NULL;
}

int listener_open(struct listener *listener)
{
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", listener->port, &address);
    listener->tcp = xmalloc(sizeof(*listener->tcp));
    ENSURE(uv_tcp_init(listener->loop, listener->tcp) == 0);
    listener->tcp->data = listener;
    int problem = uv_tcp_bind(listener->tcp, (const struct sockaddr *)&address, 0);
    if (problem == 0)
        problem = uv_listen((uv_stream_t *)listener->tcp, BACKLOG, on_connection);
    if (problem != 0)
        stop_listening(listener);
    return problem;
}

void listener_close(struct listener *listener)
{
    struct connection *connection, *next;
    if (listener->tcp)
        stop_listening(listener);
    DL_FOREACH_SAFE(listener->connections, connection, next)
    {
        connection_close(connection);
    }
}

void listener_drop_unanswered(struct listener *listener)
{
    struct connection *connection, *next;
    DL_FOREACH_SAFE(listener->connections, connection, next)
    {
        if (connection->unanswered)
            connection_close(connection);
    }
}
