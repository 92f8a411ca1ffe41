/*
 * storm-recorder: the subscribers of a fault run. Each has a port of its own; it confirms intents,
 * checks signatures, and fails as it is told. What it was sent and what it answered goes to a file
 * (record.h) before the answer goes out, and is on disk before the loop waits again.
 *
 * On the control port:
 *
 *   GET /<subscriber>/<how>   how: 200 to 599, answered to everything; "hang": no answer;
 *                             "drop": the connection is closed instead; "refuse": the port is
 * closed; "recover": back to confirming
 *
 * A body is "<topic> <number> …", a topic's name ends in "/<topic>". The secrets of a subscription
 * are "<prefix><subscriber>-<topic>-<generation>", where its publisher chooses the generation.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "common/form.h"
#include "common/panic.h"
#include "common/signature.h"
#include "tests/benchmark/programs/serving.h"
#include "tests/benchmark/programs/wire.h"
#include "tests/faults/programs/record.h"

enum { MAX_SUBSCRIBERS = 256, MAX_TOPICS = 64, UUID_DIGITS = 32, ANSWER_NONE = 0 };

struct recorder;

struct subscriber {
    struct listener listener;
    struct recorder *recorder;
    uint16_t number;
    unsigned status; /* of every answer; ANSWER_NONE: none is given */
    bool drops;      /* with ANSWER_NONE: closes the connection */
    uint8_t last_secret[MAX_TOPICS];
};

struct recorder {
    uv_loop_t loop;
    struct listener control;
    struct subscriber *subscribers[MAX_SUBSCRIBERS];
    uint16_t count;
    const char *prefix;
    FILE *file;
};

/* --- the record --- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void write_down(struct subscriber *subscriber, struct record *record)
{
    record->at_ns = now_ns();
    record->subscriber = subscriber->number;
    record->status = (uint16_t)subscriber->status;
    if (fwrite(record, sizeof(*record), 1, subscriber->recorder->file) != 1)
        PANIC("the record cannot be written");
}

/** Before the loop waits: whoever follows the file sees everything that was answered. */
static void on_about_to_wait(uv_prepare_t *prepare)
{
    struct recorder *recorder = prepare->data;
    if (fflush(recorder->file) != 0)
        PANIC("the record cannot be written");
}

/* --- deliveries --- */

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static void take_message_id(const struct request *request, struct record *record)
{
    const char *text = wire_header(request->head, request->head_length, "X-Hub-Message-Id");
    int count = 0;
    for (; text && *text != '\r' && count < UUID_DIGITS; text++) {
        int digit = digit_of(*text);
        if (digit < 0)
            continue;
        record->message_id[count / 2] |= (uint8_t)(count % 2 ? digit : digit << 4);
        count++;
    }
}

static void take_place(const struct request *request, struct record *record)
{
    char start[32];
    unsigned topic;
    unsigned long long number;
    size_t length = request->body_length < sizeof(start) ? request->body_length : sizeof(start) - 1;
    memcpy(start, request->body, length);
    start[length] = '\0';
    if (sscanf(start, "%5u %20llu ", &topic, &number) == 2 && topic < MAX_TOPICS) {
        record->topic = (uint16_t)topic;
        record->number = number;
    }
}

static bool is_signed_with(const struct subscriber *subscriber, const struct record *record,
                           int generation, const char *signature, const struct request *request)
{
    char secret[SIGNATURE_MAX_SECRET + 1];
    int length = snprintf(secret, sizeof(secret), "%s%u-%u-%d", subscriber->recorder->prefix,
                          subscriber->number, record->topic, generation);
    return signature_verify(signature, secret, (size_t)length, request->body, request->body_length);
}

/** Most are signed with the same secret as the one before. */
static void find_secret(struct subscriber *subscriber, const struct request *request,
                        struct record *record)
{
    char signature[SIGNATURE_HEADER_SIZE];
    const char *value = wire_header(request->head, request->head_length, "X-Hub-Signature");
    record->secret = RECORD_NO_SECRET;
    if (!value || record->topic == RECORD_UNKNOWN)
        return;
    snprintf(signature, sizeof(signature), "%.*s", (int)strcspn(value, "\r"), value);
    uint8_t *last = &subscriber->last_secret[record->topic];
    if (!is_signed_with(subscriber, record, *last, signature, request)) {
        int generation = 0;
        while (generation < RECORD_NO_SECRET &&
               !is_signed_with(subscriber, record, generation, signature, request))
            generation++;
        if (generation == RECORD_NO_SECRET)
            return;
        *last = (uint8_t)generation;
    }
    record->secret = *last;
}

/** What the subscriber does at the moment, whatever it is asked. */
static void answer(struct subscriber *subscriber, struct connection *connection)
{
    if (subscriber->status != ANSWER_NONE)
        connection_answer(connection, subscriber->status);
    else if (subscriber->drops)
        connection_close(connection);
}

static void take_delivery(struct subscriber *subscriber, struct connection *connection,
                          const struct request *request)
{
    struct record record = {.kind = RECORD_DELIVERY, .topic = RECORD_UNKNOWN};
    take_place(request, &record);
    take_message_id(request, &record);
    find_secret(subscriber, request, &record);
    write_down(subscriber, &record);
    answer(subscriber, connection);
}

/* --- verifications and denials --- */

static uint16_t topic_number(const char *name)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    unsigned long number = slash ? strtoul(slash + 1, NULL, 10) : MAX_TOPICS;
    return number < MAX_TOPICS ? (uint16_t)number : RECORD_UNKNOWN;
}

