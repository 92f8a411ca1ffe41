/*
 * Spans are encoded by whoever records them, under no lock, and wait in an array; a thread sends
 * what has come together, one request at a time.
 */
#include "common/tracer.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/clock.h"
#include "common/http_fetch.h"
#include "common/json.h"
#include "common/log.h"
#include "common/panic.h"

enum { MAX_WAITING = 8192, MAX_BATCH = 512, PAUSE_MS = 500, REQUEST_MS = 5000, LAST_MS = 1000 };

/* OTLP: STATUS_CODE_ERROR */
enum { STATUS_ERROR = 2 };

struct tracer {
    const struct config *config;
    const char *service;
    struct http_fetcher *fetcher;
    const char **headers;  /* for http_fetch; those between the first and the last are owned */
    uint64_t sample_below; /* of 2^32 */
    struct counter *sent, *dropped;
    pthread_t thread;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    json_t *waiting; /* array of spans */
    bool sending, stopping;
};

/* --- encoding --- */

static json_t *attribute(const char *name, const char *text, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRId64, number); /* 64-bit integers are text there */
    return json_pack("{s:s, s:{s:s}}", "key", name, "value", text ? "stringValue" : "intValue",
                     text ? text : digits);
}

static json_t *nanoseconds(int64_t microseconds)
{
    return json_sprintf("%" PRId64 "000", microseconds);
}

/** NULL: some text is no UTF-8. */
static json_t *encode(const struct span *span)
{
    json_t *attributes = json_array();
    for (size_t i = 0; i < SPAN_MAX_ATTRIBUTES && span->attributes[i].name; i++) {
        const struct span_attribute *each = &span->attributes[i];
        json_array_append_new(attributes, attribute(each->name, each->text, each->number));
    }
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "traceId", span->context.trace, "spanId",
                  span->context.span, "name", span->name, "kind", (int)span->kind,
                  "startTimeUnixNano", nanoseconds(span->start_us), "endTimeUnixNano",
                  nanoseconds(span->end_us), "attributes", attributes);
    if (object && span->parent)
        json_put_string(object, "parentSpanId", span->parent);
    if (object && span->error)
        json_object_set_new(object, "status",
                            json_pack("{s:i, s:s}", "code", STATUS_ERROR, "message", span->error));
    return object;
}

static char *encode_request(const struct tracer *tracer, json_t *spans, size_t *length)
{
    json_t *request =
        json_pack("{s:[{s:{s:[o, o]}, s:[{s:{s:s, s:s}, s:O}]}]}", "resourceSpans", "resource",
                  "attributes", attribute("service.name", tracer->service, 0),
                  attribute("service.version", WEBSUB_VERSION, 0), "scopeSpans", "scope", "name",
                  "websub", "version", WEBSUB_VERSION, "spans", spans);
    ENSURE(request != NULL);
    return json_finish(request, length);
}

/* --- sending --- */

struct batch {
    struct tracer *tracer;
    size_t count;
};

/* @locality fetcher's thread */
static void on_answer(void *context, const struct http_fetch_result *result)
{
    struct batch *batch = context;
    struct tracer *tracer = batch->tracer;
    bool taken = !result->problem && result->status >= 200 && result->status < 300;
    if (!taken)
        log_warning("tracing.failed", LOG_INT("spans", (int64_t)batch->count),
                    LOG_INT("status", result->status),
                    LOG_STR("reason", result->problem ? result->problem : "not accepted"));
    counter_add(taken ? tracer->sent : tracer->dropped, batch->count);
    pthread_mutex_lock(&tracer->lock);
    tracer->sending = false;
    pthread_cond_broadcast(&tracer->changed);
    pthread_mutex_unlock(&tracer->lock);
    free(batch);
}

static void send_batch(struct tracer *tracer, json_t *spans)
{
    struct batch *batch = xmalloc(sizeof(*batch));
    struct http_fetch_request request = {
        .url = tracer->config->tracing.otlp_url,
        .headers = tracer->headers,
        .timeout_ms = REQUEST_MS,
        .done = on_answer,
        .context = batch,
    };
    *batch = (struct batch){tracer, json_array_size(spans)};
    char *body = encode_request(tracer, spans, &request.length);
    request.body = body;
    http_fetch_start(tracer->fetcher, &request);
    free(body);
}

/** Takes up to MAX_BATCH of what waits. Call with the lock held. */
static json_t *take_batch(struct tracer *tracer)
{
    json_t *all = tracer->waiting, *batch = all;
    tracer->waiting = json_array();
    for (size_t i = MAX_BATCH; i < json_array_size(all); i++)
        json_array_append(tracer->waiting, json_array_get(all, i));
    while (json_array_size(batch) > MAX_BATCH)
        json_array_remove(batch, json_array_size(batch) - 1);
    return batch;
}

