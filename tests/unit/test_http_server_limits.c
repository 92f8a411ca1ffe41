/* What clients may not do for long, or have too much of; and what answers tell browsers. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/log.h"
#include "tests/unit/http_serving.h"

enum { SHORT_MS = 300, LONG_MS = 60000, CROWD = 50 };

static struct serving serving;

static int set_up_with(int64_t header_ms, int64_t body_ms)
{
    serving_start(&serving, (struct http_server_options){.header_timeout_ms = header_ms,
                                                         .body_timeout_ms = body_ms,
                                                         .max_header_bytes = 8 << 10});
    return 0;
}

static int set_up_short_head(void **state)
{
    (void)state;
    return set_up_with(SHORT_MS, LONG_MS);
}

static int set_up_short_body(void **state)
{
    (void)state;
    return set_up_with(LONG_MS, SHORT_MS);
}

static int set_up_short(void **state)
{
    (void)state;
    return set_up_with(SHORT_MS, SHORT_MS);
}

static int set_up_small(void **state)
{
    (void)state;
    serving_start(&serving, (struct http_server_options){.max_header_bytes = 4 << 10});
    return 0;
}

static int set_up_two_per_address(void **state)
{
    (void)state;
    serving_start(&serving, (struct http_server_options){.connection_limit_per_address = 2});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    serving_stop(&serving);
    return 0;
}

static void assert_good(int fd)
{
    assert_true(http_send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(http_read_answer(fd, NULL), 200);
}

/** Whether the peer has closed, without waiting for it. */
static bool has_ended(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

/** Sends a byte now and then, never idle, until the connection is ended; bounded. */
static void assert_dripping_is_cut_off(int fd)
{
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (!has_ended(fd) && clock_monotonic_ms() < deadline) {
        http_send(fd, "x", 1);
        clock_sleep_ms(10);
    }
    assert_true(has_ended(fd));
}

/** Returns after the server has cut off a connection that was opened now. */
static void let_time_pass(void)
{
    int fd = http_connect(serving.port);
    assert_true(http_is_closed(fd));
    close(fd);
}

/* --- slow clients --- */

static void test_slow_heads_are_cut_off(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"", "GET /", "GET / HTTP/1.1\r\n",
                                             "GET / HTTP/1.1\r\nHost: h\r\nX-Long: "};
    for (size_t i = 0; i < ARRAY_COUNT(beginnings); i++) {
        int fd = http_connect(serving.port);
        http_send_text(fd, beginnings[i]);
        assert_dripping_is_cut_off(fd);
        close(fd);
    }
    assert_int_equal(serving.handled, 0);
}

static void test_a_slow_head_after_a_good_request_is_cut_off(void **state)
{
    (void)state;
    int fd = http_connect(serving.port);
    assert_good(fd);
    http_send_text(fd, "GET / HTTP/1.1\r\nX-Long: ");
    assert_dripping_is_cut_off(fd);
    close(fd);
    assert_int_equal(serving.handled, 1);
}

static void test_a_kept_connection_may_be_idle_for_longer(void **state)
{
    (void)state;
    int fd = http_connect(serving.port);
    assert_good(fd);
    let_time_pass();
    assert_good(fd);
    close(fd);
}

static void test_slow_bodies_are_cut_off(void **state)
{
    (void)state;
    int fd = http_connect(serving.port);
    http_send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    assert_dripping_is_cut_off(fd);
    close(fd);
    fd = http_connect(serving.port);
    http_send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n");
    assert_dripping_is_cut_off(fd);
    close(fd);
    assert_int_equal(serving.handled, 0);
}

/** What comes until the connection ends. */
static size_t count_received(int fd)
{
    char bytes[4096];
    size_t count = 0;
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        count += (size_t)got;
    return count;
}

