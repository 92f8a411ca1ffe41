/**
 * What has changed in an Atom or RSS feed since it was distributed last (fetch.feed_diff). An entry
 * is known by its id (Atom id, RSS guid, link, rdf:about) and is the same while nothing in it has
 * changed. Bytes of strangers: parsed with libxml2, without network, document types or entities.
 * Pure.
 */
#ifndef WEBSUB_DISPATCHER_FEED_DIFF_H
#define WEBSUB_DISPATCHER_FEED_DIFF_H

#include <stddef.h>

#include "common/buffer.h"

enum feed_change {
    FEED_NONE,      /**< no well-formed feed, or one with a document type */
    FEED_ALL,       /**< every entry is new or has changed, or nothing was known */
    FEED_SOME,      /**< `changed` has the feed with only those that are */
    FEED_UNCHANGED, /**< no entry is */
};

/**
 * Compares the feed with `known` (NULL: nothing), which was `*entries` then. Fills `*entries`, for
 * the caller to free, unless FEED_NONE: at most `max` entries, those of this feed first. `changed`
 * is empty; the caller finishes it.
 */
enum feed_change feed_diff(const char *body, size_t length, const char *known, size_t max,
                           struct buffer *changed, char **entries);

#endif
