/** What fetched content means: whether it is to be distributed, and what is to be remembered. Pure.
 */
#ifndef WEBSUB_DISPATCHER_FETCH_CONTENT_H
#define WEBSUB_DISPATCHER_FETCH_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/fetched.h"
#include "dispatcher/fetch_head.h"

/** What was fetched, borrowed. */
struct fetch_content {
    const char *topic;
    const char *url;             /**< where the redirects led */
    const struct fetched *known; /**< as of the state */
    const struct fetch_head *head;
    const char *body;
    size_t length;
    bool not_modified; /**< 304: there is no body */
    size_t feed_diff;  /**< how many entries of a feed to remember; 0: feeds are content like any */
};

struct fetch_verdict {
    bool distribute;
    const char *body; /**< the content's, or `part` */
    size_t length;
    struct buffer part;
    const char *content_type; /**< the head's, or the default */
    struct fetched fetched;   /**< for the event */
};

void fetch_content_judge(const struct fetch_content *content, struct fetch_verdict *verdict);
void fetch_verdict_fini(struct fetch_verdict *verdict);

#endif
