/*
 * Spans are encoded by whoever records them, under no lock, and wait in an array. A thread takes a
 * batch of what has come together, and sends it until the collector has taken or refused it: one
 * batch and one request at a time.
 */
#include "common/tracer.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http_fetch.h"
#include "common/id.h"
#include "common/json.h"
#include "common/log.h"
#include "common/panic.h"

enum { MAX_WAITING = 8192, MAX_BATCH = 512, PAUSE_MS = 500, REQUEST_MS = 5000, LAST_MS = 1000 };

/* A batch is tried so often, half a minute in all unless the collector wants longer pauses. */
enum { MAX_TRIES = 6, FIRST_PAUSE_MS = 1000, MAX_RETRY_AFTER_MS = 300000 };

/** What is being sent. */
struct batch {
    json_t *spans; /* NULL: nothing is */
    unsigned tries;
    int64_t not_before_ms; /* monotonic */
};

struct tracer {
    const struct config *config;
    const char *service;
    char instance[ID_UUID_SIZE];
    struct http_fetcher *fetcher;
    const char **headers;  /* for http_fetch; owned but for the first */
    uint64_t sample_below; /* of 2^32 */
    struct counter *sent, *dropped;
    pthread_t thread;

    struct batch batch; /* while it is under way the fetcher's thread's, else the sender's */

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    json_t *waiting; /* array of spans */
    bool under_way;
    bool stopping;
};

static uint32_t random_number(void)
{
    uint32_t random;
    ENSURE(getrandom(&random, sizeof(random), 0) == sizeof(random));
    return random;
}

/* --- the request --- */

static json_t *encode_resource(const struct tracer *tracer)
{
    char host[256] = "";
    json_t *attributes = json_array();
    json_array_append_new(attributes, span_encode_text("service.name", tracer->service));
    json_array_append_new(attributes, span_encode_text("service.version", WEBSUB_VERSION));
    json_array_append_new(attributes, span_encode_text("service.instance.id", tracer->instance));
    if (gethostname(host, sizeof(host) - 1) == 0 && host[0])
        json_array_append_new(attributes, span_encode_text("host.name", host));
    return json_pack("{s:o}", "attributes", attributes);
}

static char *encode_request(const struct tracer *tracer, json_t *spans, size_t *length)
{
    json_t *request = json_pack("{s:[{s:o, s:[{s:{s:s, s:s}, s:O}]}]}", "resourceSpans", "resource",
                                encode_resource(tracer), "scopeSpans", "scope", "name", "websub",
                                "version", WEBSUB_VERSION, "spans", spans);
    ENSURE(request != NULL);
    return json_finish(request, length);
}

/* --- the answer --- */

/** Whether another try may succeed: OTLP/HTTP, "retryable response codes". */
static bool is_retryable(const struct http_fetch_result *result)
{
    return result->problem || result->status == 429 || result->status == 502 ||
           result->status == 503 || result->status == 504;
}

/** With jitter: those that failed together do not come again together. */
static int64_t pause_before_next(const struct batch *batch, const struct http_fetch_result *result)
{
    int64_t pause = (int64_t)FIRST_PAUSE_MS << (batch->tries - 1);
    if (result->retry_after_ms > MAX_RETRY_AFTER_MS)
        return MAX_RETRY_AFTER_MS;
    if (result->retry_after_ms > 0)
        return result->retry_after_ms;
    return pause / 2 + random_number() % (pause / 2 + 1);
}

/** Of what was taken: the spans that the collector wanted none of ("partial success"). */
static size_t count_rejected(const struct http_fetch_result *result, size_t count)
{
    json_t *answer = json_loadb(result->body, result->length, 0, NULL);
    const json_t *partial = json_object_get(answer, "partialSuccess");
    const json_t *number = json_object_get(partial, "rejectedSpans"); /* text, or a number */
    const char *text = json_string_value(number);
    long long rejected = text ? strtoll(text, NULL, 10) : json_integer_value(number);
    size_t bounded = rejected <= 0 ? 0 : (size_t)rejected < count ? (size_t)rejected : count;
    if (bounded > 0)
        log_warning("tracing.rejected", LOG_INT("spans", (int64_t)bounded),
                    LOG_STR("reason", json_string_value(json_object_get(partial, "errorMessage"))));
    json_decref(answer);
    return bounded;
}

static void forget_batch(struct batch *batch)
{
    json_decref(batch->spans);
    *batch = (struct batch){0};
}

static void on_taken(struct tracer *tracer, const struct http_fetch_result *result)
{
    size_t count = json_array_size(tracer->batch.spans);
    size_t rejected = count_rejected(result, count);
    counter_add(tracer->sent, count - rejected);
    counter_add(tracer->dropped, rejected);
    forget_batch(&tracer->batch);
}

static void on_not_taken(struct tracer *tracer, const struct http_fetch_result *result,
                         bool may_try_again)
{
    struct batch *batch = &tracer->batch;
    size_t count = json_array_size(batch->spans);
    bool again = is_retryable(result) && batch->tries < MAX_TRIES && may_try_again;
    int64_t pause = again ? pause_before_next(batch, result) : 0;
    log_warning("tracing.failed", LOG_INT("spans", (int64_t)count),
                LOG_INT("status", result->status),
                LOG_STR("reason", result->problem ? result->problem : "not accepted"),
                LOG_BOOL("dropped", !again), LOG_INT("retry_in_ms", pause));
    batch->not_before_ms = clock_monotonic_ms() + pause;
    if (again)
        return;
    counter_add(tracer->dropped, count);
    forget_batch(batch);
}

