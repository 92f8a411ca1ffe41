/**
 * Dead letters (retry.on_exhausted = "dead-letter"): a message that a subscriber has not taken for
 * retry.give_up_after is written to the dead letters topic, and the subscription goes on with the
 * next one. Only what Kafka has confirmed counts as written: a crash before that means that the
 * message is tried, and perhaps written, once more, with the same id.
 *
 * Where notices of dead letters are wanted, one is written beside each that is news, and waited for
 * likewise.
 *
 * Key: the subscription's id. Value: the body. Headers: those of the message and
 * DEAD_LETTER_HEADER_… (common/message.h).
 *
 * When an operator has one message redelivered (redelivery.c), a *mark* is written here, without a
 * body: letters of that message before it are settled. When all are (letter_run.c), state tells up
 * to where; what is refused again is written anew, behind that.
 */
#ifndef WEBSUB_DISPATCHER_DEAD_LETTER_H
#define WEBSUB_DISPATCHER_DEAD_LETTER_H

#include "dispatcher/dispatcher.h"

struct dead_letters;
struct dead_letter;

struct dead_letters *dead_letters_new(struct dispatcher *dispatcher, struct error *error);
/** Only after the producer was drained. NULL is fine. */
void dead_letters_free(struct dead_letters *letters);

/** The partition in which a subscription's letters are. */
struct message_partition *dead_letters_partition(struct dead_letters *letters,
                                                 const char *subscription_id);

/** What is written; borrowed for the call, but for `message`, which is held until it is settled. */
struct dead_letter_contents {
    const char *subscription;
    const char *callback;
    const struct channel *channel;
    struct message *message;
    const char *reason; /**< NULL: it is a mark */
    unsigned failures;
    bool is_news;      /**< given up for the first time: to be told of, with what follows */
    const char *owner; /**< or NULL */
    int64_t lease_end_ms;
    int64_t base; /**< of the subscription's position (common/state.h) */
};

/**
 * Writes one. `settled` is called once, on the loop's thread, with the offset behind it, 0 if Kafka
 * has it not. NULL when it could not be sent: then it is not called.
 */
struct dead_letter *dead_letter_send(struct dead_letters *letters, struct loop *loop,
                                     const struct dead_letter_contents *contents,
                                     void (*settled)(void *context, int64_t behind), void *context,
                                     struct error *error);
/** Nobody waits for `settled` any more. @locality the loop's thread */
void dead_letter_forget(struct dead_letter *letter);

#endif
