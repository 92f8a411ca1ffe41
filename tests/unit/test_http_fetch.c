/* common/http_fetch: each thing that can become of a fetch, against a scripted server. */
#include "tests/unit/unit.h"

#include <signal.h>

#include "common/http_server.h"
#include "common/log.h"
#include "tests/unit/http_fetching.h"

enum { SHORT_MS = 300, CROWD = 200, FLOOD = 1000 };

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

static bool put_off(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n");
}

static void test_a_pause_that_is_asked_for_is_told(void **state)
{
    (void)state;
    struct outcome outcome = run_script(put_off, PATIENCE_MS);
    check_answer(&outcome, 503, "");
    assert_int_equal(outcome.retry_after_ms, 17000);
    outcome = run_script(refuse, PATIENCE_MS);
    assert_int_equal(outcome.retry_after_ms, 0);
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

static int count_done(const struct outcome *outcomes, size_t count)
{
    int done = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++)
        done += outcomes[i].times;
    pthread_mutex_unlock(&lock);
    return done;
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

static int end(void **state)
{
    (void)state;
    buffer_fini(&seen);
    return 0;
}

int main(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    signal(SIGPIPE, SIG_IGN); /* a server that is hung up on */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_post_is_copied),
        cmocka_unit_test(test_a_bad_status_is_an_answer),
        cmocka_unit_test(test_a_pause_that_is_asked_for_is_told),
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
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
