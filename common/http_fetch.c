/*
 * Invariant: each fetch has one owner at a time, who calls `done` before it frees it: the queue
 * (under the lock) until the thread takes it, then the thread until libcurl has finished it or the
 * fetcher is freed. `open` counts both, so that callers cannot heap up fetches for a service that
 * hangs.
 */
#include "common/http_fetch.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/buffer.h"
#include "common/panic.h"
#include "common/trust.h"

enum { MAX_OPEN = 512, CACHED_CONNECTIONS = 64, POLL_MS = 60000 };

struct fetch {
    struct fetch *prev, *next; /* in `queue` or in `active` */
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body; /* of the answer */
    bool too_large;
    void (*done)(void *context, const struct http_fetch_result *result);
    void *context;
};

struct http_fetcher {
    CURLM *multi;
    struct trust *trust;
    pthread_t thread;
    struct fetch *active; /* thread's own */
    X509_STORE *store;    /* thread's own; NULL before the first TLS connection */
    pthread_mutex_t lock; /* what follows */
    struct fetch *queue;
    size_t open;
    bool stopping;
};

/* --- one fetch --- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    size_t length = size * count;
    fetch->too_large = length > HTTP_FETCH_MAX_BYTES - fetch->body.length;
    if (fetch->too_large)
        return 0;
    buffer_append(&fetch->body, data, length);
    return length;
}

/** A new connection's TLS context: it gets our certificates instead of libcurl's. */
static CURLcode on_tls_context(CURL *easy, void *tls_context, void *context)
{
    (void)easy;
    struct http_fetcher *fetcher = context;
    if (!fetcher->store)
        fetcher->store = trust_store_new(fetcher->trust);
    SSL_CTX_set1_cert_store(tls_context, fetcher->store);
    return CURLE_OK;
}

/** Without files libcurl adds nothing to the store that on_tls_context sets. */
static void set_trust(CURL *easy, struct http_fetcher *fetcher)
{
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, fetcher);
}

static void set_request(struct fetch *fetch, const struct http_fetch_request *request)
{
    CURL *easy = fetch->easy;
    for (const char *const *header = request->headers; header && *header; header++) {
        fetch->headers = curl_slist_append(fetch->headers, *header);
        ENSURE(fetch->headers);
    }
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    if (request->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
        ENSURE(curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) == CURLE_OK);
    }
    if (request->user) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, request->password);
    }
}

static struct fetch *fetch_new(struct http_fetcher *fetcher,
                               const struct http_fetch_request *request)
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));
    CURL *easy = curl_easy_init();
    ENSURE(easy);
    fetch->easy = easy;
    fetch->done = request->done;
    fetch->context = request->context;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Looking up a name cannot be interrupted: rather leave it alone than wait for it. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "websub");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    set_trust(easy, fetcher);
    set_request(fetch, request);
    return fetch;
}

static const char *problem_of(const struct fetch *fetch, CURLcode code)
{
    if (fetch->too_large)
        return "the answer is too large";
    switch (code) {
    case CURLE_OK:
        return NULL;
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the name of the host cannot be resolved";
    case CURLE_COULDNT_CONNECT:
        return "the host cannot be connected to";
    case CURLE_OPERATION_TIMEDOUT:
        return "there is no answer in time";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return "there is no TLS connection that can be trusted";
    default:
        return "the answer breaks off or is no HTTP";
    }
}

/** Tells the outcome, and frees. The fetch is in no list, and libcurl has let go of it. */
static void finish(struct fetch *fetch, const char *problem)
{
    struct http_fetch_result result = {.problem = problem};
    curl_off_t retry_after_s = 0;
    if (!problem) {
        curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &result.status);
        curl_easy_getinfo(fetch->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        result.retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
        result.body = fetch->body.data ? fetch->body.data : "";
        result.length = fetch->body.length;
    }
    fetch->done(fetch->context, &result);
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->headers);
    buffer_fini(&fetch->body);
    free(fetch);
}

/* --- the thread --- */

static void end(struct http_fetcher *fetcher, struct fetch *fetch, const char *problem)
{
    curl_multi_remove_handle(fetcher->multi, fetch->easy);
    DL_DELETE(fetcher->active, fetch);
    pthread_mutex_lock(&fetcher->lock);
    fetcher->open--;
    pthread_mutex_unlock(&fetcher->lock);
    finish(fetch, problem);
}

/** Takes what waits. False: it is time to end. */
static bool take_queue(struct http_fetcher *fetcher)
{
    struct fetch *taken, *fetch, *next;
    pthread_mutex_lock(&fetcher->lock);
    taken = fetcher->queue;
    fetcher->queue = NULL;
    bool stopping = fetcher->stopping;
    pthread_mutex_unlock(&fetcher->lock);
    DL_FOREACH_SAFE(taken, fetch, next)
    {
        DL_DELETE(taken, fetch);
        DL_APPEND(fetcher->active, fetch);
        ENSURE(curl_multi_add_handle(fetcher->multi, fetch->easy) == CURLM_OK);
    }
    return !stopping;
}

static void take_finished(struct http_fetcher *fetcher)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(fetcher->multi, &left))) {
        struct fetch *fetch;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&fetch);
        end(fetcher, fetch, problem_of(fetch, code));
    }
}

static void *fetch_main(void *context)
{
    struct http_fetcher *fetcher = context;
    int running;
    while (take_queue(fetcher)) {
        ENSURE(curl_multi_perform(fetcher->multi, &running) == CURLM_OK);
        take_finished(fetcher);
        ENSURE(curl_multi_poll(fetcher->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK);
    }
    while (fetcher->active)
        end(fetcher, fetcher->active, "we are stopping");
    return NULL;
}

/* --- contract --- */

struct http_fetcher *http_fetcher_new(const char *extra_ca_file, struct error *error)
{
    struct http_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));
    fetcher->trust = trust_new(extra_ca_file, error);
    if (!fetcher->trust) {
        free(fetcher);
        return NULL;
    }
    ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    fetcher->multi = curl_multi_init();
    ENSURE(fetcher->multi);
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)CACHED_CONNECTIONS);
    pthread_mutex_init(&fetcher->lock, NULL);
    ENSURE(pthread_create(&fetcher->thread, NULL, fetch_main, fetcher) == 0);
    return fetcher;
}

void http_fetcher_free(struct http_fetcher *fetcher)
{
    if (!fetcher)
        return;
    pthread_mutex_lock(&fetcher->lock);
    fetcher->stopping = true;
    pthread_mutex_unlock(&fetcher->lock);
    curl_multi_wakeup(fetcher->multi);
    pthread_join(fetcher->thread, NULL);
    pthread_mutex_destroy(&fetcher->lock);
    curl_multi_cleanup(fetcher->multi);
    X509_STORE_free(fetcher->store);
    trust_free(fetcher->trust);
    curl_global_cleanup();
    free(fetcher);
}

void http_fetch_start(struct http_fetcher *fetcher, const struct http_fetch_request *request)
{
    const char *problem = NULL;
    ENSURE(request->timeout_ms > 0); /* libcurl takes 0 for endless */
    struct fetch *fetch = fetch_new(fetcher, request);
    pthread_mutex_lock(&fetcher->lock);
    if (fetcher->stopping)
        problem = "we are stopping";
    else if (fetcher->open == MAX_OPEN)
        problem = "too many requests to it are under way";
    if (!problem) {
        fetcher->open++;
        DL_APPEND(fetcher->queue, fetch);
    }
    pthread_mutex_unlock(&fetcher->lock);
    if (problem)
        finish(fetch, problem);
    else
        curl_multi_wakeup(fetcher->multi);
}
