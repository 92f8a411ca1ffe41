/* A real server with TLS, and OpenSSL as its clients: what it speaks, and which certificate it
 * shows.
 */
#include "tests/unit/unit.h"

#include "common/log.h"
#include "tests/unit/tls_serving.h"

enum { WORKERS = 4, RELOADS = 100 };

static int set_up(void **state)
{
    (void)state;
    return set_up_with((struct http_server_options){.hsts_max_age_ms = 86400999});
}

static int set_up_impatient(void **state)
{
    (void)state;
    return set_up_with(
        (struct http_server_options){.header_timeout_ms = 300, .body_timeout_ms = 30000});
}

static int set_up_one_thread(void **state)
{
    (void)state;
    return set_up_with((struct http_server_options){.threads = 1});
}

/** What a new connection is shown. */
static long shown_serial(void)
{
    struct tls_client client;
    tls_open(&client, serving.port);
    long serial = tls_serial(&client);
    tls_close(&client);
    return serial;
}

/* --- TLS --- */

static void test_requests_are_served(void **state)
{
    (void)state;
    struct tls_client client;
    tls_open(&client, serving.port);
    assert_int_equal(SSL_version(client.ssl), TLS1_3_VERSION);
    for (int i = 0; i < 20; i++)
        assert_gets(&client, "/", "good");
    tls_close(&client);
}

static void test_requests_sent_at_once_are_answered_in_their_order(void **state)
{
    (void)state;
    struct tls_client client;
    struct buffer bodies = {0};
    tls_open(&client, serving.port);
    assert_true(tls_send(&client, "GET /who HTTP/1.1\r\nHost: h\r\n\r\n"
                                  "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"
                                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"));
    assert_int_equal(tls_read_answer(&client, NULL, &bodies), 200);
    serving_await_held(&serving);
    serving_release(&serving);
    assert_int_equal(tls_read_answer(&client, NULL, &bodies), 200);
    assert_int_equal(tls_read_answer(&client, NULL, &bodies), 200);
    assert_string_equal(bodies.data, "nobodyreleasedgood");
    buffer_fini(&bodies);
    tls_close(&client);
}

static void test_old_versions_are_refused(void **state)
{
    (void)state;
    struct tls_client client;
    assert_false(tls_connect_with(&client, serving.port, NULL, NULL, TLS1_1_VERSION));
    tls_close(&client);
    assert_true(tls_connect_with(&client, serving.port, NULL, NULL, TLS1_2_VERSION));
    assert_gets(&client, "/", "good");
    tls_close(&client);
}

static bool connects_with_cipher(const char *cipher)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_cipher_list(context, cipher), 1);
    SSL *ssl = SSL_new(context);
    int fd = http_connect(serving.port);
    SSL_set_fd(ssl, fd);
    bool connected = SSL_connect(ssl) == 1;
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return connected;
}

static void test_weak_ciphers_are_refused(void **state)
{
    (void)state;
    assert_true(connects_with_cipher("ECDHE-ECDSA-AES128-GCM-SHA256"));
    assert_true(connects_with_cipher("ECDHE-ECDSA-CHACHA20-POLY1305"));
    assert_false(connects_with_cipher("ECDHE-ECDSA-AES128-SHA"));
    assert_false(connects_with_cipher("ECDHE-ECDSA-AES256-SHA384"));
    assert_false(connects_with_cipher("AES128-GCM-SHA256"));
}

static void test_requests_without_tls_reach_no_handler(void **state)
{
    (void)state;
    int fd = http_connect(serving.port);
    http_send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(http_is_closed(fd));
    close(fd);
    assert_int_equal(serving.handled, 0);
}

static void test_browsers_are_told_to_stay_with_tls(void **state)
{
    (void)state;
    struct tls_client client;
    struct buffer headers = {0};
    tls_open(&client, serving.port);
    tls_send(&client, "GET /json HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(tls_read_answer(&client, &headers, NULL), 200);
    assert_non_null(strstr(headers.data, "Strict-Transport-Security: max-age=86400\r\n"));
    buffer_fini(&headers);
    tls_close(&client);
}

static void test_a_handshake_that_is_not_finished_is_cut_off(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"", "\x16\x03\x01", "\x16\x03\x01\x02\x00\x01\x00"};
    for (size_t i = 0; i < ARRAY_COUNT(beginnings); i++) {
        int fd = http_connect(serving.port);
        http_send_text(fd, beginnings[i]);
        assert_true(http_is_closed(fd));
        close(fd);
    }
}

