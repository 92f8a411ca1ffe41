/**
 * A message to a subscription as an HTTP request (WebSub section 7). @locality the loop's thread
 */
#ifndef WEBSUB_DISPATCHER_DELIVERY_REQUEST_H
#define WEBSUB_DISPATCHER_DELIVERY_REQUEST_H

#include "dispatcher/delivery_trace.h"
#include "dispatcher/loop_internal.h"

/** Header lines by reference: the list is made without allocation. */
struct delivery_request {
    struct curl_slist headers[MESSAGE_HEADERS_MAX + 4];
    char signature[sizeof("X-Hub-Signature: ") + SIGNATURE_HEADER_SIZE];
    struct delivery_trace trace;
};

/**
 * Fills all of `exchange` but `done`. It refers to `request` and `message`, which must last as long
 * as the exchange is under way.
 */
void delivery_request_begin(struct delivery_request *request, struct http_exchange *exchange,
                            struct subscription *subscription, const struct message *message);

/** Before each attempt: with the secret that is in force now, which must not be locked. */
void delivery_request_sign(struct delivery_request *request, struct subscription *subscription,
                           const struct message *message);

#endif
