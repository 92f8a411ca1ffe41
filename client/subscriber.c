#include "client/subscriber.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/read_file.h"
#include "common/clock.h"
#include "common/http_server.h"
#include "common/panic.h"

enum { CONNECTIONS = 64, IDLE_SECONDS = 60, DRAIN_MS = 1000, DRAIN_STEP_NS = 5000000 };

struct subscriber {
    struct subscriber_options options;
    struct http_server *server;
    pthread_mutex_t mutex; /* protects what follows; never held while a request is answered */
    enum websub_intent wanted;
    bool closed;
    struct subscriber_progress progress;
};

/* What happens, as one line: beside the deliveries, unless those are for a program. */
static void note(const struct subscriber *subscriber, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(const struct subscriber *subscriber, const char *format, ...)
{
    FILE *out = subscriber->options.json ? stderr : stdout;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fputc('\n', out);
    fflush(out);
}

static void respond(struct http_request *request, unsigned status, const char *text)
{
    /* Texts from the hub are echoed: no browser shall take them for a page. */
    http_response_header(request, "X-Content-Type-Options", "nosniff");
    http_respond(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

static bool take_intent(struct subscriber *subscriber,
                        const struct websub_verification *verification)
{
    struct subscriber_progress *progress = &subscriber->progress;
    pthread_mutex_lock(&subscriber->mutex);
    bool wanted = verification->intent == subscriber->wanted;
    if (wanted && verification->intent == WEBSUB_INTENT_SUBSCRIBE) {
        progress->verified++;
        progress->verified_at_ms = clock_monotonic_ms();
        progress->lease_seconds = verification->lease_seconds;
    }
    if (wanted && verification->intent == WEBSUB_INTENT_UNSUBSCRIBE)
        progress->unsubscribed = true;
    pthread_mutex_unlock(&subscriber->mutex);
    return wanted;
}

static void take_denial(struct subscriber *subscriber, const char *reason)
{
    struct buffer shown = {0};
    delivery_append_shown(&shown, reason ? reason : "no reason given");
    note(subscriber, "denied: the hub says that there is no subscription: %s", shown.data);
    buffer_fini(&shown);
    pthread_mutex_lock(&subscriber->mutex);
    subscriber->progress.denied = true;
    pthread_mutex_unlock(&subscriber->mutex);
}

static void answer_intent(struct subscriber *subscriber, struct http_request *request,
                          const struct websub_verification *verification)
{
    bool subscribe = verification->intent == WEBSUB_INTENT_SUBSCRIBE;
    if (!take_intent(subscriber, verification)) {
        note(subscriber, "not confirmed: the hub asked to %s, which was not asked for here",
             subscribe ? "subscribe" : "unsubscribe");
        respond(request, 404, "not asked for here\n");
        return;
    }
    if (subscribe && verification->lease_seconds > 0)
        note(subscriber, "verified: the hub asked back and was told yes; lease %" PRId64 " s",
             verification->lease_seconds);
    else
        note(subscriber, subscribe ? "verified: the hub asked back and was told yes"
                                   : "unsubscribed: the hub asked back and was told yes");
    respond(request, 200, verification->challenge);
}

static void handle_get(struct subscriber *subscriber, struct http_request *request)
{
    struct websub_verification verification;
    struct websub_error error;
    if (websub_verification_parse(http_request_query(request), &verification, &error) != 0) {
        respond(request, 400, error.message);
        return;
    }
    if (strcmp(verification.topic, subscriber->options.topic) != 0) {
        note(subscriber, "not confirmed: the hub asked about another topic");
        respond(request, 404, "not asked for here\n");
    } else if (verification.intent == WEBSUB_INTENT_DENIED) {
        take_denial(subscriber, verification.reason);
        respond(request, 200, "");
    } else {
        answer_intent(subscriber, request, &verification);
    }
    websub_verification_fini(&verification);
}

static void print_delivery(const struct subscriber *subscriber, const struct delivery *delivery)
{
    struct buffer out = {0};
    if (subscriber->options.json)
        delivery_append_json(&out, delivery);
    else
        delivery_append_text(&out, delivery);
    fwrite(out.data, 1, out.length, stdout);
    fflush(stdout);
    buffer_fini(&out);
}

static void read_delivery(const struct subscriber *subscriber, struct http_request *request,
                          struct delivery *delivery)
{
    *delivery = (struct delivery){
        .topic = subscriber->options.topic,
        .message_id = http_request_header(request, "X-Hub-Message-Id"),
        .timestamp = http_request_header(request, "webhook-timestamp"),
        .content_type = http_request_header(request, "Content-Type"),
        .signature_header = http_request_header(request, "X-Hub-Signature"),
    };
    delivery->body = http_request_body(request, &delivery->length);
    delivery_judge(delivery, &subscriber->options.expectation);
}

/* Numbers the delivery; false: it is put off. */
static bool begin_delivery(struct subscriber *subscriber, struct delivery *delivery)
{
    const struct subscriber_progress *progress = &subscriber->progress;
    pthread_mutex_lock(&subscriber->mutex);
    bool taken = !subscriber->closed &&
                 (subscriber->options.count == 0 || progress->good < subscriber->options.count);
    delivery->number = (unsigned long)(progress->good + progress->bad + 1);
    pthread_mutex_unlock(&subscriber->mutex);
    return taken;
}

/* After printing: whoever sees the count reached may end the program. */
static void end_delivery(struct subscriber *subscriber, const struct delivery *delivery)
{
    pthread_mutex_lock(&subscriber->mutex);
    if (delivery_is_good(delivery))
        subscriber->progress.good++;
    else
        subscriber->progress.bad++;
    pthread_mutex_unlock(&subscriber->mutex);
}

static void handle_post(struct subscriber *subscriber, struct http_request *request)
{
    struct delivery delivery;
    read_delivery(subscriber, request, &delivery);
    if (!begin_delivery(subscriber, &delivery)) {
        http_response_header(request, "Retry-After", "5");
        respond(request, 503, "this subscriber is about to end\n");
        return;
    }
    print_delivery(subscriber, &delivery);
    end_delivery(subscriber, &delivery);
    bool authentic = delivery_is_authentic(&delivery);
    respond(request, authentic ? 200 : 403, authentic ? "" : "no valid signature\n");
}

/* @locality the one server thread: deliveries are handled one after the other */
static void handle(struct http_request *request, void *context)
{
    struct subscriber *subscriber = context;
    const char *method = http_request_method(request);
    if (strcmp(http_request_path(request), subscriber->options.endpoint->path) != 0) {
        respond(request, 404, "not found\n");
    } else if (strcmp(method, "GET") == 0) {
        handle_get(subscriber, request);
    } else if (strcmp(method, "POST") == 0) {
        handle_post(subscriber, request);
    } else {
        http_response_header(request, "Allow", "GET, POST");
        respond(request, 405, "only GET and POST\n");
    }
}

static void refuse(struct http_request *request, unsigned status, const char *reason)
{
    respond(request, status, reason);
}

struct subscriber *subscriber_new(const struct subscriber_options *options, struct error *error)
{
    struct subscriber *subscriber = xcalloc(1, sizeof(*subscriber));
    subscriber->options = *options;
    subscriber->wanted = WEBSUB_INTENT_DENIED;
    ENSURE(pthread_mutex_init(&subscriber->mutex, NULL) == 0);
    const struct http_server_options server_options = {
        .listen_address = options->endpoint->address,
        .port = options->endpoint->port,
        .threads = 1,
        .connection_limit = CONNECTIONS,
        .idle_timeout_seconds = IDLE_SECONDS,
        .max_body_bytes = READ_FILE_MAX,
        .handler = handle,
        .refuse = refuse,
        .context = subscriber,
    };
    subscriber->server = http_server_new(&server_options, error);
    if (subscriber->server)
        return subscriber;
    subscriber_free(subscriber);
    return NULL;
}

void subscriber_want(struct subscriber *subscriber, enum websub_intent intent)
{
    pthread_mutex_lock(&subscriber->mutex);
    subscriber->wanted = intent;
    pthread_mutex_unlock(&subscriber->mutex);
}

void subscriber_close(struct subscriber *subscriber)
{
    pthread_mutex_lock(&subscriber->mutex);
    subscriber->closed = true;
    pthread_mutex_unlock(&subscriber->mutex);
}

struct subscriber_progress subscriber_progress(struct subscriber *subscriber)
{
    pthread_mutex_lock(&subscriber->mutex);
    struct subscriber_progress progress = subscriber->progress;
    pthread_mutex_unlock(&subscriber->mutex);
    return progress;
}

static void drain(struct http_server *server)
{
    const struct timespec step = {.tv_nsec = DRAIN_STEP_NS};
    int64_t deadline = clock_monotonic_ms() + DRAIN_MS;
    http_server_quiesce(server);
    while (http_server_pending(server) > 0 && clock_monotonic_ms() < deadline)
        nanosleep(&step, NULL);
}

void subscriber_free(struct subscriber *subscriber)
{
    if (!subscriber)
        return;
    if (subscriber->server) {
        drain(subscriber->server);
        http_server_free(subscriber->server);
    }
    pthread_mutex_destroy(&subscriber->mutex);
    free(subscriber);
}
