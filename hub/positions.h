/**
 * Where subscriptions stand: their positions in the catalog and what the dispatchers have committed
 * for their shards, put together (common/position.h). Commits are asked of Kafka on demand, many at
 * a time, and remembered for a second, on a thread of its own.
 *
 * Thread-safe, never blocks the asker; how many wait is bounded.
 */
#ifndef WEBSUB_HUB_POSITIONS_H
#define WEBSUB_HUB_POSITIONS_H

#include "common/kafka_admin.h"
#include "common/position.h"
#include "hub/catalog.h"
#include "hub/view.h"

struct positions;

/**
 * One question, embedded by the asker, who keeps it until `done` was called, exactly once, on any
 * thread; it must not block. `error` NULL: the answer is filled. ERROR_NOT_FOUND: there is no such
 * subscription; ERROR_TIMEOUT, ERROR_UNAVAILABLE: it cannot be told now.
 */
struct position_question {
    void (*done)(struct position_question *question, const struct error *error);
    char id[ID_HEX_SIZE];
    /* the answer */
    struct catalog_subscription subscription; /**< for the asker to finish, also after an error */
    int64_t next;                             /**< offset of the next message to be confirmed */
    /* private */
    int32_t shard;
    int64_t asked_ms, deadline_ms;
    int64_t not_before_ms; /* Kafka is not asked again before */
    struct shard_commit commit;
    struct commit_request *request;
    bool has_commit;
    struct position_question *previous, *following;
};

struct positions *positions_new(const struct config *config, const struct kafka_names *names,
                                const struct kafka_layout *layout, struct catalog *catalog,
                                struct view *view);
/** Settles all questions, those without an answer yet as unavailable, and frees. NULL is fine. */
void positions_free(struct positions *positions);

/** -1, and `done` is not called: ERROR_RESOURCE, too many wait. */
int positions_ask(struct positions *positions, struct position_question *question,
                  struct error *error);

#endif
