/* A real server on a free port, with libcurl and bare sockets as its clients. */
#include "tests/unit/unit.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/panic.h"
#include "tests/unit/http_testing.h"

enum { MAX_BODY = 10000, CROWD = 1024, WORKERS = 2 };

static struct http_server *server;
static uint16_t port;

/* What the handlers saw. */
static atomic_uint handled;
static atomic_uint refused;
static atomic_uint contexts_freed;

/* --- threads that answer later --- */

struct job {
    struct http_request *request;
    struct job *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *first;
    bool hold; /**< answer nothing for now */
    bool stop;
    pthread_t threads[WORKERS];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static void give_to_pool(struct http_request *request)
{
    struct job *job = xmalloc(sizeof(*job));
    job->request = request;
    pthread_mutex_lock(&pool.lock);
    job->next = pool.first;
    pool.first = job;
    pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.lock);
}

static void *pool_main(void *context)
{
    (void)context;
    pthread_mutex_lock(&pool.lock);
    while (!pool.stop) {
        struct job *job = pool.hold ? NULL : pool.first;
        if (!job) {
            pthread_cond_wait(&pool.work, &pool.lock);
            continue;
        }
        pool.first = job->next;
        pthread_mutex_unlock(&pool.lock);
        http_response_header(job->request, "X-From", "pool");
        http_respond(job->request, 202, "text/plain", "later", 5);
        free(job);
        pthread_mutex_lock(&pool.lock);
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void set_pool(bool hold, bool stop)
{
    pthread_mutex_lock(&pool.lock);
    pool.hold = hold;
    pool.stop = stop;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
}

/* --- the handlers --- */

/** Tells what it was asked, so that the test can compare. */
static void echo(struct http_request *request)
{
    size_t length;
    const char *body = http_request_body(request, &length);
    const char *header = http_request_header(request, "X-Test");
    struct buffer text = {0};
    buffer_append_format(&text, "%s|%s|%s|%s|", http_request_method(request),
                         http_request_path(request), http_request_query(request),
                         header ? header : "");
    buffer_append(&text, body, length);
    http_response_header(request, "X-One", "1");
    http_response_header(request, "X-Two", "two; too");
    http_respond(request, 200, "application/octet-stream", text.data, text.length);
    buffer_fini(&text);
}

static void free_context(void *context)
{
    free(context);
    atomic_fetch_add(&contexts_freed, 1);
}

static void handle(struct http_request *request, void *context)
{
    static atomic_uint count;
    const char *path = http_request_path(request);
    assert_ptr_equal(context, &pool);
    atomic_fetch_add(&handled, 1);
    http_request_set_context(request, malloc(16), free_context);
    if (strcmp(path, "/later") == 0) {
        give_to_pool(request);
    } else if (strcmp(path, "/race") == 0) {
        unsigned spin = atomic_fetch_add(&count, 1) % 64 * 50;
        give_to_pool(request);
        for (atomic_uint i = 0; i < spin; i++)
            ; /* so that the answer comes now before the handler returns, now after */
    } else if (strcmp(path, "/nothing") == 0) {
        http_respond(request, 204, NULL, NULL, 0);
    } else {
        echo(request);
    }
}

static void refuse(struct http_request *request, unsigned status, const char *reason)
{
    atomic_fetch_add(&refused, 1);
    http_respond(request, status, "text/plain", reason, strlen(reason));
}

static struct http_server_options make_options(void)
{
    return (struct http_server_options){
        .listen_address = "127.0.0.1",
        .port = port,
        .threads = 2,
        .connection_limit = CROWD + 64,
        .idle_timeout_seconds = 30,
        .max_body_bytes = MAX_BODY,
        .handler = handle,
        .refuse = refuse,
        .context = &pool,
    };
}

static int set_up(void **state)
{
    (void)state;
    struct error error;
    for (int i = 0; !server && i < 10; i++) {
        port = http_free_port();
        struct http_server_options options = make_options();
        server = http_server_new(&options, &error);
    }
    handled = refused = contexts_freed = 0;
    set_pool(false, false);
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&pool.threads[i], NULL, pool_main, NULL) != 0)
            return -1;
    return server ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t deadline = clock_monotonic_ms() + 5000;
    set_pool(false, false);
    while (http_server_pending(server) > 0 && clock_monotonic_ms() < deadline)
        clock_sleep_ms(2); /* what a failed test left */
    set_pool(false, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(pool.threads[i], NULL);
    http_server_free(server);
    server = NULL;
    return atomic_load(&contexts_freed) == atomic_load(&handled) ? 0 : -1;
}

/** Waits, bounded, until `expected` requests are pending. */
static void await_pending(int expected)
{
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (http_server_pending(server) != expected && clock_monotonic_ms() < deadline)
        clock_sleep_ms(2);
    assert_int_equal(http_server_pending(server), expected);
}

/* --- a client --- */

struct answer {
    long status;
    struct buffer body;
    struct buffer headers;
};

static size_t keep(char *bytes, size_t size, size_t count, void *context)
{
    buffer_append(context, bytes, size * count);
    return size * count;
}

static CURL *client_new(const char *path)
{
    char url[512];
    CURL *client = curl_easy_init();
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)port, path);
    curl_easy_setopt(client, CURLOPT_URL, url);
    curl_easy_setopt(client, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(client, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(client, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client, CURLOPT_PROXY, "");
    curl_easy_setopt(client, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(client, CURLOPT_HEADERFUNCTION, keep);
    return client;
}

static void client_post(CURL *client, const void *body, size_t length)
{
    curl_easy_setopt(client, CURLOPT_POST, 1L);
    curl_easy_setopt(client, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(client, CURLOPT_POSTFIELDSIZE, (long)length);
}

static void answer_fini(struct answer *answer)
{
    buffer_fini(&answer->body);
    buffer_fini(&answer->headers);
}

static CURLcode perform(CURL *client, struct answer *answer)
{
    *answer = (struct answer){0};
    curl_easy_setopt(client, CURLOPT_WRITEDATA, &answer->body);
    curl_easy_setopt(client, CURLOPT_HEADERDATA, &answer->headers);
    CURLcode code = curl_easy_perform(client);
    curl_easy_getinfo(client, CURLINFO_RESPONSE_CODE, &answer->status);
    return code;
}

static void assert_answer(CURL *client, long status, const char *body)
{
    struct answer answer;
    assert_int_equal(perform(client, &answer), CURLE_OK);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body.data ? answer.body.data : "", body);
    answer_fini(&answer);
}

static void assert_get(const char *path, long status, const char *body)
{
    CURL *client = client_new(path);
    assert_answer(client, status, body);
    curl_easy_cleanup(client);
}

/* --- answers --- */

static void test_the_handler_sees_the_request_as_it_was_sent(void **state)
{
    (void)state;
    assert_get("/", 200, "GET|/|||");
    assert_get("/?", 200, "GET|/|||");
    assert_get("/a/../b//c?x=1", 200, "GET|/a/../b//c|x=1||");
    assert_get("/%41%2F%00%zz?a=%20b&+c=%00%zz&d?e", 200,
               "GET|/%41%2F%00%zz|a=%20b&+c=%00%zz&d?e||");
    CURL *client = client_new("/put");
    struct curl_slist *headers = curl_slist_append(NULL, "x-TEST: some value");
    curl_easy_setopt(client, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client, CURLOPT_CUSTOMREQUEST, "BREW");
    client_post(client, "body", 4);
    assert_answer(client, 200, "BREW|/put||some value|body");
    curl_slist_free_all(headers);
    curl_easy_cleanup(client);
}

static void test_the_client_sees_status_headers_and_bytes(void **state)
{
    (void)state;
    char body[256];
    for (int i = 0; i < 256; i++)
        body[i] = (char)i;
    CURL *client = client_new("/");
    struct answer answer;
    client_post(client, body, sizeof(body));
    assert_int_equal(perform(client, &answer), CURLE_OK);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.length, strlen("POST|/|||") + 256);
    assert_memory_equal(answer.body.data + strlen("POST|/|||"), body, 256);
    assert_non_null(strstr(answer.headers.data, "Content-Type: application/octet-stream\r\n"));
    assert_non_null(strstr(answer.headers.data, "X-One: 1\r\n"));
    assert_non_null(strstr(answer.headers.data, "X-Two: two; too\r\n"));
    answer_fini(&answer);
    curl_easy_cleanup(client);
}

static void test_an_answer_may_be_empty(void **state)
{
    (void)state;
    CURL *client = client_new("/nothing");
    struct answer answer;
    assert_int_equal(perform(client, &answer), CURLE_OK);
    assert_int_equal(answer.status, 204);
    assert_null(answer.body.data);
    assert_null(strcasestr(answer.headers.data, "content-type"));
    answer_fini(&answer);
    curl_easy_cleanup(client);
}

static void test_a_head_request_gets_no_body(void **state)
{
    (void)state;
    CURL *client = client_new("/");
    curl_easy_setopt(client, CURLOPT_NOBODY, 1L);
    assert_answer(client, 200, "");
    curl_easy_cleanup(client);
}

static void test_an_answer_may_come_later_from_another_thread(void **state)
{
    (void)state;
    CURL *client = client_new("/later");
    struct answer answer;
    client_post(client, "x", 1);
    assert_int_equal(perform(client, &answer), CURLE_OK);
    assert_int_equal(answer.status, 202);
    assert_string_equal(answer.body.data, "later");
    assert_non_null(strstr(answer.headers.data, "X-From: pool\r\n"));
    answer_fini(&answer);
    curl_easy_cleanup(client);
}

/* --- connections --- */

static void test_a_connection_serves_many_requests(void **state)
{
    (void)state;
    CURL *client = client_new("/later");
    long connects = 0;
    for (int i = 0; i < 20; i++) {
        long now;
        assert_answer(client, 202, "later");
        curl_easy_getinfo(client, CURLINFO_NUM_CONNECTS, &now);
        connects += now;
    }
    assert_int_equal(connects, 1);
    curl_easy_cleanup(client);
}

static void test_requests_sent_at_once_are_answered_in_their_order(void **state)
{
    (void)state;
    int fd = http_connect(port);
    struct buffer bodies = {0};
    assert_true(http_send_text(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                   "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(http_read_answer(fd, &bodies), 200);
    assert_int_equal(http_read_answer(fd, &bodies), 202);
    assert_int_equal(http_read_answer(fd, &bodies), 200);
    assert_string_equal(bodies.data, "GET|/1|||laterGET|/2|||");
    buffer_fini(&bodies);
    close(fd);
}

static void test_a_request_may_come_in_many_pieces(void **state)
{
    (void)state;
    static const char request[] = "POST /?q HTTP/1.1\r\nHost: h\r\nX-Test: t\r\n"
                                  "Content-Length: 5\r\n\r\nhello";
    struct buffer body = {0};
    int fd = http_connect(port);
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        assert_true(http_send(fd, request + i, 1));
    assert_int_equal(http_read_answer(fd, &body), 200);
    assert_string_equal(body.data, "POST|/|q|t|hello");
    buffer_fini(&body);
    close(fd);
}

/* --- bodies that are too large --- */

static void test_a_body_may_be_as_large_as_allowed_and_no_larger(void **state)
{
    (void)state;
    char *body = calloc(1, MAX_BODY + 1);
    CURL *client = client_new("/nothing");
    client_post(client, body, MAX_BODY);
    assert_answer(client, 204, "");
    assert_int_equal(handled, 1);
    client_post(client, body, MAX_BODY + 1);
    struct answer answer;
    assert_int_equal(perform(client, &answer), CURLE_OK);
    assert_int_equal(answer.status, 413);
    assert_true(answer.body.length > 0);
    answer_fini(&answer);
    assert_int_equal(handled, 1);
    assert_int_equal(refused, 1);
    curl_easy_cleanup(client);
    free(body);
}

static void test_an_announced_body_that_is_too_large_is_refused_unread(void **state)
{
    (void)state;
    static const char *const lengths[] = {"10001", "4294967297", "9223372036854775807"};
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        char request[128];
        snprintf(request, sizeof(request),
                 "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %s\r\n\r\n", lengths[i]);
        assert_int_equal(http_exchange_text(port, request, NULL), 413);
    }
    assert_int_equal(handled, 0);
}

static void post_chunked(size_t length, int expected)
{
    char piece[1000];
    struct buffer request = {0};
    memset(piece, 'x', sizeof(piece));
    buffer_append_string(&request,
                         "POST /nothing HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (length > 0) {
        size_t size = length < sizeof(piece) ? length : sizeof(piece);
        buffer_append_format(&request, "%zx\r\n", size);
        buffer_append(&request, piece, size);
        buffer_append_string(&request, "\r\n");
        length -= size;
    }
    buffer_append_string(&request, "0\r\n\r\n");
    int fd = http_connect(port);
    http_send(fd, request.data, request.length);
    struct buffer headers = {0};
    char byte;
    while (headers.length < 12 && recv(fd, &byte, 1, 0) == 1)
        buffer_append(&headers, &byte, 1);
    assert_int_equal(headers.data ? atoi(headers.data + strlen("HTTP/1.1 ")) : 0, expected);
    buffer_fini(&headers);
    buffer_fini(&request);
    close(fd);
}

static void test_chunked_bodies_have_the_same_limit(void **state)
{
    (void)state;
    post_chunked(0, 204);
    post_chunked(1, 204);
    post_chunked(MAX_BODY, 204);
    assert_int_equal(handled, 3);
    post_chunked(MAX_BODY + 1, 413);
    post_chunked(50 * MAX_BODY, 413);
    post_chunked(32 << 20, 0); /* endless: cut off */
    assert_int_equal(handled, 3);
}

static void test_a_chunked_body_arrives_whole(void **state)
{
    (void)state;
    struct buffer body = {0};
    assert_int_equal(http_exchange_text(port,
                                        "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                        "chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
                                        &body),
                     200);
    assert_string_equal(body.data, "POST|/c|||abc0123456789");
    buffer_fini(&body);
}

/* --- requests that are none --- */

static void test_more_than_one_length_is_refused_and_ends_the_connection(void **state)
{
    (void)state;
    static const char *const framings[] = {
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\nContent-Length: 36\r\n",
        "Content-Length: 36\r\nContent-Length: 0\r\n",
        "content-length: 0\r\nCONTENT-LENGTH: 36\r\n",
        "Content-Length: 36\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(framings); i++) {
        int fd = http_connect(port);
        char request[256];
        snprintf(request, sizeof(request),
                 "POST /outer HTTP/1.1\r\nHost: h\r\n%s\r\n"
                 "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
                 framings[i]);
        http_send_text(fd, request);
        assert_int_equal(http_read_answer(fd, NULL), 400);
        assert_true(http_is_closed(fd));
        close(fd);
    }
    assert_int_equal(handled, 0);
}

static void test_a_request_without_host_is_refused(void **state)
{
    (void)state;
    assert_int_equal(http_exchange_text(port, "GET / HTTP/1.1\r\n\r\n", NULL), 400);
    assert_int_equal(handled, 0);
    assert_int_equal(http_exchange_text(port, "GET / HTTP/1.0\r\n\r\n", NULL), 200);
}

static void test_what_is_no_request_reaches_no_handler(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "GARBAGE\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5x\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        int fd = http_connect(port);
        http_send_text(fd, texts[i]);
        shutdown(fd, SHUT_WR);
        assert_true(http_is_closed(fd));
        close(fd);
        if (handled > 0)
            fail_msg("handled: %s", texts[i]);
    }
}

static void test_headers_without_end_are_cut_off(void **state)
{
    (void)state;
    char line[1024];
    int fd = http_connect(port);
    memset(line, 'x', sizeof(line));
    memcpy(line, "X-Long: ", 8);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    http_send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 200 && http_send(fd, line, sizeof(line)); i++)
        ;
    assert_true(http_is_closed(fd));
    close(fd);
    assert_int_equal(handled, 0);
    assert_get("/", 200, "GET|/|||");
}

