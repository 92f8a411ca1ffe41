/*
 * All of a subscription's dead letters delivered once more, since an operator wants it.
 *
 * State says how far they are settled and how far they are wanted (common/state.h). In between they
 * are read from the dead letters topic, with their bodies, and sent one at a time beside what is
 * delivered in order. What was confirmed is passed by the position, `settled`, which is told as an
 * event; so a crash repeats what was confirmed since the last one, and forgets nothing. However
 * many there are, a few of them are known here.
 *
 * Left out are letters that an operator had redelivered one by one: their marks lie behind them, so
 * these are read first (letter_marks.h). One that is just being redelivered so is waited for.
 *
 * One that is refused waits for its next try while others go on; the position stays before the
 * first of them (letter_progress.h). When it was refused so often although others got through, or
 * for retry.give_up_after, it is written anew, as a dead letter behind all
 * that are wanted, before the position passes it: it stays missed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/attempts.h"
#include "dispatcher/dead_letter.h"
#include "dispatcher/delivery_request.h"
#include "dispatcher/letter_marks.h"
#include "dispatcher/letter_progress.h"
#include "dispatcher/retry.h"

enum { TELL_MS = 1000, TELL_AGAIN_MS = 15000, AGAIN_MS = 1000, MARKS_CHUNK = 256 };

enum run_step { STEP_IDLE, STEP_READING_MARKS, STEP_READING, STEP_SENDING, STEP_BURYING };

struct letter_run {
    struct subscription *subscription;
    int64_t since_ms;              /* letters from before are an earlier subscription's */
    int64_t settled;               /* as in state */
    int64_t marked, marks_read_to; /* as in state, and how far that was read */
    struct letter_marks marks;
    struct letter_progress progress;
    unsigned failures;     /* in a row */
    int64_t not_before_ms; /* monotonic */
    int64_t told, told_ms;
    /* what is under way */
    enum run_step step;
    int64_t offset; /* STEP_READING: from here on; then: of the letter */
    struct chunk *requested;
    struct message *message;
    struct dead_letter *letter;
    struct http_exchange exchange;
    struct delivery_request request;
};

/* --- what is under way --- */

static void end_step(struct letter_run *run)
{
    if (run->requested)
        run->requested->letter_run = NULL; /* freed when it is answered */
    if (run->letter)
        dead_letter_forget(run->letter);
    if (run->message)
        message_release(run->message);
    run->requested = NULL;
    run->letter = NULL;
    run->message = NULL;
    run->step = STEP_IDLE;
}

bool letter_run_is_sending(const struct subscription *s)
{
    return s->letter_run && s->letter_run->message;
}

void letter_run_drop(struct subscription *s)
{
    struct letter_run *run = s->letter_run;
    if (!run)
        return;
    if (run->step == STEP_SENDING) {
        gauge_add(s->loop->dispatcher->metrics.in_flight, -1);
        http_client_cancel(s->loop->http, &run->exchange);
    }
    end_step(run);
    letter_marks_fini(&run->marks);
    free(run);
    s->letter_run = NULL;
}

void letter_run_take(struct subscription *s, const struct subscription_state *state)
{
    const struct letters_state *letters = &state->letters;
    struct letter_run *run = s->letter_run;
    if (letters->wanted <= letters->settled) {
        letter_run_drop(s);
        return;
    }
    if (!run) {
        run = s->letter_run = xcalloc(1, sizeof(*run));
        run->subscription = s;
        run->since_ms = state->created_at_ms;
        run->progress.next = run->told = run->marks_read_to = letters->settled;
    }
    run->settled = letters->settled;
    run->progress.wanted = letters->wanted;
    run->marked = letters->marked;
}

void letter_run_note_mark(struct subscription *s, int64_t origin, int64_t offset)
{
    if (s->letter_run)
        letter_marks_add(&s->letter_run->marks, origin, offset);
}

/* --- the position --- */

static void tell(struct letter_run *run, int64_t offset, int64_t now_ms)
{
    struct subscription *s = run->subscription;
    struct error error;
    const struct event event = {
        .type = EVENT_DELIVERY_LETTERS_SETTLED,
        .at_ms = clock_wall_ms(),
        .topic = (char *)(uintptr_t)s->log->channel->topic, /* borrowed, as all strings here */
        .callback = s->callback,
        .method = -1,
        .offset = offset,
    };
    run->told = offset;
    run->told_ms = now_ms;
    if (event_writer_send(s->loop->dispatcher->events, &event, NULL, NULL, &error) != 0)
        log_warning("delivery.event_not_sent", LOG_STR("type", event_type_name(event.type)),
                    LOG_STR("subscription", s->id), LOG_STR("reason", error.message));
}

