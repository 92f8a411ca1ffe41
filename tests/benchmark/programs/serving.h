/**
 * A small HTTP/1.1 server on libuv, for subscribers that measure or record: keep-alive, one request
 * of a connection at a time, everything on the loop's thread. See wire.h for what it understands.
 */
#ifndef WEBSUB_BENCHMARK_SERVING_H
#define WEBSUB_BENCHMARK_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct connection;

/** What it points to ends with the call that it was passed to. */
struct request {
    bool is_get;
    const char *target; /**< path and query, not NUL-terminated */
    size_t target_length;
    const char *head; /**< for wire_header */
    size_t head_length;
    const char *body;
    size_t body_length;
};

/** Answers at once, later or not at all, or closes the connection. */
typedef void (*serve_request)(struct connection *connection, const struct request *request);

/** The first four are set by its owner, who keeps it at its place; zero-initialised otherwise. */
struct listener {
    uv_loop_t *loop;
    uint16_t port; /**< of 127.0.0.1 */
    serve_request serve;
    void *owner;
    uv_tcp_t *tcp; /**< NULL: closed */
    struct connection *connections;
};

/** 0, or libuv's error code. May be opened again after it was closed. */
int listener_open(struct listener *listener);
/** Ends what is open; from now on connections are refused. */
void listener_close(struct listener *listener);
/** Closes connections whose request still has no answer. */
void listener_drop_unanswered(struct listener *listener);

void *connection_owner(const struct connection *connection); /**< its listener's */
void connection_answer(struct connection *connection, unsigned status);
void connection_answer_later(struct connection *connection, unsigned status, unsigned delay_ms);
/** 200 with a body. */
void connection_answer_text(struct connection *connection, const char *type, const char *text);
void connection_close(struct connection *connection);

#endif
