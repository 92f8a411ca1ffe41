/**
 * auth.mode "introspection": the provider is asked about a token (RFC 7662) and answers with its
 * claims. Asking is for provider.h; here is what answers mean.
 */
#ifndef WEBSUB_HUB_AUTH_INTROSPECTION_H
#define WEBSUB_HUB_AUTH_INTROSPECTION_H

#include "hub/auth/provider.h"

/** Pure. Only an answer 200 that says "active": true or false tells anything; what is active must
 * pass claims_check, and have a user. */
struct provider_verdict introspection_judge(const struct config *config,
                                            const struct http_fetch_result *result, int64_t now_ms);

#endif
