/** The URL that a callback is asked at whether it meant a request, or told that it is denied. Pure.
 */
#ifndef WEBSUB_DISPATCHER_VERIFICATION_URL_H
#define WEBSUB_DISPATCHER_VERIFICATION_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"

enum verification_mode { VERIFY_SUBSCRIBE, VERIFY_UNSUBSCRIBE, VERIFY_DENIED };

struct verification {
    enum verification_mode mode;
    const char *topic;
    const char *callback;
    const char *challenge;    /**< not of denials */
    const char *reason;       /**< of denials; NULL: the hub ended it */
    const char *verify_token; /**< as the subscriber gave it, or NULL; not of denials */
    int64_t lease_seconds;    /**< of subscriptions */
    bool mosip;               /**< compat.mosip: the callback's intentMode is that of the request */
};

/** Replaces what is in `url`: the callback, its own query kept, with the parameters behind that. */
void verification_url(struct buffer *url, const struct verification *verification);

#endif