static void test_peers_that_leave_early_harm_nobody(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "GE",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
    };
    const struct linger abort_at_close = {1, 0};
    for (int round = 0; round < 40; round++) {
        int fd = http_connect(port);
        http_send_text(fd, texts[(size_t)round % ARRAY_COUNT(texts)]);
        if (round % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof(abort_at_close));
        close(fd);
    }
    assert_get("/", 200, "GET|/|||");
    await_pending(0);
}

/* --- counting and stopping --- */

static void test_what_was_not_answered_is_pending(void **state)
{
    (void)state;
    int fds[3];
    set_pool(true, false);
    for (int i = 0; i < 3; i++) {
        fds[i] = http_connect(port);
        http_send_text(fds[i], "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        await_pending(i + 1);
    }
    assert_get("/", 200, "GET|/|||");
    await_pending(3);
    set_pool(false, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(http_read_answer(fds[i], NULL), 202);
        close(fds[i]);
    }
    await_pending(0);
    assert_int_equal(contexts_freed, 4);
}

static void test_one_that_left_while_it_waited_is_no_longer_pending_once_answered(void **state)
{
    (void)state;
    set_pool(true, false);
    for (int i = 0; i < 10; i++) {
        int fd = http_connect(port);
        http_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        await_pending(i + 1);
        close(fd);
    }
    set_pool(false, false);
    await_pending(0);
    assert_int_equal(contexts_freed, 10);
}

/** Waits, bounded, until nobody listens: server threads look at the socket a moment longer. */
static void await_refusal(void)
{
    int fd, tries = 0;
    while ((fd = http_connect(port)) >= 0 && tries++ < 1000) {
        close(fd);
        clock_sleep_ms(2);
    }
    assert_int_equal(fd, -1);
}

static void test_quiescing_lets_what_is_under_way_finish(void **state)
{
    (void)state;
    set_pool(true, false);
    int fd = http_connect(port);
    http_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    await_pending(1);
    http_server_quiesce(server);
    await_refusal();
    assert_int_equal(http_server_pending(server), 1);
    set_pool(false, false);
    assert_int_equal(http_read_answer(fd, NULL), 202);
    await_pending(0);
    close(fd);
}

static void test_an_address_that_cannot_be_listened_on_is_an_error(void **state)
{
    (void)state;
    struct error error = {0};
    struct http_server_options options = make_options();
    assert_null(http_server_new(&options, &error)); /* ours has the port */
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_non_null(strstr(error.message, "127.0.0.1"));
    static const char *const addresses[] = {"", "localhost", "127.0.0.1:80", "1.2.3", "::g"};
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        options.listen_address = addresses[i];
        options.port = 0;
        assert_null(http_server_new(&options, &error));
        assert_int_equal(error.code, ERROR_CONFIG);
    }
}