/** Lets go of the lock meanwhile. */
static void send_waiting(struct tracer *tracer)
{
    json_t *batch = take_batch(tracer);
    tracer->sending = true;
    pthread_mutex_unlock(&tracer->lock);
    send_batch(tracer, batch);
    json_decref(batch);
    pthread_mutex_lock(&tracer->lock);
}

static void wait_ms(struct tracer *tracer, int64_t milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += milliseconds % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&tracer->changed, &tracer->lock, &until);
}

static void *tracer_main(void *context)
{
    struct tracer *tracer = context;
    pthread_mutex_lock(&tracer->lock);
    while (!tracer->stopping) {
        size_t count = json_array_size(tracer->waiting);
        if (tracer->sending || count < MAX_BATCH)
            wait_ms(tracer, PAUSE_MS);
        if (tracer->sending || json_array_size(tracer->waiting) == 0)
            continue;
        send_waiting(tracer);
    }
    pthread_mutex_unlock(&tracer->lock);
    return NULL;
}

/* --- contract --- */

static void make_headers(struct tracer *tracer)
{
    const struct string_list *configured = &tracer->config->tracing.headers;
    tracer->headers = xcalloc(configured->count + 2, sizeof(*tracer->headers));
    tracer->headers[0] = "Content-Type: application/json";
    for (size_t i = 0; i < configured->count; i++) {
        const char *equals = strchr(configured->items[i], '=');
        ENSURE(equals != NULL); /* checked by the configuration */
        tracer->headers[i + 1] = xasprintf("%.*s: %s", (int)(equals - configured->items[i]),
                                           configured->items[i], equals + 1);
    }
}

struct tracer *tracer_new(const struct config *config, const char *service, struct metrics *metrics,
                          struct error *error)
{
    pthread_condattr_t monotonic;
    error->code = ERROR_NONE;
    if (!config->tracing.otlp_url[0])
        return NULL;
    struct http_fetcher *fetcher = http_fetcher_new(config->security.extra_ca_file, error);
    if (!fetcher) {
        error_prefix(error, "security.extra_ca_file");
        return NULL;
    }
    struct tracer *tracer = xcalloc(1, sizeof(*tracer));
    tracer->config = config;
    tracer->service = service;
    tracer->fetcher = fetcher;
    tracer->sample_below = (uint64_t)(config->tracing.sample_ratio * 4294967296.0);
    tracer->waiting = json_array();
    tracer->sent = metrics_counter(metrics, "websub_spans_total", "Spans by what became of them",
                                   "outcome=\"sent\"");
    tracer->dropped = metrics_counter(metrics, "websub_spans_total", "", "outcome=\"dropped\"");
    make_headers(tracer);
    pthread_mutex_init(&tracer->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tracer->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    ENSURE(pthread_create(&tracer->thread, NULL, tracer_main, tracer) == 0);
    return tracer;
}

/** What came last matters as much as the rest. */
static void send_rest(struct tracer *tracer)
{
    int64_t deadline_ms = clock_monotonic_ms() + LAST_MS;
    pthread_mutex_lock(&tracer->lock);
    while (clock_monotonic_ms() < deadline_ms &&
           (tracer->sending || json_array_size(tracer->waiting) > 0)) {
        if (tracer->sending) {
            wait_ms(tracer, deadline_ms - clock_monotonic_ms());
            continue;
        }
        send_waiting(tracer);
    }
    pthread_mutex_unlock(&tracer->lock);
}

void tracer_free(struct tracer *tracer)
{
    if (!tracer)
        return;
    pthread_mutex_lock(&tracer->lock);
    tracer->stopping = true;
    pthread_cond_broadcast(&tracer->changed);
    pthread_mutex_unlock(&tracer->lock);
    pthread_join(tracer->thread, NULL);
    send_rest(tracer);
    http_fetcher_free(tracer->fetcher);
    pthread_cond_destroy(&tracer->changed);
    pthread_mutex_destroy(&tracer->lock);
    json_decref(tracer->waiting);
    for (size_t i = 1; tracer->headers[i]; i++)
        free((char *)(uintptr_t)tracer->headers[i]);
    free(tracer->headers);
    free(tracer);
}

bool tracer_samples(const struct tracer *tracer)
{
    uint32_t random;
    if (!tracer)
        return false;
    ENSURE(getrandom(&random, sizeof(random), 0) == sizeof(random));
    return random < tracer->sample_below;
}

void tracer_record(struct tracer *tracer, const struct span *span)
{
    json_t *object = encode(span);
    pthread_mutex_lock(&tracer->lock);
    bool fits = object && json_array_size(tracer->waiting) < MAX_WAITING;
    if (fits)
        json_array_append(tracer->waiting, object);
    if (fits && json_array_size(tracer->waiting) == MAX_BATCH)
        pthread_cond_broadcast(&tracer->changed);
    pthread_mutex_unlock(&tracer->lock);
    json_decref(object);
    if (!fits)
        counter_add(tracer->dropped, 1);
}
