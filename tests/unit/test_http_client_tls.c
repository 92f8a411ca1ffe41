/* dispatcher/http_client and common/trust: whose certificates are good, against a TLS server.
 */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/certificates.h"
#include "tests/unit/http_exchanging.h"
#include "tests/unit/scripted_server.h"

enum { PATIENCE_MS = 20000, SHORT_MS = 300, YEAR_S = 365 * 86400 };

static char extra_ca_file[] = "/tmp/test_http_client_tls.XXXXXX";
static struct identity authority, stranger;

static bool confirm(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 204 No Content\r\n\r\n");
}

/** One exchange with a server of that identity; its reason. */
static const char *try_identity(struct identity identity, const char *extra)
{
    static struct exchanging client;
    static struct scripted_server server;
    struct outcome outcome;
    char url[64];
    SSL_CTX *context = identity_server(&identity);
    scripted_start(&server, confirm, context);
    exchanging_start(&client, true, extra);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/callback", server.port);
    for (int i = 0; i < 3; i++)
        exchange(&client, &outcome, url, "x", PATIENCE_MS);
    exchanging_stop(&client);
    scripted_stop(&server);
    if (outcome.result.outcome == HTTP_ANSWERED)
        assert_int_equal(server.connections, 1);
    SSL_CTX_free(context);
    identity_free(&identity);
    return reason_of(&outcome);
}

static void test_extra_authority_is_trusted(void **state)
{
    (void)state;
    assert_string_equal(
        try_identity(identity_new("IP:127.0.0.1", YEAR_S, &authority), extra_ca_file),
        "status_2xx");
}

static void test_unknown_authority_is_not(void **state)
{
    (void)state;
    assert_string_equal(try_identity(identity_new("IP:127.0.0.1", YEAR_S, &authority), ""), "tls");
    assert_string_equal(
        try_identity(identity_new("IP:127.0.0.1", YEAR_S, &stranger), extra_ca_file), "tls");
}

static void test_wrong_host(void **state)
{
    (void)state;
    assert_string_equal(
        try_identity(identity_new("DNS:other.example, IP:127.0.0.2", YEAR_S, &authority),
                     extra_ca_file),
        "tls");
}

static void test_expired(void **state)
{
    (void)state;
    assert_string_equal(
        try_identity(identity_new("IP:127.0.0.1", -3600, &authority), extra_ca_file), "tls");
}

static void test_signed_by_itself(void **state)
{
    (void)state;
    assert_string_equal(try_identity(identity_new("IP:127.0.0.1", YEAR_S, NULL), extra_ca_file),
                        "tls");
}

static void test_no_tls_at_all(void **state)
{
    (void)state;
    static struct exchanging client;
    static struct scripted_server server;
    struct outcome outcome;
    char url[64];
    scripted_start(&server, confirm, NULL);
    exchanging_start(&client, true, "");
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/callback", server.port);
    exchange(&client, &outcome, url, "x", SHORT_MS);
    exchanging_stop(&client);
    scripted_stop(&server);
    assert_string_equal(reason_of(&outcome), "connect_timeout"); /* it waits for a request */
}

/** Exchanges that wait for another one's connection, in the hope to share it, do not wait longer.
 */
static void test_waiting_for_a_connection_is_bounded(void **state)
{
    (void)state;
    static struct exchanging client;
    static struct scripted_server server;
    struct outcome outcomes[6];
    char url[64];
    scripted_start(&server, NULL, NULL);
    exchanging_start(&client, true, "");
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/callback", server.port);
    for (size_t i = 0; i < ARRAY_COUNT(outcomes); i++)
        exchange_start(&client, &outcomes[i], url, "x", SHORT_MS);
    uv_run(&client.loop, UV_RUN_NOWAIT);
    http_client_cancel(client.client, &outcomes[3].exchange);
    host_release(outcomes[3].exchange.host);
    for (size_t i = 0; i < ARRAY_COUNT(outcomes); i++) {
        if (i == 3)
            continue;
        exchange_wait(&client, &outcomes[i]);
        assert_string_equal(reason_of(&outcomes[i]), "connect_timeout");
        assert_true(outcomes[i].result.duration_us < 4 * SHORT_MS * 1000);
    }
    assert_int_equal(outcomes[3].times, 0);
    exchanging_stop(&client);
    scripted_stop(&server);
}

/* --- trust --- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void check_refused(const char *path, const char *message)
{
    struct error error;
    assert_null(trust_new(path, &error));
    assert_int_equal(error.code, ERROR_CONFIG);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

static void test_bad_extra_files(void **state)
{
    (void)state;
    char path[] = "/tmp/test_trust.XXXXXX";
    close(mkstemp(path));
    check_refused("/nonexistent/ca.pem", "No such file");
    check_refused("/tmp", "cannot read");
    check_refused(path, "no certificate");
    write_file(path, "nothing of the kind\n");
    check_refused(path, "no certificate");
    write_file(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    check_refused(path, "damaged");
    unlink(path);
}

static int begin(void **state)
{
    (void)state;
    close(mkstemp(extra_ca_file));
    authority = identity_new(NULL, YEAR_S, NULL);
    stranger = identity_new(NULL, YEAR_S, NULL);
    identity_write(&authority, extra_ca_file);
    return 0;
}

static int end(void **state)
{
    (void)state;
    identity_free(&authority);
    identity_free(&stranger);
    return unlink(extra_ca_file);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* a server that is hung up on */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extra_authority_is_trusted),
        cmocka_unit_test(test_unknown_authority_is_not),
        cmocka_unit_test(test_wrong_host),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_signed_by_itself),
        cmocka_unit_test(test_no_tls_at_all),
        cmocka_unit_test(test_waiting_for_a_connection_is_bounded),
        cmocka_unit_test(test_bad_extra_files),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
