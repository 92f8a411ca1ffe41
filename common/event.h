/**
 * Events: what was asked of the hub and what happened since, as written to the events topic.
 *
 * Key: the entity key (id.h); partition: id_partition of it. Value: a JSON object with "v": 1,
 * "type", "at" and the fields that the type uses. Fields that a reader does not know are ignored,
 * so that fields can be added; a change of meaning takes a new type or a new "v".
 *
 * Writers: hub (registered … pinged, requested, and operators' commands), dispatcher (fetching …
 * not fetched, verified … gone), consolidator (ended, lapsing, expired, forgotten), `websub
 * migrate-mosip` (registered, imported). The only reader is the consolidator, whose fold decides
 * what an event means for the state; an event that no longer fits the state (a late one from a
 * process that lost its partition) is ignored there, so writing one twice or too late is always
 * harmless.
 *
 * Levels: what a consolidator must know to fold an event. One that meets a type that it does not
 * know passes over the event, and what it does not know of a type it leaves out; neither can be
 * made up for later. So each consolidator writes its level with its progress (state.h), and a hub
 * that was upgraded before it refuses what it would have to write to it of a higher level
 * (hub/event_gate.h). A new type, or a new member that must not be left out, takes a new level.
 *   1  the first release
 *   2  pings, commands but resume, imports, warnings of lapsing; owners, denials, encrypted secrets
 *
 * Imported: a subscription that another hub verified is taken over as it stands
 * (client/migration/), unless there is one already.
 *
 * Commands (resume, pause, move, redeliver, redeliver letters, delete): `request` is the command's
 * own id, by which one that comes twice in a row is known; owner and operator say who gives it. The
 * offset of a move is one of the subscription's message partition, at most its end: who writes the
 * event has looked that up. Below the oldest message that is retained it means that one. A
 * redelivery's offset is that of the message; one that is not there (any more) is not delivered.
 * `location`, if given, is where the offset was looked up: if the topic lies elsewhere by now, the
 * command is ignored. Of letters (all dead letters) the offset is one of the subscription's
 * partition of the dead letters topic: its end when the command was given.
 */
#ifndef WEBSUB_COMMON_EVENT_H
#define WEBSUB_COMMON_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/fetched.h"
#include "common/location.h"
#include "common/signature.h"
#include "common/stored_secret.h"
#include "common/trace_headers.h"

/** The highest level that there is: that of a consolidator of this version. */
#define EVENT_LEVEL 2

enum event_type {
    EVENT_TOPIC_REGISTERED,   /**< location */
    EVENT_TOPIC_DEREGISTERED, /**< */
    EVENT_TOPIC_PINGED,       /**< trace?: its content may have changed: it is to be fetched */
    EVENT_TOPIC_FETCHING,     /**< a fetch begins, which stands for all pings before this event */
    EVENT_TOPIC_FETCHED,      /**< base = event with which the fetch began, distributed, fetched */
    EVENT_TOPIC_NOT_FETCHED,  /**< base likewise, reason: given up until the next ping */
    EVENT_TOPIC_ENDED, /**< a copy in every partition: ends the topic's subscriptions there */
    EVENT_SUBSCRIPTION_REQUESTED,   /**< request, secret?, method?, max_in_flight?, lease_seconds,
                                       location, owner?, operator?, reason? = why it is denied,
                                       verify_token? */
    EVENT_UNSUBSCRIPTION_REQUESTED, /**< request, owner?, operator?, reason?, verify_token? likewise
                                     */
    EVENT_SUBSCRIPTION_VERIFIED,   /**< request, at = start of the lease, offset = start position */
    EVENT_SUBSCRIPTION_REFUSED,    /**< request, reason: not verified, nothing changes */
    EVENT_UNSUBSCRIPTION_VERIFIED, /**< request */
    EVENT_SUBSCRIPTION_DENIED,     /**< the notice of a subscription that the hub ended was sent */
    EVENT_SUBSCRIPTION_LAPSING,    /**< deadline = the lease end that is near */
    EVENT_SUBSCRIPTION_EXPIRED,    /**< deadline = the lease end that passed */
    EVENT_SUBSCRIPTION_FORGOTTEN,  /**< deadline = the lease end whose resume window passed */
    EVENT_DELIVERY_DETACHED,       /**< offset, base: from now on the position is its own */
    EVENT_DELIVERY_PROGRESSED,     /**< offset, base: a detached one got this far */
    EVENT_DELIVERY_ATTACHED,       /**< offset, base: from now on its shard's offset covers it */
    EVENT_DELIVERY_SUSPENDED,      /**< offset, base, reason: as detached, and given up for now */
    EVENT_DELIVERY_RECOVERED,      /**< base: a probe succeeded */
    EVENT_DELIVERY_GONE,           /**< base: the callback answered 410 */
    EVENT_DELIVERY_RESUME,    /**< command; request?: a pause ends, and it is tried again at once */
    EVENT_DELIVERY_PAUSE,     /**< command; request, reason?: nothing is sent until it is resumed */
    EVENT_DELIVERY_MOVE,      /**< command; request, offset, location?: it continues there */
    EVENT_DELIVERY_REDELIVER, /**< command; request, offset, location?: once more, out of order */
    EVENT_DELIVERY_REDELIVERED,       /**< offset, base = event of the command, reason? = why not,
                                         marked? = behind the record that says so (dead_letter.h) */
    EVENT_DELIVERY_REDELIVER_LETTERS, /**< command; request, offset: all dead letters before */
    EVENT_DELIVERY_LETTERS_SETTLED,   /**< offset: those before were delivered, or written anew */
    EVENT_SUBSCRIPTION_DELETE,   /**< command; request, reason?: it ends with a denial notice */
    EVENT_SUBSCRIPTION_IMPORTED, /**< secret?, method?, lease_seconds, location, owner?, offset =
                                    where it continues, at = start of the lease */
    EVENT_TYPE_COUNT
};

/** Zero-initialised but for what the type uses. Strings are owned; NULL is "not there". */
struct event {
    enum event_type type;
    int64_t at_ms; /**< wall clock */
    char *topic;
    char *callback; /**< of events about subscriptions */
    char *request_id;
    struct stored_secret secret; /**< bound to the subscription (keyring.h) */
    char *reason;
    char *owner;        /**< name of who asks; NULL: without authentication */
    bool by_operator;   /**< who asks may change others' subscriptions */
    char *verify_token; /**< to be shown when the request is verified; NULL: none was given */
    struct location location;
    int64_t lease_seconds;
    int method;            /**< enum signature_method, or -1: the dispatcher's default */
    int64_t max_in_flight; /**< 0: the dispatcher's default */
    int64_t offset;
    int64_t base;     /**< position.base that the writer knew (state.h); of a fetch: see above */
    bool distributed; /**< the fetch led to a message */
    struct fetched fetched;
    struct trace_headers trace;
    int64_t marked;   /**< 0: there is none */
    int64_t deadline; /**< wall clock ms */
};

const char *event_type_name(enum event_type type);

/** The level of a consolidator that folds all of it. */
int event_level(const struct event *event);

/** Encodes as JSON; the caller frees `*value` with free(). Cannot fail on an event with its fields.
 */
char *event_encode(const struct event *event, size_t *length);

/**
 * Decodes foreign bytes. ERROR_INVALID when malformed, of another version or of an unknown type;
 * `*event` then needs no event_fini.
 */
int event_decode(const void *value, size_t length, struct event *event, struct error *error);

/** The entity key of the event: that of its subscription if it has a callback, else of its topic.
 */
char *event_key(const struct event *event);

void event_fini(struct event *event);

#endif