/** Now and then, at the end at once; and again while state does not say so. */
static void tell_if_due(struct letter_run *run, int64_t now_ms)
{
    int64_t offset = letter_progress_position(&run->progress), since_told = now_ms - run->told_ms;
    bool moved = offset > run->told && (offset == run->progress.wanted || since_told >= TELL_MS);
    if (moved || (offset > run->settled && since_told >= TELL_AGAIN_MS))
        tell(run, offset, now_ms);
}

void letter_run_tell(struct subscription *s)
{
    struct letter_run *run = s->letter_run;
    if (run && letter_progress_position(&run->progress) > run->told)
        tell(run, letter_progress_position(&run->progress), clock_monotonic_ms());
}

/* --- what became of it --- */

static void record(const struct subscription *s, struct attempt *attempt)
{
    attempt->subscription = s->id;
    attempt->topic = s->log->channel->topic;
    attempt->callback = s->callback;
    attempts_record(s->loop->dispatcher->attempts, attempt);
}

/* @locality the loop's thread */
static void on_buried(void *context, int64_t behind)
{
    struct letter_run *run = context;
    struct subscription *s = run->subscription;
    run->letter = NULL;
    if (behind > 0)
        letter_progress_settle(&run->progress, run->offset);
    else
        run->not_before_ms = clock_monotonic_ms() + AGAIN_MS;
    end_step(run);
    letter_run_pump(s);
}

/** It stays a dead letter: written anew. When it cannot be written now, it is tried again first. */
static void bury(struct letter_run *run, const char *reason, unsigned failures)
{
    struct subscription *s = run->subscription;
    struct error error;
    const struct dead_letter_contents contents = {
        .subscription = s->id,
        .callback = s->callback,
        .channel = s->log->channel,
        .message = run->message,
        .reason = reason,
        .failures = failures,
    };
    log_warning("delivery.not_redelivered", LOG_STR("subscription", s->id),
                LOG_URL("callback", s->callback), LOG_STR("message", run->message->id),
                LOG_STR("reason", reason));
    struct attempt attempt = {
        .type = ATTEMPT_NOT_REDELIVERED, .message = run->message, .reason = reason};
    record(s, &attempt);
    run->letter = dead_letter_send(s->loop->dispatcher->dead_letters, s->loop, &contents, on_buried,
                                   run, &error);
    if (run->letter) {
        run->step = STEP_BURYING;
        return;
    }
    log_warning("delivery.dead_letter_not_sent", LOG_STR("subscription", s->id),
                LOG_STR("reason", error.message));
    end_step(run);
}

static void on_success(struct letter_run *run)
{
    struct subscription *s = run->subscription;
    struct attempt attempt = {.type = ATTEMPT_REDELIVERED, .message = run->message};
    counter_add(s->loop->dispatcher->metrics.delivered, 1);
    log_info("delivery.redelivered", LOG_STR("subscription", s->id),
             LOG_URL("callback", s->callback), LOG_STR("message", run->message->id));
    record(s, &attempt);
    run->failures = 0;
    run->not_before_ms = 0;
    run->progress.delivered++;
    letter_progress_settle(&run->progress, run->offset);
    end_step(run);
}

static void on_failure(struct letter_run *run, const struct http_result *result)
{
    struct subscription *s = run->subscription;
    const struct dispatcher *dispatcher = s->loop->dispatcher;
    const struct retry_policy policy = {dispatcher->config.retry.min_interval,
                                        dispatcher->config.retry.max_interval};
    enum http_reason reason = http_result_reason(result);
    int64_t now = clock_monotonic_ms();
    const struct letter_refused *refused = letter_progress_refuse(&run->progress, run->offset, now);
    int64_t pause =
        retry_pause_ms(&policy, ++run->failures, result->retry_after_ms, loop_random(s->loop));
    counter_add(dispatcher->metrics.failed[reason], 1);
    run->not_before_ms = now + pause;
    struct attempt attempt = {
        .type = ATTEMPT_DELIVERY_FAILED,
        .message = run->message,
        .result = result,
        .reason = http_reason_name(reason),
        .failures = refused->failures,
        .retry_in_ms = pause,
    };
    record(s, &attempt);
    if (letter_progress_is_exhausted(&run->progress, refused,
                                     dispatcher->config.retry.give_up_after, now))
        bury(run, http_reason_name(reason), refused->failures);
    else
        end_step(run);
}

