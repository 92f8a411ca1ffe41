/** One delivery: judged, and shown to people or programs. Pure. */
#ifndef WEBSUB_CLIENT_DELIVERY_H
#define WEBSUB_CLIENT_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

enum delivery_signature {
    DELIVERY_UNSIGNED,   /**< no secret, no signature */
    DELIVERY_UNCHECKED,  /**< a signature, but no secret to check it with */
    DELIVERY_VALID,      /**< the only good one when there is a secret */
    DELIVERY_INVALID,    /**< not the signature of this body with our secret */
    DELIVERY_NOT_SIGNED, /**< we have a secret, but there is no signature */
};

enum delivery_match { DELIVERY_NOT_COMPARED, DELIVERY_SAME, DELIVERY_DIFFERENT };

/** What was received, and what came of judging it. Nothing is owned; header values may be NULL. */
struct delivery {
    unsigned long number; /**< 1 for the first one */
    const char *topic;
    const char *message_id;
    const char *timestamp; /**< value of webhook-timestamp: seconds since 1970 */
    const char *content_type;
    const char *signature_header;
    const char *body;
    size_t length;
    enum delivery_signature signature;
    enum delivery_match type;
    enum delivery_match content;
};

/** What a delivery is compared with; NULL: not at all. */
struct delivery_expectation {
    const char *secret;
    const char *content_type;
    const struct buffer *body;
};

/** Fills signature, type and content. */
void delivery_judge(struct delivery *delivery, const struct delivery_expectation *expectation);
/** Whether it came from the hub as far as can be told: only then may it be confirmed. */
bool delivery_is_authentic(const struct delivery *delivery);
/** Authentic, and as expected. */
bool delivery_is_good(const struct delivery *delivery);

/** Appends text from outside for a terminal: what is no UTF-8 or a control character is replaced.
 */
void delivery_append_shown(struct buffer *out, const char *text);
/** A readable block. Whatever is in the delivery, it has no control characters but line ends and
 * tabs. */
void delivery_append_text(struct buffer *out, const struct delivery *delivery);
/** One line of JSON with its line end: `body` when it is text, else `body_base64`. */
void delivery_append_json(struct buffer *out, const struct delivery *delivery);

#endif
