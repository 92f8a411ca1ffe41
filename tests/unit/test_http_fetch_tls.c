/* common/http_fetch: whose certificates are good, against a TLS server. */
#include "tests/unit/unit.h"

#include <signal.h>

#include "common/log.h"
#include "tests/unit/certificates.h"
#include "tests/unit/http_fetching.h"

enum { YEAR_S = 365 * 86400 };

static char extra_ca_file[] = "/tmp/test_http_fetch_tls.XXXXXX";
static struct identity authority;

static bool greet(struct peer *peer, const struct buffer *request)
{
    (void)request;
    return peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

/** Three fetches from a server of that name, whose certificate the authority signed. */
static struct outcome run_tls(const char *name, const char *extra)
{
    struct outcome outcome;
    struct identity identity = identity_new(name, YEAR_S, &authority);
    SSL_CTX *context = identity_server(&identity);
    scripted_start(&server, greet, context);
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
    close(mkstemp(extra_ca_file));
    authority = identity_new(NULL, YEAR_S, NULL);
    identity_write(&authority, extra_ca_file);
    return 0;
}

static int end(void **state)
{
    (void)state;
    identity_free(&authority);
    return unlink(extra_ca_file);
}

int main(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    signal(SIGPIPE, SIG_IGN); /* a server that is hung up on */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extra_authority_is_trusted),
        cmocka_unit_test(test_unknown_authority_and_wrong_name_are_not),
        cmocka_unit_test(test_extra_file_must_be_readable),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