/* @locality fetcher's thread */
static void on_answer(void *context, const struct http_fetch_result *result)
{
    struct tracer *tracer = context;
    pthread_mutex_lock(&tracer->lock);
    bool stopping = tracer->stopping;
    pthread_mutex_unlock(&tracer->lock);
    if (!result->problem && result->status >= 200 && result->status < 300)
        on_taken(tracer, result);
    else
        on_not_taken(tracer, result, !stopping);
    pthread_mutex_lock(&tracer->lock);
    tracer->under_way = false;
    pthread_cond_broadcast(&tracer->changed);
    pthread_mutex_unlock(&tracer->lock);
}

/* --- sending --- */

/** Takes up to MAX_BATCH of what waits. With the lock held. */
static json_t *take_waiting(struct tracer *tracer)
{
    json_t *all = tracer->waiting, *taken = all;
    tracer->waiting = json_array();
    for (size_t i = MAX_BATCH; i < json_array_size(all); i++)
        json_array_append(tracer->waiting, json_array_get(all, i));
    while (json_array_size(taken) > MAX_BATCH)
        json_array_remove(taken, json_array_size(taken) - 1);
    return taken;
}

/** A batch that waits for another try, or the next one. Lets go of the lock meanwhile. */
static void send_batch(struct tracer *tracer)
{
    struct http_fetch_request request = {
        .url = tracer->config->tracing.otlp_url,
        .headers = tracer->headers,
        .timeout_ms = REQUEST_MS,
        .done = on_answer,
        .context = tracer,
    };
    struct batch *batch = &tracer->batch;
    if (!batch->spans)
        batch->spans = take_waiting(tracer);
    batch->tries++;
    tracer->under_way = true;
    pthread_mutex_unlock(&tracer->lock);
    char *body = encode_request(tracer, batch->spans, &request.length);
    request.body = body;
    http_fetch_start(tracer->fetcher, &request);
    free(body);
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

/** With the lock held: whether to send now; else so long until it is worth another look. */
static bool is_time(const struct tracer *tracer, int64_t *pause_ms)
{
    const struct batch *batch = &tracer->batch;
    *pause_ms = PAUSE_MS;
    if (tracer->under_way)
        return false;
    if (!batch->spans)
        return json_array_size(tracer->waiting) >= MAX_BATCH;
    int64_t left = batch->not_before_ms - clock_monotonic_ms();
    if (left < *pause_ms)
        *pause_ms = left;
    return left <= 0;
}

static void *tracer_main(void *context)
{
    struct tracer *tracer = context;
    int64_t pause_ms;
    pthread_mutex_lock(&tracer->lock);
    while (!tracer->stopping) {
        bool is_idle = !tracer->under_way && !tracer->batch.spans;
        if (is_time(tracer, &pause_ms)) {
            send_batch(tracer);
            continue;
        }
        wait_ms(tracer, pause_ms);
        /* What came together during a pause need not be many. */
        if (is_idle && !tracer->stopping && json_array_size(tracer->waiting) > 0)
            send_batch(tracer);
    }
    pthread_mutex_unlock(&tracer->lock);
    return NULL;
}

/* --- contract --- */

static void make_headers(struct tracer *tracer)
{
    const struct string_list *configured = &tracer->config->tracing.headers;
    tracer->headers = xcalloc(configured->count + 3, sizeof(*tracer->headers));
    tracer->headers[0] = "Content-Type: application/json";
    tracer->headers[1] =
        xasprintf("User-Agent: OTLP-Exporter-C/%s %s", WEBSUB_VERSION, tracer->service);
    for (size_t i = 0; i < configured->count; i++) {
        const char *equals = strchr(configured->items[i], '=');
        ENSURE(equals != NULL); /* checked by the configuration */
        tracer->headers[i + 2] = xasprintf("%.*s: %s", (int)(equals - configured->items[i]),
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
    id_uuid7(tracer->instance);
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
           (tracer->under_way || tracer->batch.spans || json_array_size(tracer->waiting) > 0)) {
        if (tracer->under_way)
            wait_ms(tracer, deadline_ms - clock_monotonic_ms());
        else
            send_batch(tracer);
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
    json_decref(tracer->batch.spans);
    json_decref(tracer->waiting);
    for (size_t i = 1; tracer->headers[i]; i++)
        free((char *)(uintptr_t)tracer->headers[i]);
    free(tracer->headers);
    free(tracer);
}

bool tracer_samples(const struct tracer *tracer)
{
    return tracer && random_number() < tracer->sample_below;
}

void tracer_record(struct tracer *tracer, const struct span *span)
{
    json_t *object = span_encode(span);
    pthread_mutex_lock(&tracer->lock);
    bool fits = object && json_array_size(tracer->waiting) < MAX_WAITING;
    if (fits) /* whole: a reference that stayed here would be shared with the thread that sends */
        json_array_append_new(tracer->waiting, object);
    if (fits && json_array_size(tracer->waiting) == MAX_BATCH)
        pthread_cond_broadcast(&tracer->changed);
    pthread_mutex_unlock(&tracer->lock);
    if (fits)
        return;
    json_decref(object);
    counter_add(tracer->dropped, 1);
}
