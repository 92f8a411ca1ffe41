/** Fetches that are waited for, and the scripted server that they go to. */
#ifndef WEBSUB_TESTS_UNIT_HTTP_FETCHING_H
#define WEBSUB_TESTS_UNIT_HTTP_FETCHING_H

#include <pthread.h>
#include <stdio.h>

#include "common/http_fetch.h"
#include "tests/unit/scripted_server.h"

enum { PATIENCE_MS = 20000 };

struct outcome {
    int times;
    char problem[100]; /* "": an answer */
    long status;
    int64_t retry_after_ms;
    struct buffer body;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of outcomes */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static inline void on_done(void *context, const struct http_fetch_result *result)
{
    struct outcome *outcome = context;
    pthread_mutex_lock(&lock);
    outcome->times++;
    snprintf(outcome->problem, sizeof(outcome->problem), "%s",
             result->problem ? result->problem : "");
    outcome->status = result->status;
    outcome->retry_after_ms = result->retry_after_ms;
    if (!result->problem) {
        assert_int_equal(strlen(result->body), result->length);
        buffer_append(&outcome->body, result->body, result->length);
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static inline void wait_for(struct outcome *outcome)
{
    pthread_mutex_lock(&lock);
    while (outcome->times == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct http_fetcher *fetcher;
static struct scripted_server server;

static inline struct http_fetch_request request_to(const char *url, struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    return (struct http_fetch_request){
        .url = url, .timeout_ms = PATIENCE_MS, .done = on_done, .context = outcome};
}

static inline void check_problem(const struct outcome *outcome, const char *problem)
{
    assert_int_equal(outcome->times, 1);
    assert_string_equal(outcome->problem, problem);
}

static inline void check_answer(struct outcome *outcome, long status, const char *body)
{
    check_problem(outcome, "");
    assert_int_equal(outcome->status, status);
    assert_string_equal(outcome->body.data ? outcome->body.data : "", body);
    buffer_fini(&outcome->body);
}

static inline void start_fetcher(const char *extra_ca_file)
{
    struct error error;
    fetcher = http_fetcher_new(extra_ca_file, &error);
    assert_non_null(fetcher);
}

static inline void stop_fetcher(void)
{
    http_fetcher_free(fetcher);
    fetcher = NULL;
}

static inline const char *server_url(const char *scheme)
{
    static char url[64];
    snprintf(url, sizeof(url), "%s://127.0.0.1:%u/path?a=b", scheme, server.port);
    return url;
}

#endif
