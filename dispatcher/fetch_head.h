/** What the head of a fetched resource says, as far as it matters. Pure. */
#ifndef WEBSUB_DISPATCHER_FETCH_HEAD_H
#define WEBSUB_DISPATCHER_FETCH_HEAD_H

#include <stddef.h>

/** Zero-initialised is empty. Strings are owned; NULL: not there, or of no use to us. */
struct fetch_head {
    char *content_type; /**< sendable as a header (common/message.h) */
    char *etag;         /**< printable ASCII of at most FETCHED_MAX_VALIDATOR bytes, as the next */
    char *last_modified;
    char *self; /**< target of a Link with rel="self", as it is there */
};

/** Takes a line of a head. A status line begins anew: what came before was informational. */
void fetch_head_take_line(struct fetch_head *head, const char *line, size_t length);
void fetch_head_fini(struct fetch_head *head);

#endif