static void test_an_answer_that_is_not_taken_is_cut_off(void **state)
{
    (void)state;
    int fd = http_connect(serving.port);
    http_send_text(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (serving.handled == 0 && clock_monotonic_ms() < deadline)
        clock_sleep_ms(2);
    serving_await_none_pending(&serving);
    assert_true(count_received(fd) < BIG_ANSWER);
    close(fd);
}

static void test_a_request_may_be_with_its_handler_for_longer(void **state)
{
    (void)state;
    int fd = http_connect(serving.port);
    http_send_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    serving_await_held(&serving);
    let_time_pass();
    let_time_pass();
    serving_release(&serving);
    assert_int_equal(http_read_answer(fd, NULL), 200);
    assert_good(fd);
    close(fd);
}

static void test_others_are_served_among_many_slow_ones(void **state)
{
    (void)state;
    int slow[CROWD], good = http_connect(serving.port);
    assert_good(good);
    for (int i = 0; i < CROWD; i++) {
        slow[i] = http_connect(serving.port);
        http_send_text(slow[i], i % 2 ? "GET / HTTP/1.1\r\nX: "
                                      : "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
    }
    int left = CROWD;
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (left > 0 && clock_monotonic_ms() < deadline) {
        assert_good(good);
        for (int i = 0; i < CROWD; i++) {
            if (slow[i] < 0)
                continue;
            if (!has_ended(slow[i])) {
                http_send(slow[i], "x", i % 2);
                continue;
            }
            close(slow[i]);
            slow[i] = -1;
            left--;
        }
    }
    assert_int_equal(left, 0);
    assert_good(good);
    close(good);
}

/* Descriptors are reused at once: whoever is cut off by mistake would be one of the good ones. */
static void test_connections_that_come_and_go_are_left_alone(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        int slow = http_connect(serving.port);
        int good = http_connect(serving.port);
        http_send_text(slow, "GET /");
        assert_good(good);
        close(slow);
        assert_good(good);
        close(good);
    }
}

/* --- too much --- */

static void test_only_so_many_connections_from_one_address(void **state)
{
    (void)state;
    int first = http_connect(serving.port), second = http_connect(serving.port);
    assert_good(first);
    assert_good(second);
    int third = http_connect(serving.port);
    http_send_text(third, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(http_is_closed(third));
    close(third);
    assert_int_equal(serving.handled, 2);
    assert_good(first);
    close(second);
    int status = 0;
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (status != 200 && clock_monotonic_ms() < deadline)
        status = http_exchange_text(serving.port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    assert_int_equal(status, 200);
    close(first);
}

static int send_long(const char *before, size_t length, const char *after)
{
    struct buffer request = {0};
    buffer_append_string(&request, before);
    for (size_t i = 0; i < length; i++)
        buffer_append(&request, "x", 1);
    buffer_append_string(&request, after);
    int status = http_exchange_bytes(serving.port, request.data, request.length, NULL);
    buffer_fini(&request);
    return status;
}

static void test_heads_that_are_too_large_are_refused(void **state)
{
    (void)state;
    static const char end[] = "\r\n\r\n", line[] = "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ";
    assert_int_equal(send_long(line, 4 << 10, end), 200);
    assert_int_equal(send_long(line, 9 << 10, end), 431);
    assert_int_equal(send_long("GET /", 4 << 10, " HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    assert_int_equal(send_long("GET /", 9 << 10, " HTTP/1.1\r\nHost: h\r\n\r\n"), 414);
    assert_int_equal(serving.handled, 2);
}

/* The least that the configuration allows. */
static void test_little_memory_is_enough_for_usual_requests(void **state)
{
    (void)state;
    static const char line[] = "POST /json HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
    assert_int_equal(send_long(line, 100000, ""), 200);
    assert_int_equal(
        send_long("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ", 1 << 10, "\r\n\r\n"), 200);
    assert_int_equal(send_long("GET / HTTP/1.1\r\nHost: h\r\nX: ", 5 << 10, "\r\n\r\n"), 431);
}

/* --- what browsers are told --- */

static char *get_headers(const char *path)
{
    char request[128], byte;
    struct buffer headers = {0};
    int fd = http_connect(serving.port);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    http_send_text(fd, request);
    while ((!headers.data || !strstr(headers.data, "\r\n\r\n")) && recv(fd, &byte, 1, 0) == 1)
        buffer_append(&headers, &byte, 1);
    close(fd);
    char *text = xstrdup(headers.data ? headers.data : "");
    buffer_fini(&headers);
    return text;
}

static const char *const security_headers[] = {
    "X-Content-Type-Options: nosniff\r\n",
    "Cache-Control: no-store\r\n",
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n",
    "Referrer-Policy: no-referrer\r\n",
    "X-Frame-Options: DENY\r\n",
};

static void test_json_has_security_headers(void **state)
{
    (void)state;
    static const char *const paths[] = {"/json", "/problem"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        char *headers = get_headers(paths[i]);
        for (size_t j = 0; j < ARRAY_COUNT(security_headers); j++)
            assert_non_null(strstr(headers, security_headers[j]));
        assert_null(strcasestr(headers, "Strict-Transport-Security")); /* without TLS */
        free(headers);
    }
}

static void test_a_handler_may_have_headers_of_its_own(void **state)
{
    (void)state;
    char *headers = get_headers("/page");
    assert_non_null(strstr(headers, "content-security-policy: default-src 'self'\r\n"));
    assert_null(strstr(headers, "Content-Security-Policy:"));
    assert_non_null(strstr(headers, "Cache-Control: max-age=60\r\n"));
    assert_null(strstr(headers, "no-store"));
    assert_non_null(strstr(headers, "X-Frame-Options: DENY\r\n"));
    free(headers);
}

static void test_forms_stay_lean(void **state)
{
    (void)state;
    char *headers = get_headers("/form");
    for (size_t i = 0; i < ARRAY_COUNT(security_headers); i++)
        assert_null(strstr(headers, security_headers[i]));
    free(headers);
}

static int start(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR, LOG_TEXT);
    return 0;
}

#define TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slow_heads_are_cut_off, set_up_short_head),
        TEST(test_a_slow_head_after_a_good_request_is_cut_off, set_up_short_head),
        TEST(test_a_kept_connection_may_be_idle_for_longer, set_up_short),
        TEST(test_slow_bodies_are_cut_off, set_up_short_body),
        TEST(test_an_answer_that_is_not_taken_is_cut_off, set_up_short_body),
        TEST(test_a_request_may_be_with_its_handler_for_longer, set_up_short),
        TEST(test_others_are_served_among_many_slow_ones, set_up_short),
        TEST(test_connections_that_come_and_go_are_left_alone, set_up_short),
        TEST(test_only_so_many_connections_from_one_address, set_up_two_per_address),
        TEST(test_heads_that_are_too_large_are_refused, set_up_short),
        TEST(test_little_memory_is_enough_for_usual_requests, set_up_small),
        TEST(test_json_has_security_headers, set_up_short),
        TEST(test_a_handler_may_have_headers_of_its_own, set_up_short),
        TEST(test_forms_stay_lean, set_up_short),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
