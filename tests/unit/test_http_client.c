/* dispatcher/http_client: each thing that can become of an exchange, against a scripted server. */
#include "tests/unit/unit.h"

#include "tests/unit/http_exchanging.h"
#include "tests/unit/scripted_server.h"

enum { PATIENCE_MS = 20000, SHORT_MS = 300 };

static struct exchanging client;
static struct scripted_server server;

/** An exchange with a server that follows the script; afterwards both have ended. */
static struct outcome run_script(scripted_answer script, const char *post, int64_t timeout_ms)
{
    struct outcome outcome;
    char url[64];
    scripted_start(&server, script, NULL);
    exchanging_start(&client, true, "");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/callback", server.port);
    exchange(&client, &outcome, url, post, timeout_ms);
    exchanging_stop(&client);
    scripted_stop(&server);
    return outcome;
}

static struct outcome run_url(const char *url, bool local)
{
    struct outcome outcome;
    exchanging_start(&client, local, "");
    exchange(&client, &outcome, url, NULL, PATIENCE_MS);
    exchanging_stop(&client);
    return outcome;
}

static void check_answer(const struct outcome *outcome, long status, const char *body)
{
    assert_int_equal(outcome->result.outcome, HTTP_ANSWERED);
    assert_int_equal(outcome->result.status, status);
    assert_true(outcome->result.complete);
    assert_string_equal(outcome->body, body);
}

/* --- answers --- */

static bool in_pieces(struct peer *peer, const struct buffer *request)
{
    (void)request;
    for (const char *c = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"; *c; c++)
        peer_send(peer, (const char[]){*c, '\0'});
    return true;
}

static void test_answer_in_pieces(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(in_pieces, "x", PATIENCE_MS);
    check_answer(&outcome, 200, "hello");
}

static bool informational_first(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
                           "Link: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
}

static void test_informational_answers_are_passed_over(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(informational_first, "x", PATIENCE_MS);
    check_answer(&outcome, 204, "");
}

static bool only_informational(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    return false;
}

static void test_informational_answer_is_none(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(only_informational, "x", PATIENCE_MS);
    assert_string_equal(reason_of(&outcome), "broken_connection");
}

static bool chunked(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 500 -\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
}

static void test_excerpt_of_a_failed_answer(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(chunked, "x", PATIENCE_MS);
    check_answer(&outcome, 500, "abcde");
    assert_string_equal(reason_of(&outcome), "status_5xx");
}

static bool busy(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 429 -\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
}

static void test_retry_after(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(busy, "x", PATIENCE_MS);
    check_answer(&outcome, 429, "");
    assert_int_equal(outcome.result.retry_after_ms, 7000);
    assert_string_equal(reason_of(&outcome), "busy");
}

static bool redirect(struct peer *peer, const struct buffer *request)
{
    assert_null(strstr(request->data, "/elsewhere"));
    return peer_send(peer, "HTTP/1.1 307 -\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
}

static void test_redirect_is_not_followed(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(redirect, "x", PATIENCE_MS);
    check_answer(&outcome, 307, "");
    assert_string_equal(reason_of(&outcome), "status_3xx");
}

static bool endless(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 404 -\r\n\r\n");
    while (peer_send(peer, "and so on "))
        ;
    return false;
}

static void test_endless_answer_is_cut_off(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(endless, NULL, PATIENCE_MS);
    assert_int_equal(outcome.result.outcome, HTTP_ANSWERED);
    assert_int_equal(outcome.result.status, 404);
    assert_false(outcome.result.complete);
    assert_int_equal(strlen(outcome.body), 512);
    assert_true(outcome.result.received < 256 << 10);
}

static bool half_a_body(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    return false;
}

static void test_body_that_ends_early(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(half_a_body, NULL, PATIENCE_MS);
    assert_int_equal(outcome.result.outcome, HTTP_ANSWERED);
    assert_false(outcome.result.complete);
    assert_string_equal(outcome.body, "half");
}

static bool echo_length(struct peer *peer, const struct buffer *request)
{
    const char *body = strstr(request->data, "\r\n\r\n") + 4;
    char answer[80];
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%08zu",
             request->length - (size_t)(body - request->data));
    return peer_send(peer, answer);
}

static void test_connection_is_kept(void **state)
{
    (void)state;
    struct outcome outcome;
    char url[64];
    scripted_start(&server, echo_length, NULL);
    exchanging_start(&client, true, "");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/callback", server.port);
    for (int i = 0; i < 5; i++) {
        exchange(&client, &outcome, url, i % 2 ? NULL : "twelve bytes", PATIENCE_MS);
        check_answer(&outcome, 200, i % 2 ? "00000000" : "00000012");
    }
    exchanging_stop(&client);
    scripted_stop(&server);
    assert_int_equal(server.connections, 1);
}

/* --- no answers --- */

static bool no_http(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    return false;
}

static bool no_answer(struct peer *peer, const struct buffer *request)
{
    (void)peer;
    (void)request;
    return false;
}

static bool half_a_status(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 20");
    return false;
}

/** A status alone is no answer: who was cut off there has not confirmed anything. */
static bool half_a_head(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le");
    return false;
}

static bool huge_header(struct peer *peer, const struct buffer *request)
{
    (void)request;
    char field[1001];
    memset(field, 'h', 1000);
    field[1000] = '\0';
    peer_send(peer, "HTTP/1.1 200 OK\r\nX-Huge: ");
    while (peer_send(peer, field))
        ;
    return false;
}

static void test_broken_connections(void **state)
{
    (void)state;
    const scripted_answer scripts[] = {no_http, no_answer, half_a_status, half_a_head};
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
        const struct outcome outcome = run_script(scripts[i], "x", PATIENCE_MS);
        assert_string_equal(reason_of(&outcome), "broken_connection");
    }
}

