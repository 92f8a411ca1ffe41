/*
 * One pinged topic.
 *
 *   IDLE -> PAUSING -> QUEUED -> ANNOUNCING -> FETCHING -> PUBLISHING -> TELLING -> IDLE
 *              ^  (min_interval)                   |            |           |
 *              +---- failed: a growing pause ------+------------+-----------+
 *
 * Invariants:
 *  - The request is sent only when Kafka has confirmed the event `fetching`: pings before that
 * event are about what the request will see. Each attempt has an event of its own, so pings that
 * came during the pause before it ask for nothing more.
 *  - `fetched` is written only when Kafka has confirmed the message. A crash before it leaves the
 * ping in the state, and the shard's next owner fetches again; the message of the same content for
 * the same ping has the same id.
 *  - The message is sent only while this process is certainly a member of the group (membership.c),
 * so one that wakes up from a stop does not put old content behind new. What slips through all the
 * same is put right by the fold.
 *  - State that is older than what we wrote asks for nothing: pings up to `settled` are done, and
 * `announced` is ours. A later beginning than ours is another dispatcher's, which took our place:
 * whatever it does, we begin again if the shard is still ours.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "dispatcher/fetch_settlement.h"
#include "dispatcher/fetcher_internal.h"

/* So long until what we could not do ourselves (no membership, Kafka's queue is full) is tried
 * again. */
enum { AGAIN_MS = 500 };

bool fetch_job_is_member(const struct fetch_job *job)
{
    return clock_monotonic_ms() < atomic_load(&job->fetcher->dispatcher->member_until_ms);
}

/* --- the end of a job --- */

static void forget_taken(struct fetch_job *job)
{
    location_fini(&job->taken.location);
    topic_pings_fini(&job->taken.pings);
    fetched_fini(&job->taken.fetched);
}

void fetch_job_free_when_done(struct fetch_job *job)
{
    if (!job->dropped || !job->timer_closed || job->settlements > 0)
        return;
    topic_state_free(job->state);
    forget_taken(job);
    fetch_verdict_fini(&job->verdict);
    fetch_transfer_fini(&job->transfer);
    if (job->messages)
        rd_kafka_topic_destroy(job->messages);
    free(job->topic);
    free(job);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct fetch_job *job = handle->data;
    job->timer_closed = true;
    fetch_job_free_when_done(job);
}

void fetch_job_leave(struct fetch_job *job)
{
    fetch_queue_leave(job->fetcher->queue, &job->place);
}

void fetch_job_drop(struct fetch_job *job)
{
    HASH_DEL(job->fetcher->jobs, job);
    job->dropped = true;
    if (job->phase == FETCH_FETCHING) {
        fetch_transfer_cancel(&job->transfer);
        fetch_transfer_fini(&job->transfer);
        gauge_add(job->fetcher->dispatcher->metrics.fetching, -1);
    }
    uv_close((uv_handle_t *)&job->timer, on_timer_closed);
    fetch_job_leave(job);
}

/* --- when --- */

static void on_timer(uv_timer_t *timer);

void fetch_job_pause_until(struct fetch_job *job, int64_t at_ms)
{
    int64_t pause = at_ms - clock_monotonic_ms();
    job->phase = FETCH_PAUSING;
    uv_timer_start(&job->timer, on_timer, pause > 0 ? (uint64_t)pause : 0, 0);
}

void fetch_job_try_again(struct fetch_job *job)
{
    fetch_job_pause_until(job, clock_monotonic_ms() + AGAIN_MS);
}

int64_t fetch_job_next_ms(const struct fetch_job *job)
{
    int64_t next = job->begun_ms + job->fetcher->dispatcher->config.fetch.min_interval;
    if (job->begun_ms == 0 || next < job->not_before_ms)
        return job->not_before_ms;
    return next;
}

/** Whether the state asks for a fetch, for all that we have written. */
static bool is_due(const struct fetch_job *job)
{
    const struct topic_pings *pings = &job->state->pings;
    return pings->oldest > job->settled || (pings->oldest > 0 && pings->fetching > job->announced);
}

uint32_t fetch_job_random(struct fetch_job *job)
{
    /* Knuth's linear congruential generator: its upper half will do. */
    uint64_t *random = &job->fetcher->random;
    *random = *random * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(*random >> 32);
}

void fetch_job_consider(struct fetch_job *job)
{
    job->phase = FETCH_IDLE;
    if (!job->fetcher->open[job->shard])
        return;
    if (is_due(job))
        fetch_job_pause_until(job, fetch_job_next_ms(job));
    else if (job->state->pings.oldest == 0)
        /* It is known until then, so that the next ping waits. */
        uv_timer_start(&job->timer, on_timer,
                       (uint64_t)job->fetcher->dispatcher->config.fetch.min_interval, 0);
}

static void begin(struct fetch_job *job);

