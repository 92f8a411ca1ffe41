#include "dispatcher/verification_url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/form.h"
#include "common/intent_mode.h"
#include "common/url.h"

static void append_parameters(struct buffer *parameters, const struct verification *verification)
{
    static const char *const modes[] = {"subscribe", "unsubscribe", "denied"};
    form_append(parameters, "hub.mode", modes[verification->mode]);
    form_append(parameters, "hub.topic", verification->topic);
    if (verification->mode == VERIFY_DENIED) {
        form_append(parameters, "hub.reason",
                    verification->reason ? verification->reason : "ended by the hub");
        return;
    }
    form_append(parameters, "hub.challenge", verification->challenge);
    if (verification->mode == VERIFY_SUBSCRIBE) {
        char seconds[24];
        snprintf(seconds, sizeof(seconds), "%" PRId64, verification->lease_seconds);
        form_append(parameters, "hub.lease_seconds", seconds);
    }
    if (verification->verify_token)
        form_append(parameters, "hub.verify_token", verification->verify_token);
}

void verification_url(struct buffer *url, const struct verification *verification)
{
    struct buffer parameters = {0};
    char *other = NULL;
    append_parameters(&parameters, verification);
    if (verification->mosip && verification->mode == VERIFY_UNSUBSCRIBE)
        other = intent_mode_to_unsubscribe(verification->callback);
    buffer_clear(url);
    url_append_query(url, other ? other : verification->callback, parameters.data);
    free(other);
    buffer_fini(&parameters);
}
