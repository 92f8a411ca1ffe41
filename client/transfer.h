/** One POST to the hub, with libcurl. */
#ifndef WEBSUB_CLIENT_TRANSFER_H
#define WEBSUB_CLIENT_TRANSFER_H

#include <curl/curl.h>

#include "client/answer.h"
#include "client/websub.h"

struct transfer {
    const char *url;
    const char *content_type;
    const char *authorization; /**< header line, or NULL */
    const char *ca_file;       /**< NULL: the system's authorities */
    const void *body;
    size_t length;
    long connect_timeout_ms;
    long timeout_ms;
};

/**
 * Sends the body at most once and follows no redirect. Blocks. `easy` may have been used before:
 * its connection is used again. On success (any status) fills `*answer`, which was
 * zero-initialised; call answer_fini in either case.
 */
int transfer_perform(CURL *easy, const struct transfer *transfer, struct answer *answer,
                     struct websub_error *error);

#endif
