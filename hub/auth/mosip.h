/**
 * auth.mode "mosip": MOSIP's auth service is asked to validate a token, as MOSIP's own hub does.
 * Asking is for provider.h; here is what answers mean.
 */
#ifndef WEBSUB_HUB_AUTH_MOSIP_H
#define WEBSUB_HUB_AUTH_MOSIP_H

#include "hub/auth/provider.h"

/**
 * Pure. MOSIP wraps all answers: {"response": {"userId": "…", "role": "A,B"}, "errors": null} or
 * {"response": null, "errors": [{"errorCode": "KER-ATH-401", "message": "…"}]}, the latter with the
 * status 200, 401 or 403. It does not tell how long a token lives: auth.cache_time alone bounds the
 * time that it is remembered.
 */
struct provider_verdict mosip_judge(const struct config *config,
                                    const struct http_fetch_result *result, int64_t now_ms);

#endif
