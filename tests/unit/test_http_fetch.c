/* common/http_fetch: each thing that can become of a fetch, against a scripted server. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "common/http_fetch.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/panic.h"
#include "tests/unit/certificates.h"
#include "tests/unit/scripted_server.h"

enum { PATIENCE_MS = 20000, SHORT_MS = 300, YEAR_S = 365 * 86400, CROWD = 200, FLOOD = 1000 };

/* --- fetches that are waited for --- */

struct outcome {
    int times;
    char problem[100]; /* "": an answer */
    long status;
    struct buffer body;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of outcomes */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void on_done(void *context, const struct http_fetch_result *result)
{
    struct outcome *outcome = context;
    pthread_mutex_lock(&lock);
    outcome->times++;
    snprintf(outcome->problem, sizeof(outcome->problem), "%s",
             result->problem ? result->problem : "");
    outcome->status = result->status;
    if (!result->problem) {
        assert_int_equal(strlen(result->body), result->length);
        buffer_append(&outcome->body, result->body, result->length);
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(struct outcome *outcome)
{
    pthread_mutex_lock(&lock);
    while (outcome->times == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static int count_done(const struct outcome *outcomes, size_t count)
{
    int done = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++)
        done += outcomes[i].times;
    pthread_mutex_unlock(&lock);
    return done;
}

static struct http_fetcher *fetcher;
static struct scripted_server server;

static struct http_fetch_request request_to(const char *url, struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    return (struct http_fetch_request){
        .url = url, .timeout_ms = PATIENCE_MS, .done = on_done, .context = outcome};
}

static void check_problem(const struct outcome *outcome, const char *problem)
{
    assert_int_equal(outcome->times, 1);
    assert_string_equal(outcome->problem, problem);
}

static void check_answer(struct outcome *outcome, long status, const char *body)
{
    check_problem(outcome, "");
    assert_int_equal(outcome->status, status);
    assert_string_equal(outcome->body.data ? outcome->body.data : "", body);
    buffer_fini(&outcome->body);
}

static void start_fetcher(const char *extra_ca_file)
{
    struct error error;
    fetcher = http_fetcher_new(extra_ca_file, &error);
    assert_non_null(fetcher);
}

static void stop_fetcher(void)
{
    http_fetcher_free(fetcher);
    fetcher = NULL;
}

static const char *server_url(const char *scheme)
{
    static char url[64];
    snprintf(url, sizeof(url), "%s://127.0.0.1:%u/path?a=b", scheme, server.port);
    return url;
}

/** One GET from a server that follows the script; afterwards both have ended. */
static struct outcome run_script(scripted_answer script, int64_t timeout_ms)
{
    struct outcome outcome;
    scripted_start(&server, script, NULL);
    start_fetcher("");
    struct http_fetch_request request = request_to(server_url("http"), &outcome);
    request.timeout_ms = timeout_ms;
    http_fetch_start(fetcher, &request);
    wait_for(&outcome);
    stop_fetcher();
    scripted_stop(&server);
    return outcome;
}

/* --- answers --- */

static struct buffer seen; /* the last request that `remember` answered */

static bool remember(struct peer *peer, const struct buffer *request)
{
    buffer_clear(&seen);
    buffer_append(&seen, request->data, request->length);
    return peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void check_seen(const char *part)
{
    if (!strstr(seen.data, part))
        fail_msg("\"%s\" is not in \"%s\"", part, seen.data);
}

static void test_get(void **state)
{
    (void)state;
    struct outcome outcome = run_script(remember, PATIENCE_MS);
    check_answer(&outcome, 200, "hello");
    check_seen("GET /path?a=b HTTP/1.1\r\n");
    assert_null(strstr(seen.data, "Authorization"));
}

static void test_post_is_copied(void **state)
{
    (void)state;
    struct outcome outcome;
    char header[] = "X-Planted: here", body[] = "token=x&a=b", user[] = "me", password[] = "pass";
    const char *const headers[] = {header, NULL};
    scripted_start(&server, remember, NULL);
    start_fetcher("");
    struct http_fetch_request request = request_to(server_url("http"), &outcome);
    request.headers = headers;
    request.body = body;
    request.length = strlen(body);
    request.user = user;
    request.password = password;
    http_fetch_start(fetcher, &request);
    memset(header, 'x', strlen(header));
    memset(body, 'x', strlen(body));
    memset(user, 'x', strlen(user));
    memset(password, 'x', strlen(password));
    wait_for(&outcome);
    stop_fetcher();
    scripted_stop(&server);
    check_answer(&outcome, 200, "hello");
    check_seen("POST /path?a=b HTTP/1.1\r\n");
    check_seen("X-Planted: here\r\n");
    check_seen("Authorization: Basic bWU6cGFzcw==\r\n"); /* me:pass */
    check_seen("Content-Type: application/x-www-form-urlencoded\r\n");
    check_seen("\r\n\r\ntoken=x&a=b");
}

static bool refuse(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
}

static void test_a_bad_status_is_an_answer(void **state)
{
    (void)state;
    struct outcome outcome = run_script(refuse, PATIENCE_MS);
    check_answer(&outcome, 401, "no");
}

static bool redirect(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
}

static void test_a_redirect_is_not_followed(void **state)
{
    (void)state;
    struct outcome outcome = run_script(redirect, PATIENCE_MS);
    check_answer(&outcome, 302, "");
}

static void test_connections_are_kept(void **state)
{
    (void)state;
    scripted_start(&server, remember, NULL);
    start_fetcher("");
    for (int i = 0; i < 5; i++) {
        struct outcome outcome;
        struct http_fetch_request request = request_to(server_url("http"), &outcome);
        http_fetch_start(fetcher, &request);
        wait_for(&outcome);
        check_answer(&outcome, 200, "hello");
    }
    stop_fetcher();
    scripted_stop(&server);
    assert_int_equal(server.connections, 1);
}

static bool answer_and_close(struct peer *peer, const struct buffer *request)
{
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    (void)request;
    return false;
}

static void test_a_connection_that_the_server_closed_is_made_anew(void **state)
{
    (void)state;
    scripted_start(&server, answer_and_close, NULL);
    start_fetcher("");
    for (int i = 0; i < 5; i++) {
        struct outcome outcome;
        struct http_fetch_request request = request_to(server_url("http"), &outcome);
        request.body = "a=b";
        request.length = 3;
        http_fetch_start(fetcher, &request);
        wait_for(&outcome);
        check_answer(&outcome, 200, "hello");
    }
    stop_fetcher();
    scripted_stop(&server);
}

/* --- problems --- */

static bool silent(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_wait_closed(peer);
    return false;
}

static bool halfway(struct peer *peer, const struct buffer *request)
{
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    return silent(peer, request);
}

static void test_time_out(void **state)
{
    (void)state;
    struct outcome outcome = run_script(silent, SHORT_MS);
    check_problem(&outcome, "there is no answer in time");
    outcome = run_script(halfway, SHORT_MS);
    check_problem(&outcome, "there is no answer in time");
}

static void test_refused_connection(void **state)
{
    (void)state;
    struct outcome outcome;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_free_port());
    start_fetcher("");
    struct http_fetch_request request = request_to(url, &outcome);
    http_fetch_start(fetcher, &request);
    wait_for(&outcome);
    stop_fetcher();
    check_problem(&outcome, "the host cannot be connected to");
}

static void test_other_schemes_are_not_spoken(void **state)
{
    (void)state;
    struct outcome outcome;
    start_fetcher("");
    struct http_fetch_request request = request_to("file:///etc/hostname", &outcome);
    http_fetch_start(fetcher, &request);
    wait_for(&outcome);
    stop_fetcher();
    assert_string_not_equal(outcome.problem, "");
}

static bool broken_off(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    return false;
}

static bool no_http(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "220 mail.example ESMTP\r\n");
    return false;
}

static void test_broken_answers(void **state)
{
    (void)state;
    struct outcome outcome = run_script(broken_off, PATIENCE_MS);
    check_problem(&outcome, "the answer breaks off or is no HTTP");
    outcome = run_script(no_http, PATIENCE_MS);
    check_problem(&outcome, "the answer breaks off or is no HTTP");
}

static size_t answer_size;

static bool large(struct peer *peer, const struct buffer *request)
{
    (void)request;
    struct buffer answer = {0};
    buffer_append_format(&answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", answer_size);
    buffer_reserve(&answer, answer_size);
    for (size_t i = 0; i < answer_size; i++)
        buffer_append(&answer, "x", 1);
    bool sent = peer_send(peer, answer.data);
    buffer_fini(&answer);
    return sent;
}

static void test_size_is_bounded(void **state)
{
    (void)state;
    answer_size = HTTP_FETCH_MAX_BYTES;
    struct outcome outcome = run_script(large, PATIENCE_MS);
    check_problem(&outcome, "");
    assert_int_equal(outcome.body.length, answer_size);
    buffer_fini(&outcome.body);

    answer_size = HTTP_FETCH_MAX_BYTES + 1;
    outcome = run_script(large, PATIENCE_MS);
    check_problem(&outcome, "the answer is too large");
}

/* --- many, and the end --- */

static void handle_crowd(struct http_request *request, void *context)
{
    (void)context;
    size_t length;
    const char *body = http_request_body(request, &length);
    http_respond(request, 200, "text/plain", body, length);
}

static void refuse_crowd(struct http_request *request, unsigned status, const char *reason)
{
    http_respond(request, status, "text/plain", reason, strlen(reason));
}

static void test_many_at_once_get_their_own_answers(void **state)
{
    (void)state;
    static struct outcome outcomes[CROWD];
    struct error error;
    char url[64];
    const struct http_server_options options = {
        .listen_address = "127.0.0.1",
        .port = http_free_port(),
        .connection_limit = 1000,
        .idle_timeout_seconds = 30,
        .max_body_bytes = 1000,
        .handler = handle_crowd,
        .refuse = refuse_crowd,
    };
    struct http_server *crowd_server = http_server_new(&options, &error);
    assert_non_null(crowd_server);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", options.port);
    start_fetcher("");
    for (size_t i = 0; i < CROWD; i++) {
        char body[16];
        struct http_fetch_request request = request_to(url, &outcomes[i]);
        request.length = (size_t)snprintf(body, sizeof(body), "%zu", i);
        request.body = body;
        http_fetch_start(fetcher, &request);
    }
    for (size_t i = 0; i < CROWD; i++) {
        char body[16];
        snprintf(body, sizeof(body), "%zu", i);
        wait_for(&outcomes[i]);
        check_answer(&outcomes[i], 200, body);
    }
    stop_fetcher();
    http_server_quiesce(crowd_server);
    http_server_free(crowd_server);
}

static void test_freed_while_under_way_and_too_many(void **state)
{
    (void)state;
    static struct outcome outcomes[FLOOD];
    scripted_start(&server, NULL, NULL);
    start_fetcher("");
    for (size_t i = 0; i < FLOOD; i++) {
        struct http_fetch_request request = request_to(server_url("http"), &outcomes[i]);
        http_fetch_start(fetcher, &request);
    }
    int refused = count_done(outcomes, FLOOD);
    assert_in_range(refused, 1, FLOOD - 300);
    check_problem(&outcomes[FLOOD - 1], "too many requests to it are under way");
    stop_fetcher();
    scripted_stop(&server);
    check_problem(&outcomes[0], "we are stopping");
    for (size_t i = 0; i < FLOOD; i++)
        assert_int_equal(outcomes[i].times, 1);
}

static struct outcome again;

static void start_again(void *context, const struct http_fetch_result *result)
{
    const struct http_fetch_request request = request_to(context, &again);
    assert_string_equal(result->problem, "we are stopping");
    http_fetch_start(fetcher, &request);
}

static void test_nothing_is_begun_at_the_end(void **state)
{
    (void)state;
    static char url[64];
    struct outcome outcome;
    scripted_start(&server, NULL, NULL);
    start_fetcher("");
    snprintf(url, sizeof(url), "%s", server_url("http"));
    struct http_fetch_request request = request_to(url, &outcome);
    request.done = start_again;
    request.context = url;
    http_fetch_start(fetcher, &request);
    stop_fetcher();
    scripted_stop(&server);
    check_problem(&again, "we are stopping");
}

/* --- TLS --- */

static char extra_ca_file[] = "/tmp/test_http_fetch.XXXXXX";
static struct identity authority;

/** Three fetches from a server of that name, whose certificate the authority signed. */
static struct outcome run_tls(const char *name, const char *extra)
{
    struct outcome outcome;
    struct identity identity = identity_new(name, YEAR_S, &authority);
    SSL_CTX *context = identity_server(&identity);
    scripted_start(&server, remember, context);
    start_fetcher(extra);
    for (int i = 0; i < 3; i++) {
        struct http_fetch_request request = request_to(server_url("https"), &outcome);
        http_fetch_start(fetcher, &request);
        wait_for(&outcome);
        if (i < 2)
            buffer_fini(&outcome.body);
    }
    stop_fetcher();
    scripted_stop(&server);
    SSL_CTX_free(context);
    identity_free(&identity);
    return outcome;
}

static void test_extra_authority_is_trusted(void **state)
{
    (void)state;
    struct outcome outcome = run_tls("IP:127.0.0.1", extra_ca_file);
    check_answer(&outcome, 200, "hello");
    assert_int_equal(server.connections, 1);
}

static void test_unknown_authority_and_wrong_name_are_not(void **state)
{
    (void)state;
    const char *problem = "there is no TLS connection that can be trusted";
    struct outcome outcome = run_tls("IP:127.0.0.1", "");
    check_problem(&outcome, problem);
    outcome = run_tls("IP:127.0.0.2", extra_ca_file);
    check_problem(&outcome, problem);
}

static void test_extra_file_must_be_readable(void **state)
{
    (void)state;
    struct error error;
    assert_null(http_fetcher_new("/nonexistent/ca.pem", &error));
    assert_int_equal(error.code, ERROR_CONFIG);
    http_fetcher_free(NULL);
}

static int begin(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR, LOG_TEXT);
    close(mkstemp(extra_ca_file));
    authority = identity_new(NULL, YEAR_S, NULL);
    identity_write(&authority, extra_ca_file);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_fini(&seen);
    identity_free(&authority);
    return unlink(extra_ca_file);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* a server that is hung up on */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_post_is_copied),
        cmocka_unit_test(test_a_bad_status_is_an_answer),
        cmocka_unit_test(test_a_redirect_is_not_followed),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_a_connection_that_the_server_closed_is_made_anew),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_refused_connection),
        cmocka_unit_test(test_other_schemes_are_not_spoken),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_many_at_once_get_their_own_answers),
        cmocka_unit_test(test_freed_while_under_way_and_too_many),
        cmocka_unit_test(test_nothing_is_begun_at_the_end),
        cmocka_unit_test(test_extra_authority_is_trusted),
        cmocka_unit_test(test_unknown_authority_and_wrong_name_are_not),
        cmocka_unit_test(test_extra_file_must_be_readable),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
