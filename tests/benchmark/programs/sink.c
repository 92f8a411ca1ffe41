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

#include "common/form.h"
#include "tests/benchmark/programs/serving.h"
#include "tests/benchmark/programs/tally.h"

enum { MAX_PORTS = 16 };

struct sink {
    uv_loop_t loop;
    struct listener listeners[MAX_PORTS];
    size_t port_count;
    struct tally tally;
};

static void take_delivery(struct tally *tally, struct connection *connection,
                          const struct request *request)
{
    const struct tally_path *known = tally_delivery(tally, request->target, request->target_length,
                                                    request->body, request->body_length);
    if (known->status == 0)
        return;
    if (known->delay_ms == 0)
        connection_answer(connection, known->status);
    else
        connection_answer_later(connection, known->status, known->delay_ms);
}

static void take_verification(struct tally *tally, struct connection *connection,
                              const struct request *request)
{
    const char *query = memchr(request->target, '?', request->target_length);
    const char *end = request->target + request->target_length;
    struct form form = {0};
    struct error error;
    if (query && form_parse(&form, query + 1, (size_t)(end - query - 1), &error) == 0) {
        const char *challenge = form_get(&form, "hub.challenge");
        tally_verification(tally);
        connection_answer_text(connection, "text/plain", challenge ? challenge : "");
    } else {
        connection_answer(connection, 404);
    }
    form_fini(&form);
}

static bool asks_for(const struct request *request, const char *target)
{
    return request->target_length == strlen(target) &&
           memcmp(request->target, target, request->target_length) == 0;
}

static void take_request(struct connection *connection, const struct request *request)
{
    struct sink *sink = connection_owner(connection);
    struct tally *tally = &sink->tally;
    if (!request->is_get) {
        take_delivery(tally, connection, request);
    } else if (asks_for(request, "/report")) {
        json_t *report = tally_report(tally);
        char *text = json_dumps(report, JSON_COMPACT);
        connection_answer_text(connection, "application/json", text);
        free(text);
        json_decref(report);
    } else if (asks_for(request, "/reset")) {
        tally_reset(tally);
        connection_answer_text(connection, "text/plain", "");
    } else {
        take_verification(tally, connection, request);
    }
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
    sink->listeners[sink->port_count++].port = (uint16_t)strtoul(argument, NULL, 10);
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

static int sink_listen(struct sink *sink, struct listener *listener)
{
    listener->loop = &sink->loop;
    listener->serve = take_request;
    listener->owner = sink;
    int problem = listener_open(listener);
    if (problem != 0)
        fprintf(stderr, "bench-sink: port %u: %s\n", listener->port, uv_strerror(problem));
    return problem;
}

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
        if (sink_listen(&sink, &sink.listeners[i]) != 0)
            return 1;
    uv_run(&sink.loop, UV_RUN_DEFAULT);
    tally_reset(&sink.tally);
    return 0;
}