static void on_result(struct http_exchange *exchange, const struct http_result *result)
{
    struct letter_run *run = CONTAINER_OF(exchange, struct letter_run, exchange);
    struct subscription *s = run->subscription;
    bool answered = result->outcome == HTTP_ANSWERED;
    gauge_add(s->loop->dispatcher->metrics.in_flight, -1);
    histogram_observe(s->loop->dispatcher->metrics.delivery, result->duration_us);
    delivery_trace_end(&run->request.trace, s, run->message, result);
    if (answered && result->status < 300) {
        on_success(run);
    } else if (answered && result->status == 410) {
        end_step(run);
        delivery_end_gone(s);
    } else {
        on_failure(run, result);
    }
    letter_run_pump(s);
}

/* --- reading --- */

static void request(struct letter_run *run, enum run_step step, int64_t from, int64_t to,
                    size_t capacity)
{
    struct subscription *s = run->subscription;
    struct dispatcher *dispatcher = s->loop->dispatcher;
    struct chunk *chunk =
        chunk_new_letters(capacity, dead_letters_partition(dispatcher->dead_letters, s->id), s->id,
                          s->log->channel->partition);
    chunk->letter_run = run;
    chunk->loop = s->loop->index;
    chunk->from = from;
    chunk->to = to;
    run->step = step;
    run->offset = from;
    run->requested = chunk;
    catch_up_request(dispatcher->catch_up, chunk);
}

static void take_marks(struct letter_run *run, const struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->count; i++)
        if (chunk->messages[i]->letter.is_mark)
            letter_marks_add(&run->marks, chunk->messages[i]->offset,
                             chunk->messages[i]->letter.offset);
    run->marks_read_to = chunk->next_offset;
}

static void send_out(struct letter_run *run, struct message *message)
{
    struct subscription *s = run->subscription;
    run->step = STEP_SENDING;
    run->message = message_hold(message);
    delivery_request_begin(&run->request, &run->exchange, s, message);
    run->exchange.done = on_result;
    delivery_request_sign(&run->request, s, message);
    gauge_add(s->loop->dispatcher->metrics.in_flight, 1);
    http_client_start(s->loop->http, &run->exchange);
}

static void take_letter(struct letter_run *run, struct message *message)
{
    const struct letter *letter = &message->letter;
    enum letter_fate fate = letter_marks_judge(&run->marks, message->offset, letter->offset);
    run->offset = letter->offset;
    if (letter->is_mark || letter->at_ms < run->since_ms || fate == LETTER_SETTLED) {
        letter_progress_settle(&run->progress, run->offset);
    } else if (fate == LETTER_UNKNOWN) {
        letter_marks_restart(&run->marks, message->offset);
        run->marks_read_to = letter_progress_position(&run->progress);
    } else if (redelivery_lists(run->subscription, message->offset)) {
        run->not_before_ms = clock_monotonic_ms() + AGAIN_MS;
    } else if (redelivery_may_send(run->subscription)) {
        send_out(run, message); /* else the tick reads it again */
    }
}

void letter_run_on_chunk(struct chunk *chunk)
{
    struct letter_run *run = chunk->letter_run;
    struct subscription *s = run->subscription;
    enum run_step step = run->step;
    run->requested = NULL;
    run->step = STEP_IDLE;
    if (chunk->failed)
        run->not_before_ms = clock_monotonic_ms() + AGAIN_MS;
    else if (step == STEP_READING_MARKS)
        take_marks(run, chunk);
    else if (chunk->count == 0)
        letter_progress_pass(&run->progress, chunk->from, chunk->next_offset);
    else
        take_letter(run, chunk->messages[0]);
    chunk_free(chunk);
    letter_run_pump(s);
}

/* --- going on --- */

void letter_run_pump(struct subscription *s)
{
    struct letter_run *run = s->letter_run;
    int64_t now = clock_monotonic_ms(), from, to;
    if (!run || s->revoked)
        return;
    tell_if_due(run, now);
    if (run->step != STEP_IDLE || now < run->not_before_ms || !redelivery_may_send(s))
        return;
    if (run->marks_read_to < run->marked)
        request(run, STEP_READING_MARKS, run->marks_read_to, run->marked, MARKS_CHUNK);
    else if (letter_progress_choose(&run->progress, &from, &to))
        request(run, STEP_READING, from, to, 1);
}