/* --- races and crowds --- */

enum { RACERS = 4, RACES = 1000 };

static void *race_main(void *context)
{
    atomic_uint *good = context;
    int fd = http_connect(port);
    for (int i = 0; i < RACES; i++) {
        http_send_text(fd, i % 2 ? "GET /race HTTP/1.1\r\nHost: h\r\n\r\n"
                                 : "POST /race HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        if (http_read_answer(fd, NULL) != 202)
            break;
        atomic_fetch_add(good, 1);
    }
    close(fd);
    return NULL;
}

static void test_an_answer_that_races_with_the_suspension_is_never_lost(void **state)
{
    (void)state;
    pthread_t threads[RACERS];
    atomic_uint good = 0;
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race_main, &good), 0);
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(good, RACERS * RACES);
    await_pending(0);
}

static void test_a_crowd_that_waits_is_answered_to_the_last(void **state)
{
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * CROWD + 100)
        skip(); /* both ends of each connection are ours */
    limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int *fds = calloc(CROWD, sizeof(*fds));
    for (int round = 0; round < 2; round++) {
        set_pool(true, false);
        for (int i = 0; i < CROWD; i++) {
            if (round == 0)
                fds[i] = http_connect(port);
            assert_true(http_send_text(fds[i], "POST /later HTTP/1.1\r\nHost: h\r\n"
                                               "Content-Length: 4\r\n\r\nbody"));
        }
        await_pending(CROWD);
        set_pool(false, false);
        for (int i = 0; i < CROWD; i++)
            assert_int_equal(http_read_answer(fds[i], NULL), 202);
        await_pending(0);
    }
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    free(fds);
    assert_int_equal(handled, 2 * CROWD);
}

