/* Whom a server with TLS takes its clients for, by the certificates that they show. */
#include "tests/unit/unit.h"

#include "common/log.h"
#include "tests/unit/tls_serving.h"

static int set_up(void **state)
{
    (void)state;
    return set_up_with((struct http_server_options){0});
}

static void assert_client_is(const struct identity *identity, X509 *chain, const char *expected)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        struct tls_client client;
        assert_true(tls_connect_with(&client, serving.port, identity, chain, versions[i]));
        assert_gets(&client, "/who", expected);
        assert_gets(&client, "/who", expected);
        tls_close(&client);
    }
}

static void check_client(const char *subject, long seconds, const char *purpose,
                         const struct identity *issuer, const char *expected)
{
    struct identity identity = identity_new_client(subject, seconds, purpose, issuer);
    assert_client_is(&identity, NULL, expected);
    identity_free(&identity);
}

static void test_a_client_is_called_by_its_common_name(void **state)
{
    (void)state;
    check_client("CN=publisher-1", DAY, "clientAuth", &authority, "publisher-1");
    check_client("CN=publisher-2", DAY, NULL, &authority, "publisher-2");
    check_client("CN=M\xc3\xbcller, A=B", DAY, "clientAuth", &authority, "M\xc3\xbcller, A=B");
}

static void test_a_client_without_common_name_is_called_by_its_subject(void **state)
{
    (void)state;
    check_client("O=Ministry, of", DAY, "clientAuth", &authority, "O=Ministry\\, of");
    struct identity identity = identity_begin("CN=one", DAY, &authority);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(identity.certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"two", -1, -1, 0);
    identity_sign(&identity, &authority);
    assert_client_is(&identity, NULL, "CN=two,CN=one");
    identity_free(&identity);
}

static void test_a_client_whose_certificate_is_not_good_is_nobody(void **state)
{
    (void)state;
    struct identity stranger = identity_new(NULL, DAY, NULL); /* of the same name */
    assert_client_is(NULL, NULL, "nobody");
    check_client("CN=foreign", DAY, "clientAuth", &stranger, "nobody");
    check_client("CN=expired", -3600, "clientAuth", &authority, "nobody");
    check_client("CN=server", DAY, "serverAuth", &authority, "nobody");
    identity_free(&stranger);
    struct identity alone = identity_begin("CN=alone", DAY, NULL);
    identity_sign(&alone, NULL);
    assert_client_is(&alone, NULL, "nobody");
    identity_free(&alone);
    struct identity later = identity_begin("CN=later", DAY, &authority);
    X509_gmtime_adj(X509_getm_notBefore(later.certificate), 3600);
    identity_sign(&later, &authority);
    assert_client_is(&later, NULL, "nobody");
    identity_free(&later);
}

static void test_a_name_that_could_be_read_in_two_ways_is_none(void **state)
{
    (void)state;
    static const char *const names[] = {"admin\0.example", "admin\nevil"};
    static const int lengths[] = {14, 10};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct identity identity = identity_begin(NULL, DAY, &authority);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(identity.certificate), "CN",
                                   V_ASN1_UTF8STRING, (const unsigned char *)names[i], lengths[i],
                                   -1, 0);
        identity_sign(&identity, &authority);
        assert_client_is(&identity, NULL, "nobody");
        identity_free(&identity);
    }
}

static void test_a_client_may_send_what_lies_between(void **state)
{
    (void)state;
    struct identity middle = identity_begin("CN=middle", DAY, &authority);
    certificate_extend(middle.certificate, authority.certificate, NID_basic_constraints,
                       "critical,CA:TRUE");
    identity_sign(&middle, &authority);
    struct identity leaf = identity_new_client("CN=leaf", DAY, "clientAuth", &middle);
    assert_client_is(&leaf, middle.certificate, "leaf");
    assert_client_is(&leaf, NULL, "nobody");
    /* A client's certificate makes no others. */
    struct identity forged = identity_new_client("CN=forged", DAY, "clientAuth", &leaf);
    assert_client_is(&forged, leaf.certificate, "nobody");
    identity_free(&forged);
    identity_free(&leaf);
    identity_free(&middle);
}

static void test_authorities_are_forgotten_and_learnt_with_a_reload(void **state)
{
    (void)state;
    struct identity other = identity_new(NULL, DAY, NULL);
    struct identity identity = identity_new_client("CN=member", DAY, "clientAuth", &authority);
    struct tls_client client;
    assert_true(tls_connect_with(&client, serving.port, &identity, NULL, 0));
    assert_gets(&client, "/who", "member");
    identity_write(&other, files.client_ca);
    http_server_reload_certificate(serving.server);
    assert_gets(&client, "/who", "nobody");
    identity_write(&authority, files.client_ca);
    http_server_reload_certificate(serving.server);
    assert_gets(&client, "/who", "member");
    tls_close(&client);
    identity_free(&identity);
    identity_free(&other);
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
        TEST(test_a_client_is_called_by_its_common_name),
        TEST(test_a_client_without_common_name_is_called_by_its_subject),
        TEST(test_a_client_whose_certificate_is_not_good_is_nobody),
        TEST(test_a_name_that_could_be_read_in_two_ways_is_none),
        TEST(test_a_client_may_send_what_lies_between),
        TEST(test_authorities_are_forgotten_and_learnt_with_a_reload),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