static void test_huge_header_is_bounded(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(huge_header, "x", PATIENCE_MS);
    assert_string_equal(reason_of(&outcome), "broken_connection");
}

static bool slow_headers(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 200 OK\r\nX-Slow: ");
    peer_wait_closed(peer);
    return false;
}

static void test_slow_answer_times_out(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(slow_headers, "x", SHORT_MS);
    assert_string_equal(reason_of(&outcome), "timeout");
    assert_true(outcome.result.duration_us >= SHORT_MS * 1000);
}

static bool slow_body(struct peer *peer, const struct buffer *request)
{
    (void)request;
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    peer_wait_closed(peer);
    return false;
}

static void test_slow_body_does_not_take_the_status_back(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(slow_body, "x", SHORT_MS);
    assert_int_equal(outcome.result.outcome, HTTP_ANSWERED);
    assert_int_equal(outcome.result.status, 200);
    assert_false(outcome.result.complete);
}

static void test_missing_answer_times_out(void **state)
{
    (void)state;
    const struct outcome outcome = run_script(NULL, "x", SHORT_MS);
    assert_string_equal(reason_of(&outcome), "timeout");
}

/** A listener whose queue is full: the kernel lets further attempts to connect wait. */
static void test_connection_times_out(void **state)
{
    (void)state;
    struct sockaddr_in address = http_loopback(0);
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), queued[8];
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < 8; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(queued[i], (struct sockaddr *)&address, sizeof(address));
    }
    char url[64];
    struct outcome outcome;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
    exchanging_start(&client, true, "");
    exchange(&client, &outcome, url, NULL, SHORT_MS);
    exchanging_stop(&client);
    assert_string_equal(reason_of(&outcome), "connect_timeout");
    for (int i = 0; i < 8; i++)
        close(queued[i]);
    close(listener);
}

static void test_refused(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_free_port());
    struct outcome outcome = run_url(url, true);
    assert_string_equal(reason_of(&outcome), "refused");
    outcome = run_url("http://127.0.0.1:0/", true);
    assert_string_equal(reason_of(&outcome), "refused");
}

static void test_forbidden(void **state)
{
    (void)state;
    const char *const urls[] = {"http://127.0.0.1:9/", "http://LOCALHOST:9/",
                                "https://10.0.0.1/",   "http://[::ffff:127.0.0.1]:9/",
                                "http://0x7f.1/",      "http://0/"};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        const struct outcome outcome = run_url(urls[i], false);
        assert_string_equal(reason_of(&outcome), "forbidden_address");
    }
}

