/**
 * State: one record per topic or subscription in the compacted state topic, and one progress record
 * per partition. Written by the consolidator only; read by hub (view) and dispatcher (shards).
 *
 * Key: the entity key (id.h), or "progress". Value: JSON with "v": 1; NULL is a tombstone. Unknown
 * fields are ignored.
 *
 * Progress: every transaction writes, to each state partition that it folded events for, up to
 * which offset of the events partition of the same number the state is complete. Readers can thus
 * tell "does not exist" from "not folded yet", and dispatchers can tell which subscriptions a
 * shard's committed offset covers (common/position.h). It also tells how many shards there are
 * (common/kafka_shards.h).
 */
#ifndef WEBSUB_COMMON_STATE_H
#define WEBSUB_COMMON_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/fetched.h"
#include "common/id.h"
#include "common/location.h"
#include "common/signature.h"
#include "common/stored_secret.h"
#include "common/trace_headers.h"

#define STATE_PROGRESS_KEY "progress"

/** Requests waiting for verification, oldest first; they are verified strictly one after the other.
 */
#define STATE_MAX_PENDING 8

/** Messages that wait to be delivered once more at an operator's command. */
#define STATE_MAX_REDELIVERIES 1000

/**
 * Light pings of a topic that no fetch has settled yet. Events are named by their offset in the
 * events partition of the topic's shard; 0 is none, as the topic's registration came before any.
 */
struct topic_pings {
    int64_t oldest;             /**< event of the oldest unsettled one; 0: there is nothing to do */
    int64_t oldest_at_ms;       /**< when it came */
    struct trace_headers trace; /**< that it belongs to: what is fetched goes on with it */
    int64_t fetching;           /**< event with which the newest fetch for it began; 0: none has */
    int64_t again; /**< event of the oldest one since then: it asks for another fetch */
    int64_t again_at_ms;
    struct trace_headers again_trace;
    bool disturbed; /**< content of a fetch that was not the newest may lie behind that of the
                       newest, which is to be distributed once more */
};

struct topic_state {
    char *topic;
    int64_t registered_at_ms;
    struct location location;
    struct topic_pings pings;
    struct fetched fetched; /**< as of the last fetch that was settled */
};

enum subscription_status {
    SUBSCRIPTION_REQUESTED, /**< never verified yet: only `pending` means something */
    SUBSCRIPTION_ACTIVE,
    SUBSCRIPTION_SUSPENDED, /**< active, but given up for now: probed */
    SUBSCRIPTION_LAPSED,    /**< the lease ended; the position is kept for the resume window */
    SUBSCRIPTION_ENDING,    /**< the hub ended it: the denial notice is to be sent */
    SUBSCRIPTION_PAUSED,    /**< active, but an operator wants nothing to be sent. Records say
                               "suspended" and "paused_at": who does not know pauses yet takes it
                               for one that is tried now and then, and loses nothing */
};
enum { SUBSCRIPTION_STATUS_COUNT = SUBSCRIPTION_PAUSED + 1 };

struct pending_request {
    char request_id[ID_UUID_SIZE];
    bool unsubscribe;
    struct stored_secret secret;
    int method;            /**< as in event.h */
    int64_t max_in_flight; /**< as in event.h */
    int64_t lease_seconds;
    int64_t requested_at_ms;
    char *owner;        /**< as in event.h */
    bool by_operator;   /**< as in event.h */
    char *denial;       /**< why it is not to be verified but denied; NULL: it is to be verified */
    char *verify_token; /**< as in event.h */
    struct location location;
};

/**
 * Where delivery stands. Offsets of events (`set`, `base`) are those in the events partition of the
 * subscription's shard: they order what happened to it without any clock.
 */
struct position {
    int64_t offset; /**< the next message to deliver, as of event `set` */
    int64_t set;    /**< event that last wrote this position */
    int64_t base; /**< event that last moved it other than by delivering: verification or command */
    bool detached; /**< true: only this record tells; false: the shard's offset may be further */
};

/** A message that an operator wants delivered once more, apart from the order. */
struct redelivery_request {
    int64_t offset;
    int64_t command; /**< event that asked for it */
};

/**
 * What became of its dead letters, as offsets of its partition of the dead letters topic. One is
 * settled, and no longer missed, when it lies before `settled`, or when a record before `marked`,
 * and behind it, says that its message was redelivered (dispatcher/dead_letter.h).
 */
struct letters_state {
    int64_t settled;
    int64_t marked;
    int64_t wanted; /**< an operator wants those before redelivered; up to `settled`: none */
};

struct subscription_state {
    char id[ID_HEX_SIZE];
    char *topic;
    char *callback;
    enum subscription_status status;
    struct stored_secret secret;
    int method;            /**< as in event.h */
    int64_t max_in_flight; /**< as in event.h */
    int64_t created_at_ms;
    int64_t verified_at_ms;
    int64_t lease_seconds;
    int64_t lease_end_ms;
    bool warned;     /**< that this lease is about to end */
    int64_t resumed; /**< event of the last operator's command to try again at once, 0: none */
    bool paused; /**< by an operator, until resumed; with LAPSED: it will be PAUSED when it is back
                  */
    int64_t paused_at_ms;
    char *paused_by;            /**< name, or NULL */
    char command[ID_UUID_SIZE]; /**< the last operator's command that was done, or "" */
    char *commanded_by;         /**< who gave it, or NULL */
    char *reason;               /**< why suspended, paused or ending */
    char *owner; /**< name of who made it, and alone may change it; NULL: anybody may */
    struct location location;
    struct position position;
    struct redelivery_request *redeliver; /**< by offset; NULL when redeliver_count is 0 */
    size_t redeliver_count;
    struct letters_state letters;
    struct pending_request *pending; /**< NULL when pending_count is 0 */
    size_t pending_count;
};

struct progress_state {
    int64_t events; /**< next events offset to be folded */
    int64_t level;  /**< of the consolidator that wrote it (event.h) */
    int32_t shards; /**< how many there are; 0: it does not tell */
};

enum state_kind { STATE_TOPIC, STATE_SUBSCRIPTION, STATE_PROGRESS };

struct state_record {
    enum state_kind kind;
    bool tombstone; /**< then only the key tells which entity it was */
    union {
        struct topic_state *topic;               /**< owned */
        struct subscription_state *subscription; /**< owned */
        struct progress_state progress;
    } value;
};

const char *subscription_status_name(enum subscription_status status);

/** Encoders: the caller frees the result with free(). */
char *state_encode_topic(const struct topic_state *topic, size_t *length);
char *state_encode_subscription(const struct subscription_state *subscription, size_t *length);
/** Of a consolidator of this version. */
char *state_encode_progress(int64_t next_events_offset, int32_t shards, size_t *length);

/**
 * Decodes foreign bytes; `value` NULL is a tombstone. ERROR_INVALID when malformed, of another
 * version, of an unknown kind of key, or when key and contents disagree; `*record` then needs no
 * cleanup.
 */
int state_decode(const char *key, size_t key_length, const void *value, size_t value_length,
                 struct state_record *record, struct error *error);
/** Frees what `record` still owns; set a pointer to NULL to keep what it pointed to. */
void state_record_fini(struct state_record *record);

void topic_pings_fini(struct topic_pings *pings);
void topic_state_free(struct topic_state *topic);
void subscription_state_free(struct subscription_state *subscription);
void pending_request_fini(struct pending_request *request);

#endif
