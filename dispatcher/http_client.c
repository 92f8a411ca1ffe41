#include "dispatcher/http_client.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/url.h"
#include "dispatcher/http_outcome.h"
#include "dispatcher/http_socket.h"

/* Nobody is interested in more of an answer; an endless one must cost neither time nor memory. */
enum { READ_LIMIT = 64 << 10, CACHED_CONNECTIONS = 1024 };

/*
 * So long an address that was looked up is used for new connections; a subscriber that moves is
 * found soon. A look-up takes a thread for its time, but is needed only for new connections: at
 * most one in this time for hosts that close theirs.
 */
enum { NAMES_KEPT_SECONDS = 5 };

struct http_transfer {
    CURL *easy;
    struct http_client *client;
    struct http_exchange *exchange;
    struct http_transfer *next;
    int64_t started_us;
    enum address_verdict verdict; /* of the last address that was not permitted */
    bool dialled;                 /* one that is permitted */
    bool head_ended;              /* a status without the rest of its head is no answer */
    size_t received;
    size_t kept;
    char keep[HTTP_KEEP_MAX + 1];
};

struct http_client {
    CURLM *multi;
    uv_loop_t *loop;
    uv_timer_t *timer; /* freed by its close callback */
    const struct address_guard *guard;
    const struct trust *trust;
    X509_STORE *store; /* NULL before the first TLS connection */
    int64_t connect_timeout_ms;
    bool https_only;
    const char *log_forbidden, *log_url;
    struct http_transfer *idle;
    struct http_sockets *sockets;
};

/* --- finishing --- */

/** Whether the request could be sent: there was a connection, of TLS where that is asked for. */
static bool was_connected(const struct http_transfer *transfer)
{
    curl_off_t at = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &at);
    return at > 0;
}

static enum http_outcome outcome_of(const struct http_transfer *transfer, CURLcode code,
                                    long status)
{
    if (status >= 200 && transfer->head_ended)
        return HTTP_ANSWERED;
    /* Of several addresses, what became of those that may be dialled counts. */
    if (transfer->verdict != ADDRESS_PERMITTED && !transfer->dialled)
        return transfer->verdict == ADDRESS_PORT_DENIED ? HTTP_FORBIDDEN_PORT : HTTP_FORBIDDEN;
    return http_outcome_of_code(code, was_connected(transfer));
}

/** Only TLS offers HTTP/2. */
static void learn_protocol(const struct http_transfer *transfer)
{
    const struct http_exchange *exchange = transfer->exchange;
    long version = CURL_HTTP_VERSION_NONE;
    if (!url_is_https(exchange->url))
        return;
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    if (version != CURL_HTTP_VERSION_NONE)
        host_set_serial(exchange->host, version < CURL_HTTP_VERSION_2_0);
}

static void finish(struct http_transfer *transfer, CURLcode code)
{
    struct http_client *client = transfer->client;
    struct http_exchange *exchange = transfer->exchange;
    curl_off_t retry_after = 0;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 429 || status == 503)
        curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after);
    char *redirect = NULL;
    if (exchange->sink)
        curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &redirect);
    learn_protocol(transfer);
    transfer->keep[transfer->kept] = '\0';
    const struct http_result result = {
        .outcome = outcome_of(transfer, code, status),
        .status = status,
        .retry_after_ms = retry_after > 0 ? (int64_t)retry_after * 1000 : 0,
        .complete = code == CURLE_OK,
        .received = transfer->received,
        .body = transfer->keep,
        .duration_us = clock_monotonic_us() - transfer->started_us,
        .redirect = redirect,
    };
    curl_multi_remove_handle(client->multi, transfer->easy);
    exchange->transfer = NULL;
    host_leave(&exchange->entry);
    exchange->done(exchange, &result);
    /* Only now: `done` may start the next exchange, but must not get this one's `keep`. */
    LL_PREPEND(client->idle, transfer);
}

static void take_finished(void *context)
{
    struct http_client *client = context;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct http_transfer *transfer;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        finish(transfer, code);
    }
}

/* --- libuv's side --- */

static void on_timer(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    int running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

/* --- libcurl's side --- */

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct http_client *client = context;
    if (timeout_ms < 0)
        uv_timer_stop(client->timer);
    else
        uv_timer_start(client->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void log_forbidden(const struct http_transfer *transfer, const struct sockaddr *address)
{
    char text[ADDRESS_TEXT_SIZE];
    address_write(address, text);
    const struct http_client *client = transfer->client;
    log_info(client->log_forbidden, LOG_URL(client->log_url, transfer->exchange->url),
             LOG_STR("address", text), LOG_INT("port", address_port(address)),
             LOG_STR("reason", address_guard_reason(transfer->verdict, address)));
}

/**
 * Every connection is made here, to exactly the address that we are shown. A name may have been
 * looked up a while ago: a stale address is judged like a fresh one. A connection that is kept was
 * judged when it was made; libcurl finds it by scheme, name and port, so it serves on when the name
 * means something else by now, and that is as harmless.
 */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct http_transfer *transfer = context;
    enum address_verdict verdict =
        purpose != CURLSOCKTYPE_IPCXN
            ? ADDRESS_DENIED
            : address_guard_judge(transfer->client->guard, &address->addr);
    if (verdict != ADDRESS_PERMITTED) {
        transfer->verdict = verdict;
        log_forbidden(transfer, &address->addr);
        return CURL_SOCKET_BAD;
    }
    transfer->dialled = true;
    return http_sockets_open(transfer->client->sockets, address);
}

/** A new connection's TLS context: it gets our certificates instead of libcurl's. */
static CURLcode on_tls_context(CURL *easy, void *tls_context, void *context)
{
    (void)easy;
    struct http_client *client = context;
    if (!client->store)
        client->store = trust_store_new(client->trust);
    SSL_CTX_set1_cert_store(tls_context, client->store);
    return CURLE_OK;
}

/** A line of a head, of informational answers too, or of what follows a chunked body. */
static size_t on_header_line(char *line, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    struct http_exchange *exchange = transfer->exchange;
    transfer->head_ended = size * count <= 2 || transfer->received > 0;
    if (exchange->sink && !exchange->sink->head(exchange, line, size * count))
        return 0;
    return size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t length = size * count;
    size_t room = transfer->exchange->keep_bytes - transfer->kept;
    size_t keep = length < room ? length : room;
    memcpy(transfer->keep + transfer->kept, data, keep);
    transfer->kept += keep;
    transfer->received += length;
    if (transfer->exchange->sink)
        return transfer->exchange->sink->body(transfer->exchange, data, length) ? length : 0;
    return transfer->received > READ_LIMIT ? 0 : length;
}

/* --- exchanges --- */

/**
 * Without files libcurl adds nothing to the store that on_tls_context sets; and it does not copy
 * their names for every request, of plain HTTP too. Its own cache must not bring back an older one.
 */
static void set_trust(CURL *easy, struct http_client *client)
{
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, client);
}

