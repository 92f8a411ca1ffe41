/*
 * auth.mode "certificate": the client certificate of the TLS connection, which the server has
 * verified against security.client_ca_file. Nothing is left to judge but its name.
 */
#include <stdlib.h>

#include "common/container.h"
#include "common/panic.h"
#include "hub/auth/method.h"

struct certificate_method {
    struct auth_method method;
    const struct config *config;
};

static void check(struct auth_method *method, struct auth_check *check)
{
    const struct certificate_method *certificate =
        CONTAINER_OF(method, struct certificate_method, method);
    check->identity = identity_new(method->name, check->credentials->certificate,
                                   certificate->config->auth.user_prefix);
    check->expires_ms = 0; /* not to be remembered: it is there with each request */
    if (!check->identity)
        auth_check_set_reason(check, "the client certificate has no usable name");
    check->done(check, check->identity ? AUTH_GRANTED : AUTH_REFUSED);
}

static void free_method(struct auth_method *method)
{
    free(CONTAINER_OF(method, struct certificate_method, method));
}

struct auth_method *auth_certificate_new(const struct config *config, struct auth_cache *cache,
                                         struct error *error)
{
    (void)cache;
    (void)error;
    struct certificate_method *certificate = xcalloc(1, sizeof(*certificate));
    certificate->method = (struct auth_method){
        .name = "certificate",
        .kinds = CREDENTIALS_CERTIFICATE,
        .check = check,
        .free = free_method,
    };
    certificate->config = config;
    return &certificate->method;
}
