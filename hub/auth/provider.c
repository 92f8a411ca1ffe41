#include "hub/auth/provider.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"

struct waiter {
    struct auth_check *check;
    struct waiter *next;
};

/** One token that the provider is being asked about. */
struct question {
    struct provider *provider;
    char *token;
    struct waiter *waiters; /* under the provider's lock, as long as the question is in its table */
    UT_hash_handle hh;
};

struct provider {
    struct auth_method method;
    const struct provider_kind *kind;
    const struct config *config;
    struct http_fetcher *fetcher;
    pthread_mutex_t lock; /* of what follows */
    struct question *questions;
};

struct provider_verdict provider_refuses(const char *reason)
{
    return (struct provider_verdict){.outcome = AUTH_REFUSED, .reason = reason};
}

struct provider_verdict provider_fails(const char *reason)
{
    return (struct provider_verdict){.outcome = AUTH_UNAVAILABLE, .reason = reason};
}

static void settle(struct auth_check *check, const struct provider_verdict *verdict)
{
    if (verdict->outcome == AUTH_GRANTED) {
        check->identity = identity_ref(verdict->identity);
        check->expires_ms = verdict->expires_ms;
    } else {
        auth_check_set_reason(check, "%s",
                              verdict->outcome == AUTH_REFUSED
                                  ? verdict->reason
                                  : "the token cannot be checked now; try again later");
    }
    check->done(check, verdict->outcome);
}

/* @locality fetcher's thread, or that of a check */
static void on_result(void *context, const struct http_fetch_result *result)
{
    struct question *question = context;
    struct provider *provider = question->provider;
    struct provider_verdict verdict =
        result->problem ? provider_fails(result->problem)
                        : provider->kind->judge(provider->config, result, clock_wall_ms());
    if (verdict.outcome == AUTH_UNAVAILABLE)
        log_warning("auth.provider_failed", LOG_STR("mode", provider->kind->name),
                    LOG_STR("reason", verdict.reason), LOG_INT("status", result->status));

    pthread_mutex_lock(&provider->lock);
    HASH_DEL(provider->questions, question);
    pthread_mutex_unlock(&provider->lock);
    /* From now on it is ours alone. */
    struct waiter *waiter, *next;
    LL_FOREACH_SAFE(question->waiters, waiter, next)
    {
        settle(waiter->check, &verdict);
        free(waiter);
    }
    identity_unref(verdict.identity);
    free(question->token);
    free(question);
}

/** Adds the check to the question about its token. NULL: that is being asked already. */
static struct question *join(struct provider *provider, struct auth_check *check)
{
    const struct credentials *credentials = check->credentials;
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));
    struct question *question, *fresh = NULL;
    waiter->check = check;
    pthread_mutex_lock(&provider->lock);
    HASH_FIND(hh, provider->questions, credentials->token, credentials->token_length, question);
    if (!question) {
        question = fresh = xcalloc(1, sizeof(*fresh));
        fresh->provider = provider;
        fresh->token = xstrndup(credentials->token, credentials->token_length);
        HASH_ADD_KEYPTR(hh, provider->questions, fresh->token, credentials->token_length, fresh);
    }
    LL_PREPEND(question->waiters, waiter);
    pthread_mutex_unlock(&provider->lock);
    return fresh;
}

static void provider_check(struct auth_method *method, struct auth_check *check)
{
    struct provider *provider = CONTAINER_OF(method, struct provider, method);
    struct question *question = join(provider, check);
    if (!question)
        return;
    struct http_fetch_request request = {
        .timeout_ms = provider->config->auth.provider_timeout,
        .done = on_result,
        .context = question,
    };
    provider->kind->ask(provider->config, question->token, provider->fetcher, &request);
}

static void provider_free(struct auth_method *method)
{
    struct provider *provider = CONTAINER_OF(method, struct provider, method);
    http_fetcher_free(provider->fetcher); /* settles all questions */
    pthread_mutex_destroy(&provider->lock);
    free(provider);
}

struct auth_method *provider_method_new(const struct provider_kind *kind,
                                        const struct config *config, struct error *error)
{
    struct http_fetcher *fetcher = http_fetcher_new(config->security.extra_ca_file, error);
    if (!fetcher) {
        error_prefix(error, "security.extra_ca_file");
        return NULL;
    }
    struct provider *provider = xcalloc(1, sizeof(*provider));
    provider->method = (struct auth_method){
        .name = kind->name,
        .kinds = CREDENTIALS_TOKEN,
        .check = provider_check,
        .free = provider_free,
    };
    provider->kind = kind;
    provider->config = config;
    provider->fetcher = fetcher;
    pthread_mutex_init(&provider->lock, NULL);
    return &provider->method;
}