/**
 * What keeps a URL from leading elsewhere than it says. libcurl's Alt-Svc, HSTS, cookies and DNS
 * over HTTPS are off as long as nobody sets their options.
 */
static void set_boundaries(CURL *easy, const struct http_client *client)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, client->https_only ? "https" : "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* the exact callback (item 36) */
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment's would dial for us, unjudged */
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)NAMES_KEPT_SECONDS);
}

static struct http_transfer *transfer_new(struct http_client *client)
{
    struct http_transfer *transfer = xcalloc(1, sizeof(*transfer));
    CURL *easy = curl_easy_init();
    ENSURE(easy);
    transfer->easy = easy;
    transfer->client = client;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    set_boundaries(easy, client);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "websub");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, http_sockets_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client->sockets);
    set_trust(easy, client);
    return transfer;
}

static void transfer_free(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    free(transfer);
}

static void begin(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;
    struct http_transfer *transfer = client->idle;
    if (transfer)
        LL_DELETE(client->idle, transfer);
    else
        transfer = transfer_new(client);
    transfer->exchange = exchange;
    transfer->verdict = ADDRESS_PERMITTED;
    transfer->dialled = false;
    transfer->head_ended = false;
    transfer->received = 0;
    transfer->kept = 0;
    transfer->started_us = clock_monotonic_us();
    exchange->transfer = transfer;
    curl_easy_setopt(transfer->easy, CURLOPT_URL, exchange->url);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms);
    curl_easy_setopt(transfer->easy, CURLOPT_ACCEPT_ENCODING,
                     exchange->sink ? "gzip, deflate" : NULL);
    /* Rather wait for a connection that is being made than make another: it may be shared. */
    curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT,
                     (long)(url_is_https(exchange->url) && !host_is_serial(exchange->host)));
    if (exchange->post_body) {
        curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)exchange->post_length);
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, exchange->post_body);
    } else {
        curl_easy_setopt(transfer->easy, CURLOPT_HTTPGET, 1L);
    }
    ENSURE(curl_multi_add_handle(client->multi, transfer->easy) == CURLM_OK);
}

static void on_turn(struct host_entry *entry)
{
    begin(CONTAINER_OF(entry, struct http_exchange, entry));
}

void http_client_start(struct http_client *client, struct http_exchange *exchange)
{
    ENSURE(exchange->keep_bytes <= HTTP_KEEP_MAX);
    exchange->client = client;
    exchange->entry.enter = on_turn;
    if (host_enter(exchange->host, &exchange->entry))
        begin(exchange);
}

void http_client_cancel(struct http_client *client, struct http_exchange *exchange)
{
    struct http_transfer *transfer = exchange->transfer;
    if (!transfer) {
        host_cancel(&exchange->entry);
        return;
    }
    curl_multi_remove_handle(client->multi, transfer->easy);
    exchange->transfer = NULL;
    LL_PREPEND(client->idle, transfer);
    host_leave(&exchange->entry);
}

/* --- making and freeing --- */

struct http_client *http_client_new(const struct http_client_options *options)
{
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->loop = options->loop;
    client->guard = options->guard;
    client->trust = options->trust;
    client->https_only = options->https_only;
    client->connect_timeout_ms = options->connect_timeout_ms;
    client->log_forbidden = options->log_forbidden;
    client->log_url = options->log_url;
    client->timer = xcalloc(1, sizeof(*client->timer));
    uv_timer_init(client->loop, client->timer);
    client->timer->data = client;
    client->multi = curl_multi_init();
    ENSURE(client->multi);
    client->sockets = http_sockets_new(client->loop, client->multi, take_finished, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CACHED_CONNECTIONS);
    return client;
}

void http_client_free(struct http_client *client)
{
    struct http_transfer *transfer, *next;
    LL_FOREACH_SAFE(client->idle, transfer, next)
    {
        transfer_free(transfer);
    }
    curl_multi_cleanup(client->multi); /* closes the sockets */
    http_sockets_free(client->sockets);
    uv_close((uv_handle_t *)client->timer, on_timer_closed);
    X509_STORE_free(client->store);
    free(client);
}