static struct outcome run_restricted(const char *url, const struct config *config)
{
    struct outcome outcome;
    exchanging_start_with(&client, config, "");
    exchange(&client, &outcome, url, NULL, PATIENCE_MS);
    exchanging_stop(&client);
    return outcome;
}

static void test_forbidden_port(void **state)
{
    (void)state;
    char loopback[] = "127.0.0.0/8", port[] = "9", *networks[] = {loopback}, *ports[] = {port};
    struct config config = {0};
    config.security.allowed_callback_networks = (struct string_list){networks, 1};
    config.security.denied_callback_ports = (struct string_list){ports, 1};
    struct outcome outcome = run_restricted("http://127.0.0.1:9/", &config);
    assert_string_equal(reason_of(&outcome), "forbidden_port");
    /* The address comes first: nobody learns about ports there. */
    outcome = run_restricted("http://10.0.0.1:9/", &config);
    assert_string_equal(reason_of(&outcome), "forbidden_address");
}

static void test_https_only(void **state)
{
    (void)state;
    struct config config = {0};
    config.security.require_https_callbacks = true;
    struct outcome outcome = run_restricted("http://127.0.0.1:9/", &config);
    assert_string_equal(reason_of(&outcome), "forbidden_url");
    outcome = run_restricted("https://127.0.0.1:9/", &config);
    assert_string_equal(reason_of(&outcome), "forbidden_address");
}

/** The hub refuses them; what is in Kafka may have come from elsewhere. */
static void test_forbidden_urls(void **state)
{
    (void)state;
    const char *const urls[] = {"ftp://127.0.0.1:9/",           "file:///etc/passwd",
                                "gopher://127.0.0.1:9/x",       "dict://127.0.0.1:9/x",
                                "http://user@127.0.0.1:9/",     "http://user:word@127.0.0.1:9/",
                                "https://8.8.8.8@127.0.0.1:9/", "telnet://127.0.0.1:9/"};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        const struct outcome outcome = run_url(urls[i], true);
        assert_string_equal(reason_of(&outcome), "forbidden_url");
    }
}

/** Names that no resolver is asked for: too long a label, none at all, no UTF-8. */
static void test_impossible_names(void **state)
{
    (void)state;
    const char *const urls[] = {
        "http://a2345678901234567890123456789012345678901234567890123456789012345.example/",
        "http:///path", "http://\xff\xfe.example/", "http://a..example/"};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        const struct outcome outcome = run_url(urls[i], false);
        assert_string_equal(reason_of(&outcome), "dns");
    }
}

/* --- giving up --- */

static void test_cancelled_exchange_is_never_done(void **state)
{
    (void)state;
    struct outcome given_up, outcome;
    char url[64];
    scripted_start(&server, NULL, NULL);
    exchanging_start(&client, true, "");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/callback", server.port);
    exchange_start(&client, &given_up, url, "x", SHORT_MS / 2);
    exchange_start(&client, &outcome, url, "x", SHORT_MS);
    uv_run(&client.loop, UV_RUN_NOWAIT);
    http_client_cancel(client.client, &given_up.exchange);
    host_release(given_up.exchange.host);
    exchange_wait(&client, &outcome);
    assert_int_equal(given_up.times, 0);
    exchanging_stop(&client);
    scripted_stop(&server);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_in_pieces),
        cmocka_unit_test(test_informational_answers_are_passed_over),
        cmocka_unit_test(test_informational_answer_is_none),
        cmocka_unit_test(test_excerpt_of_a_failed_answer),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_redirect_is_not_followed),
        cmocka_unit_test(test_endless_answer_is_cut_off),
        cmocka_unit_test(test_body_that_ends_early),
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_broken_connections),
        cmocka_unit_test(test_huge_header_is_bounded),
        cmocka_unit_test(test_slow_answer_times_out),
        cmocka_unit_test(test_slow_body_does_not_take_the_status_back),
        cmocka_unit_test(test_missing_answer_times_out),
        cmocka_unit_test(test_connection_times_out),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_forbidden_port),
        cmocka_unit_test(test_https_only),
        cmocka_unit_test(test_forbidden_urls),
        cmocka_unit_test(test_impossible_names),
        cmocka_unit_test(test_cancelled_exchange_is_never_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
