/**
 * What is remembered of the content that a topic had when it was fetched last (light pings), to
 * tell whether it has changed. Part of a topic's state and of the event that sets it.
 */
#ifndef WEBSUB_COMMON_FETCHED_H
#define WEBSUB_COMMON_FETCHED_H

#include <jansson.h>

#include "common/error.h"

#define FETCHED_MAX_VALIDATOR 1024 /**< bytes of an ETag or a date; longer ones are not kept */

/** Zero-initialised: nothing is known. Strings are owned; NULL is "not there". */
struct fetched {
    char *digest; /**< of the content that was distributed last, or found to be the same */
    char *url;    /**< whose validators these are: where the redirects led */
    char *etag;
    char *last_modified;
    char *self;    /**< canonical topic (rel=self), if the content names another than the topic */
    char *entries; /**< of a feed, if only changes are distributed: what was seen (feed_diff.h) */
};

void fetched_copy(struct fetched *to, const struct fetched *from);
void fetched_fini(struct fetched *fetched);

/** Adds what is there as the object "fetched"; nothing at all adds nothing. */
void fetched_put(json_t *object, const struct fetched *fetched);
/** Fills `*fetched`, which the caller finishes in any case; sets `*problem` when it is malformed.
 */
void fetched_take(const json_t *object, struct fetched *fetched, struct error *problem);

#endif
