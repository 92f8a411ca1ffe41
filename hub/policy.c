#include "hub/policy.h"

#include <stdlib.h>

#include "common/http_fetch.h"
#include "common/log.h"
#include "common/panic.h"
#include "hub/policy_message.h"

struct policy {
    const struct config *config;
    struct http_fetcher *fetcher;
};

struct policy *policy_new(const struct config *config, struct error *error)
{
    struct http_fetcher *fetcher = http_fetcher_new(config->security.extra_ca_file, error);
    if (!fetcher) {
        error_prefix(error, "security.extra_ca_file");
        return NULL;
    }
    struct policy *policy = xcalloc(1, sizeof(*policy));
    policy->config = config;
    policy->fetcher = fetcher;
    return policy;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    http_fetcher_free(policy->fetcher);
    free(policy);
}

/* @locality fetcher's thread, or that of the question */
static void on_result(void *context, const struct http_fetch_result *result)
{
    struct policy_question *question = context;
    const struct policy *policy = question->context;
    const char *problem = NULL;
    enum policy_answer answer = policy_read_answer(result, question, &problem);
    bool allowed = answer == POLICY_ALLOWS;
    if (answer == POLICY_FAILS) {
        allowed = policy->config->auth.policy_on_failure == POLICY_FAILURE_ALLOW;
        log_warning("policy.failed", LOG_STR("reason", problem), LOG_INT("status", result->status),
                    LOG_BOOL("allowed", allowed));
    }
    question->done(question, allowed);
}

void policy_ask(struct policy *policy, struct policy_question *question)
{
    static const char *const headers[] = {
        "Content-Type: application/json",
        "Accept: application/json",
        NULL,
    };
    size_t length;
    char *body = policy_write_question(question, &length);
    const struct http_fetch_request request = {
        .url = policy->config->auth.policy_url,
        .headers = headers,
        .body = body,
        .length = length,
        .timeout_ms = policy->config->auth.policy_timeout,
        .done = on_result,
        .context = question,
    };
    question->context = policy;
    http_fetch_start(policy->fetcher, &request);
    free(body);
}
