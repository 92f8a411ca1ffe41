/** How answers differ for clients of other hubs: section "compat" of the configuration. Pure. */
#ifndef WEBSUB_HUB_COMPAT_H
#define WEBSUB_HUB_COMPAT_H

#include "common/buffer.h"
#include "hub/hub.h"

/** The status that an accepted request is answered with: `status`, or what old clients want. */
unsigned compat_accepted_status(const struct config *config, enum operation operation,
                                unsigned status);

/**
 * Whether the status of a refusal is 200 and its body alone tells, as MOSIP's hub does it: where
 * the hub decided against a registration or a publication. What is malformed, too fast or about
 * subscriptions has the same status there as here. 401 stays too: on it the library that MOSIP's
 * services authenticate with gets a new token and tries again.
 */
bool compat_refuses_in_body(const struct config *config, enum operation operation, unsigned status);

/**
 * Makes the body of such a refusal. MOSIP's clients show the reason as it is: only what would end
 * it, or be decoded, is percent-encoded, so that those who decode it get the same.
 */
void compat_write_refusal(struct buffer *body, const char *reason);

#endif
