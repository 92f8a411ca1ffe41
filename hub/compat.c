#include "hub/compat.h"

#include <string.h>

#include "common/form.h"

unsigned compat_accepted_status(const struct config *config, enum operation operation,
                                unsigned status)
{
    bool registration = operation == OPERATION_REGISTER || operation == OPERATION_DEREGISTER;
    return config->compat.ballerina_1 && registration ? 202 : status;
}

bool compat_refuses_in_body(const struct config *config, enum operation operation, unsigned status)
{
    static const unsigned decisions[] = {403, 404, 413, 503};
    if (!config->compat.mosip ||
        (operation != OPERATION_REGISTER && operation != OPERATION_DEREGISTER &&
         operation != OPERATION_PUBLISH))
        return false;
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
        if (decisions[i] == status)
            return true;
    return false;
}

void compat_write_refusal(struct buffer *body, const char *reason)
{
    form_append(body, "hub.mode", "denied");
    buffer_append_string(body, "&hub.reason=");
    while (*reason) {
        size_t plain = strcspn(reason, "&=+%");
        buffer_append(body, reason, plain);
        reason += plain;
        if (*reason)
            form_encode(body, reason++, 1);
    }
}
