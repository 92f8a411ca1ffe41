/** What the tests of the fold share: short ways to make events and to look at a subscription. */
#ifndef WEBSUB_TESTS_UNIT_FOLDING_H
#define WEBSUB_TESTS_UNIT_FOLDING_H

#include <stdlib.h>

#include "consolidator/fold.h"

#define TOPIC     "https://registry.example/births"
#define CALLBACK  "https://bank.example/hooks/1"
#define KAFKA     "websub-messages-births-1a2b3c4d"
#define ELSEWHERE "websub-messages-pool"

/** Borrows its strings: never event_fini it. */
static inline struct event make_event(enum event_type type)
{
    return (struct event){
        .type = type,
        .at_ms = 1000,
        .topic = (char *)(uintptr_t)TOPIC,
        .callback = (char *)(uintptr_t)CALLBACK,
        .method = -1,
        .location = {(char *)(uintptr_t)KAFKA, 0},
        .lease_seconds = 100,
    };
}

/** A request id from a single letter: 36 times the same. */
static inline char *request_id(char letter)
{
    static char ids[128][ID_UUID_SIZE];
    char *id = ids[letter & 127];
    for (int i = 0; i < ID_UUID_SIZE - 1; i++)
        id[i] = letter;
    return id;
}

/** An event about request `letter`: requested, verified or refused. */
static inline struct event make_request(enum event_type type, char letter)
{
    struct event event = make_event(type);
    event.request_id = request_id(letter);
    return event;
}

/** A delivery event: written by one that knew `base` and stood at `offset`. */
static inline struct event make_delivery(enum event_type type, int64_t base, int64_t offset)
{
    struct event event = make_event(type);
    event.base = base;
    event.offset = offset;
    return event;
}

/** What has to be equal when nothing changed; the caller frees it. "" stands for no state. */
static inline char *picture(const struct subscription_state *state)
{
    size_t length;
    return state ? state_encode_subscription(state, &length) : calloc(1, 1);
}

#endif
