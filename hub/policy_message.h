/** What is sent to the policy service, and what its answers mean (policy.h). Pure. */
#ifndef WEBSUB_HUB_POLICY_MESSAGE_H
#define WEBSUB_HUB_POLICY_MESSAGE_H

#include "common/http_fetch.h"
#include "hub/policy.h"

enum policy_answer {
    POLICY_ALLOWS,
    POLICY_DENIES,
    POLICY_FAILS, /**< no clear answer */
};

/** The body of the question; the caller frees it with free(). */
char *policy_write_question(const struct policy_question *question, size_t *length);

/**
 * Reads an answer; sets question->reason unless it allows. A reason of the service's own is cut to
 * fit, and control characters in it become blanks. Why it fails is a literal in `*problem`, for the
 * log.
 */
enum policy_answer policy_read_answer(const struct http_fetch_result *result,
                                      struct policy_question *question, const char **problem);

#endif