/* --- another certificate --- */

static void test_a_reload_changes_what_new_connections_see_and_leaves_old_ones(void **state)
{
    (void)state;
    struct tls_client old;
    tls_open(&old, serving.port);
    assert_gets(&old, "/", "good");
    certificate_files_put(&files, &second);
    http_server_reload_certificate(serving.server);
    assert_int_equal(shown_serial(), serial_of(&second));
    assert_gets(&old, "/", "good");
    assert_int_equal(tls_serial(&old), serial_of(&first));
    tls_close(&old);
}

/* GnuTLS asks for the certificate when the client speaks, which may be long after it connected. */
static void test_a_connection_that_waited_through_reloads_is_served(void **state)
{
    (void)state;
    struct tls_client waiting;
    tls_begin(&waiting, serving.port, NULL, NULL, 0);
    shown_serial(); /* one thread accepts in order: the other one has been, too */
    certificate_files_put(&files, &second);
    http_server_reload_certificate(serving.server);
    http_server_reload_certificate(serving.server);
    assert_int_equal(SSL_connect(waiting.ssl), 1);
    assert_int_equal(tls_serial(&waiting), serial_of(&first));
    assert_gets(&waiting, "/", "good");
    tls_close(&waiting);
}

static void test_a_change_of_the_files_is_noticed(void **state)
{
    (void)state;
    certificate_files_put(&files, &second);
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (shown_serial() != serial_of(&second) && clock_monotonic_ms() < deadline)
        clock_sleep_ms(20);
    assert_int_equal(shown_serial(), serial_of(&second));
}

static void test_a_bad_pair_leaves_the_old_one(void **state)
{
    (void)state;
    identity_write(&second, files.certificate);
    http_server_reload_certificate(serving.server);
    assert_int_equal(shown_serial(), serial_of(&first));
}

static atomic_bool stop_workers;

static void *connect_again_and_again(void *context)
{
    atomic_int *failures = context;
    while (!atomic_load(&stop_workers)) {
        struct tls_client client;
        char *got = NULL;
        if (tls_connect_with(&client, serving.port, NULL, NULL, 0))
            got = tls_get(&client, "/");
        if (!got || strcmp(got, "good") != 0)
            atomic_fetch_add(failures, 1);
        free(got);
        tls_close(&client);
    }
    return NULL;
}

static void test_nobody_notices_many_reloads(void **state)
{
    (void)state;
    pthread_t workers[WORKERS];
    atomic_int failures = 0;
    atomic_store(&stop_workers, false);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, connect_again_and_again, &failures), 0);
    for (int i = 0; i < RELOADS; i++) {
        certificate_files_put(&files, i % 2 ? &first : &second);
        http_server_reload_certificate(serving.server);
    }
    atomic_store(&stop_workers, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    assert_int_equal(failures, 0);
    assert_int_equal(shown_serial(), serial_of(&first));
}

static int start(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR, LOG_TEXT);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests_are_served),
        TEST(test_requests_sent_at_once_are_answered_in_their_order),
        TEST(test_old_versions_are_refused),
        TEST(test_weak_ciphers_are_refused),
        TEST(test_requests_without_tls_reach_no_handler),
        TEST(test_browsers_are_told_to_stay_with_tls),
        cmocka_unit_test_setup_teardown(test_a_handshake_that_is_not_finished_is_cut_off,
                                        set_up_impatient, tear_down),
        TEST(test_a_reload_changes_what_new_connections_see_and_leaves_old_ones),
        cmocka_unit_test_setup_teardown(test_a_connection_that_waited_through_reloads_is_served,
                                        set_up_one_thread, tear_down),
        TEST(test_a_change_of_the_files_is_noticed),
        TEST(test_a_bad_pair_leaves_the_old_one),
        TEST(test_nobody_notices_many_reloads),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
