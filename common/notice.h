/**
 * Notices: what operators and their systems want to hear of at once, as written to the notices
 * topic and sent to the webhook (docs/notices.md).
 *
 * Key: the subscription's id; partition: id_partition of it. Value: a JSON object with "v": 1. No
 * secret and no payload is in it, and of the callback's URL not the query, which often carries
 * tokens. Fields can be added; a change of meaning takes a new type or a new "v".
 *
 * Who writes a notice twice gives it the same id: an id is made from what happened.
 */
#ifndef WEBSUB_COMMON_NOTICE_H
#define WEBSUB_COMMON_NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id.h"

/** In the order of notices.events in the configuration. */
enum notice_type {
    NOTICE_SUSPENDED,     /**< reason: of the last failed attempt */
    NOTICE_RECOVERED,     /**< reason: what ended the suspension */
    NOTICE_LAPSING,       /**< lease_end: it will lapse then unless it is renewed */
    NOTICE_LAPSED,        /**< lease_end */
    NOTICE_GONE,          /**< reason: its callback does not want it any more */
    NOTICE_DEAD_LETTERED, /**< reason, message, offset */
    NOTICE_TYPE_COUNT
};

/** Zero-initialised but for what the type has. Strings are owned; NULL is "not there". */
struct notice {
    enum notice_type type;
    char id[ID_UUID_SIZE];
    int64_t at_ms; /**< wall clock */
    char subscription[ID_HEX_SIZE];
    char *topic;
    char *callback; /**< without its query: notice_set_callback */
    char *owner;
    char *reason;
    int64_t lease_end_ms; /**< wall clock; 0: none */
    char *message;        /**< id; NULL: then `offset` means nothing either */
    int64_t offset;       /**< in the message's partition */
};

/** "subscription.suspended", … */
const char *notice_type_name(enum notice_type type);

/** Sets the callback to a copy of `url` without its query. */
void notice_set_callback(struct notice *notice, const char *url);

/**
 * Sets the id from type, subscription, and `occasion`: a text that no other notice of this type and
 * subscription has, and that is the same whenever this one is made.
 */
void notice_set_id(struct notice *notice, const char *occasion);

/** Encodes as JSON; the caller frees the result with free(). */
char *notice_encode(const struct notice *notice, size_t *length);

void notice_fini(struct notice *notice);

#define NOTICE_TYPE_MAX 64

/** What has to be known of a notice to pass it on, of whatever type it is. */
struct notice_head {
    char id[ID_UUID_SIZE];
    char type[NOTICE_TYPE_MAX + 1];
};

/** Reads it from foreign bytes; ERROR_INVALID when they are malformed or of another version. */
int notice_read_head(const void *value, size_t length, struct notice_head *head,
                     struct error *error);

#endif