static void on_timer(uv_timer_t *timer)
{
    struct fetch_job *job = timer->data;
    if (job->phase == FETCH_IDLE) {
        fetch_job_drop(job);
    } else if (!fetch_job_is_member(job)) {
        fetch_job_try_again(job);
    } else if (job->place.host) {
        begin(job); /* it is its turn already */
    } else {
        job->phase = FETCH_QUEUED;
        if (fetch_queue_enter(job->fetcher->queue, &job->place, job->topic))
            begin(job);
    }
}

static void on_turn(struct fetch_place *place)
{
    begin(CONTAINER_OF(place, struct fetch_job, place));
}

static bool is_web_address(const char *topic)
{
    return strncasecmp(topic, "http://", 7) == 0 || strncasecmp(topic, "https://", 8) == 0;
}

/* --- the beginning --- */

static void on_announced(struct fetch_job *job, rd_kafka_resp_err_t code, int64_t offset)
{
    const struct dispatcher *dispatcher = job->fetcher->dispatcher;
    if (job->dropped)
        return;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fetch_job_try_again(job);
        return;
    }
    job->announced = offset;
    job->begun_ms = clock_monotonic_ms();
    if (!is_web_address(job->topic)) {
        fetch_end_without_content(job);
        return;
    }
    const struct trace_headers *trace = &job->taken.pings.trace;
    fetch_trace_begin(&job->trace, dispatcher->tracer, trace);
    job->transfer.traceparent = fetch_trace_parent(&job->trace, trace);
    job->transfer.tracestate = trace->state;
    job->phase = FETCH_FETCHING;
    gauge_add(dispatcher->metrics.fetching, 1);
    job->transfer.http = job->fetcher->http;
    job->transfer.hosts = job->fetcher->hosts;
    job->transfer.config = &dispatcher->config;
    job->transfer.known = &job->taken.fetched;
    job->transfer.done = fetch_end_on_fetched;
    fetch_transfer_start(&job->transfer, job->topic);
}

/** The state as of now: what comes during the fetch is not what it is about. */
static void take_state(struct fetch_job *job)
{
    const struct topic_pings *pings = &job->state->pings;
    forget_taken(job);
    job->taken.topic = job->topic;
    job->taken.pings.oldest = pings->oldest;
    job->taken.pings.oldest_at_ms = pings->oldest_at_ms;
    trace_headers_copy(&job->taken.pings.trace, &pings->trace);
    location_copy(&job->taken.location, &job->state->location);
    fetched_copy(&job->taken.fetched, &job->state->fetched);
}

/** A handle from now on: librdkafka looks for the partition's leader while we fetch. */
static void open_messages(struct fetch_job *job)
{
    rd_kafka_t *producer = kafka_producer_handle(job->fetcher->dispatcher->producer);
    rd_kafka_topic_t *former = job->messages;
    job->messages = rd_kafka_topic_new(producer, job->taken.location.kafka_topic, NULL);
    ENSURE(job->messages);
    if (former)
        rd_kafka_topic_destroy(former);
}

/** It is its turn. */
static void begin(struct fetch_job *job)
{
    const struct event event = {
        .type = EVENT_TOPIC_FETCHING,
        .at_ms = clock_wall_ms(),
        .topic = job->topic,
        .method = -1,
    };
    take_state(job);
    open_messages(job);
    job->phase = FETCH_ANNOUNCING;
    if (!fetch_settlement_send_event(job, &event, on_announced))
        fetch_job_try_again(job);
}

/* --- from outside --- */

struct fetch_job *fetch_job_new(struct fetcher *fetcher, int32_t shard, struct topic_state *state)
{
    struct fetch_job *job = xcalloc(1, sizeof(*job));
    job->fetcher = fetcher;
    job->shard = shard;
    job->topic = xstrdup(state->topic);
    job->state = state;
    job->place.enter = on_turn;
    uv_timer_init(&fetcher->uv, &job->timer);
    job->timer.data = job;
    HASH_ADD_KEYPTR(hh, fetcher->jobs, job->topic, strlen(job->topic), job);
    fetch_job_consider(job);
    return job;
}

void fetch_job_open(struct fetch_job *job)
{
    if (job->phase == FETCH_IDLE)
        fetch_job_consider(job);
}

void fetch_job_update(struct fetch_job *job, struct topic_state *state)
{
    topic_state_free(job->state);
    job->state = state;
    if (job->phase == FETCH_IDLE) {
        uv_timer_stop(&job->timer);
        fetch_job_consider(job);
    } else if (job->phase == FETCH_PAUSING && job->failures > 0 && !job->place.host &&
               state->pings.again > job->announced) {
        /* Pinged while it waits after a failure: the publisher says that it is there. */
        job->failures = 0;
        fetch_job_pause_until(job, fetch_job_next_ms(job));
    }
}