static int start(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR, LOG_TEXT);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_handler_sees_the_request_as_it_was_sent),
        TEST(test_the_client_sees_status_headers_and_bytes),
        TEST(test_an_answer_may_be_empty),
        TEST(test_a_head_request_gets_no_body),
        TEST(test_an_answer_may_come_later_from_another_thread),
        TEST(test_a_connection_serves_many_requests),
        TEST(test_requests_sent_at_once_are_answered_in_their_order),
        TEST(test_a_request_may_come_in_many_pieces),
        TEST(test_a_body_may_be_as_large_as_allowed_and_no_larger),
        TEST(test_an_announced_body_that_is_too_large_is_refused_unread),
        TEST(test_chunked_bodies_have_the_same_limit),
        TEST(test_a_chunked_body_arrives_whole),
        TEST(test_more_than_one_length_is_refused_and_ends_the_connection),
        TEST(test_a_request_without_host_is_refused),
        TEST(test_what_is_no_request_reaches_no_handler),
        TEST(test_headers_without_end_are_cut_off),
        TEST(test_peers_that_leave_early_harm_nobody),
        TEST(test_what_was_not_answered_is_pending),
        TEST(test_one_that_left_while_it_waited_is_no_longer_pending_once_answered),
        TEST(test_quiescing_lets_what_is_under_way_finish),
        TEST(test_an_address_that_cannot_be_listened_on_is_an_error),
        TEST(test_an_answer_that_races_with_the_suspension_is_never_lost),
        TEST(test_a_crowd_that_waits_is_answered_to_the_last),
    };
    return cmocka_run_group_tests(tests, start, end);
}