static void take_intent(struct subscriber *subscriber, struct connection *connection,
                        const struct form *form)
{
    const char *challenge = form_get(form, "hub.challenge");
    const char *lease = form_get(form, "hub.lease_seconds");
    struct record record = {
        .kind = challenge ? RECORD_VERIFICATION : RECORD_DENIAL,
        .topic = topic_number(form_get(form, "hub.topic")),
        .number = lease ? strtoull(lease, NULL, 10) : 0,
        .secret = RECORD_NO_SECRET,
    };
    write_down(subscriber, &record);
    if (challenge && subscriber->status / 100 == 2)
        connection_answer_text(connection, "text/plain", challenge);
    else
        answer(subscriber, connection);
}

static void take_request(struct connection *connection, const struct request *request)
{
    struct subscriber *subscriber = connection_owner(connection);
    const char *query = memchr(request->target, '?', request->target_length);
    const char *end = request->target + request->target_length;
    struct form form = {0};
    struct error error;
    if (!request->is_get)
        take_delivery(subscriber, connection, request);
    else if (query && form_parse(&form, query + 1, (size_t)(end - query - 1), &error) == 0)
        take_intent(subscriber, connection, &form);
    else
        connection_answer(connection, 404);
    form_fini(&form);
}

/* --- failing on command --- */

static void open_port(const char *what, struct listener *listener)
{
    int problem = listener_open(listener);
    if (problem != 0)
        PANIC("port %u of %s: %s", listener->port, what, uv_strerror(problem));
}

/** False when `how` is none. Requests that were left unanswered until now are dropped. */
static bool behave(struct subscriber *subscriber, const char *how)
{
    unsigned status = (unsigned)strtoul(how, NULL, 10);
    bool refuses = strcmp(how, "refuse") == 0;
    bool drops = strcmp(how, "drop") == 0;
    if (strcmp(how, "recover") == 0)
        status = 204;
    else if (strcmp(how, "hang") != 0 && !refuses && !drops && (status < 200 || status > 599))
        return false;
    subscriber->status = status;
    subscriber->drops = drops;
    listener_drop_unanswered(&subscriber->listener);
    if (refuses)
        listener_close(&subscriber->listener);
    else if (!subscriber->listener.tcp)
        open_port("a subscriber", &subscriber->listener);
    return true;
}

static void take_command(struct connection *connection, const struct request *request)
{
    struct recorder *recorder = connection_owner(connection);
    char how[16];
    unsigned number;
    char target[64];
    snprintf(target, sizeof(target), "%.*s", (int)request->target_length, request->target);
    bool done = sscanf(target, "/%5u/%15s", &number, how) == 2 && number < recorder->count &&
                behave(recorder->subscribers[number], how);
    connection_answer(connection, done ? 204 : 404);
}

/* --- main --- */

static struct subscriber *subscriber_new(struct recorder *recorder, uint16_t port)
{
    struct subscriber *subscriber = xcalloc(1, sizeof(*subscriber));
    subscriber->recorder = recorder;
    subscriber->number = recorder->count;
    subscriber->status = 204;
    subscriber->listener = (struct listener){
        .loop = &recorder->loop, .port = port, .serve = take_request, .owner = subscriber};
    return subscriber;
}

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct recorder *recorder = state->input;
    switch (key) {
    case 'c':
        recorder->control.port = (uint16_t)strtoul(argument, NULL, 10);
        return 0;
    case 'r':
        recorder->file = fopen(argument, "wb");
        if (!recorder->file)
            argp_error(state, "cannot write %s", argument);
        return 0;
    case 's':
        recorder->prefix = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (recorder->count == MAX_SUBSCRIBERS)
            argp_error(state, "more than %d subscribers", MAX_SUBSCRIBERS);
        recorder->subscribers[recorder->count] =
            subscriber_new(recorder, (uint16_t)strtoul(argument, NULL, 10));
        recorder->count++;
        return 0;
    case ARGP_KEY_END:
        if (!recorder->file || !recorder->control.port)
            argp_error(state, "needs --record and --control");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"record", 'r', "FILE", 0, "Where to write what arrives", 0},
    {"control", 'c', "PORT", 0, "Takes commands on this port of 127.0.0.1", 0},
    {"secret-prefix", 's', "TEXT", 0, "What secrets begin with", 0},
    {0},
};
static const struct argp arguments = {
    .options = option_list,
    .parser = take_option,
    .args_doc = "PORT...",
    .doc = "Subscribers of a fault run, each on a port of 127.0.0.1: records what arrives, and "
           "fails on command.",
};

static void on_stop(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
    static struct recorder recorder = {.prefix = ""};
    uv_signal_t stop;
    uv_prepare_t prepare;
    argp_parse(&arguments, argc, argv, 0, NULL, &recorder);
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&recorder.loop);
    uv_signal_init(&recorder.loop, &stop);
    uv_signal_start(&stop, on_stop, SIGTERM);
    uv_prepare_init(&recorder.loop, &prepare);
    prepare.data = &recorder;
    uv_prepare_start(&prepare, on_about_to_wait);
    for (uint16_t i = 0; i < recorder.count; i++)
        open_port("a subscriber", &recorder.subscribers[i]->listener);
    recorder.control.loop = &recorder.loop;
    recorder.control.serve = take_command;
    recorder.control.owner = &recorder;
    open_port("control", &recorder.control);
    uv_run(&recorder.loop, UV_RUN_DEFAULT);
    fclose(recorder.file);
    return 0;
}
