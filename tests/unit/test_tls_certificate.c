/* Which certificate is in use, as its files come and go. */
#include "tests/unit/unit.h"

#include "common/log.h"
#include "common/tls_certificate.h"
#include "tests/unit/certificate_files.h"

enum { DAY = 86400 };

static struct certificate_files files;
static struct identity first, second;

static int set_up(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR, LOG_TEXT);
    certificate_files_init(&files);
    first = identity_new("DNS:first.example", DAY, NULL);
    second = identity_new("DNS:second.example", 2 * DAY, NULL);
    certificate_files_put(&files, &first);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_free(&first);
    identity_free(&second);
    certificate_files_fini(&files);
    return 0;
}

static struct tls_certificate *open_certificate(bool ask_clients)
{
    struct error error = {0};
    struct tls_files paths = certificate_files_paths(&files, ask_clients);
    struct tls_certificate *certificate = tls_certificate_new(&paths, &error);
    if (!certificate)
        fail_msg("%s", error.message);
    return certificate;
}

/** Which of the two is in use. */
static const struct identity *in_use(struct tls_certificate *certificate)
{
    gnutls_pcert_st *shown;
    gnutls_privkey_t key;
    unsigned count;
    unsigned char *der = NULL;
    struct tls_snapshot *snapshot = tls_certificate_current(certificate);
    tls_snapshot_retrieve(snapshot, &shown, &count, &key);
    assert_int_equal(count, 1);
    int length = i2d_X509(second.certificate, &der);
    bool is_second =
        shown[0].cert.size == (unsigned)length && memcmp(shown[0].cert.data, der, length) == 0;
    OPENSSL_free(der);
    tls_snapshot_release(snapshot);
    return is_second ? &second : &first;
}

static void assert_refused(const char *named_file)
{
    struct error error = {0};
    struct tls_files paths = certificate_files_paths(&files, true);
    assert_null(tls_certificate_new(&paths, &error));
    assert_int_equal(error.code, ERROR_CONFIG);
    if (!strstr(error.message, named_file))
        fail_msg("%s does not name %s", error.message, named_file);
}

static void test_files_that_cannot_be_used_are_named(void **state)
{
    (void)state;
    assert_refused(files.client_ca);
    certificate_files_put_text(files.client_ca, "");
    assert_refused(files.client_ca);
    certificate_files_put_text(files.client_ca, "no certificate\n");
    assert_refused(files.client_ca);
    identity_write_key(&second, files.key);
    assert_refused(files.key); /* of another certificate */
    certificate_files_put_text(files.key, "no key\n");
    assert_refused(files.key);
    unlink(files.key);
    assert_refused(files.key);
    certificate_files_put_text(files.certificate, "-----BEGIN CERTIFICATE-----\nMIIB\n");
    assert_refused(files.certificate);
    unlink(files.certificate);
    assert_refused(files.certificate);
}

static void test_what_was_replaced_is_used_once_it_stays_as_it_is(void **state)
{
    (void)state;
    struct tls_certificate *certificate = open_certificate(false);
    tls_certificate_check(certificate);
    tls_certificate_check(certificate);
    assert_ptr_equal(in_use(certificate), &first);
    certificate_files_put(&files, &second);
    tls_certificate_check(certificate); /* may not be complete yet */
    assert_ptr_equal(in_use(certificate), &first);
    tls_certificate_check(certificate);
    assert_ptr_equal(in_use(certificate), &second);
    tls_certificate_free(certificate);
}

static void test_a_file_may_be_replaced_by_renaming(void **state)
{
    (void)state;
    struct tls_certificate *certificate = open_certificate(false);
    char fresh[128];
    snprintf(fresh, sizeof(fresh), "%s.new", files.certificate);
    identity_write(&second, fresh);
    assert_int_equal(rename(fresh, files.certificate), 0);
    snprintf(fresh, sizeof(fresh), "%s.new", files.key);
    identity_write_key(&second, fresh);
    assert_int_equal(rename(fresh, files.key), 0);
    tls_certificate_check(certificate);
    tls_certificate_check(certificate);
    assert_ptr_equal(in_use(certificate), &second);
    tls_certificate_free(certificate);
}

static void test_what_cannot_be_used_changes_nothing_until_it_can(void **state)
{
    (void)state;
    struct tls_certificate *certificate = open_certificate(false);
    identity_write(&second, files.certificate); /* its key comes late */
    for (int i = 0; i < 3; i++)
        tls_certificate_check(certificate);
    tls_certificate_reload(certificate);
    assert_ptr_equal(in_use(certificate), &first);
    unlink(files.key);
    for (int i = 0; i < 3; i++)
        tls_certificate_check(certificate);
    assert_ptr_equal(in_use(certificate), &first);
    identity_write_key(&second, files.key);
    for (int i = 0; i < 2; i++)
        tls_certificate_check(certificate);
    assert_ptr_equal(in_use(certificate), &second);
    tls_certificate_free(certificate);
}

static void test_a_reload_takes_what_is_there(void **state)
{
    (void)state;
    struct tls_certificate *certificate = open_certificate(false);
    certificate_files_put(&files, &second);
    tls_certificate_reload(certificate);
    assert_ptr_equal(in_use(certificate), &second);
    tls_certificate_free(certificate);
}

static void test_the_authorities_of_clients_are_read_again_with_it(void **state)
{
    (void)state;
    identity_write(&first, files.client_ca);
    struct tls_certificate *certificate = open_certificate(true);
    struct tls_snapshot *before = tls_certificate_current(certificate);
    identity_write(&second, files.client_ca);
    tls_certificate_check(certificate);
    tls_certificate_check(certificate);
    struct tls_snapshot *after = tls_certificate_current(certificate);
    assert_ptr_not_equal(before, after);
    certificate_files_put_text(files.client_ca, "");
    tls_certificate_reload(certificate);
    struct tls_snapshot *kept = tls_certificate_current(certificate);
    assert_ptr_equal(kept, after);
    tls_snapshot_release(before);
    tls_snapshot_release(after);
    tls_snapshot_release(kept);
    tls_certificate_free(certificate);
}

static void test_what_somebody_holds_stays_good(void **state)
{
    (void)state;
    struct tls_certificate *certificate = open_certificate(false);
    struct tls_snapshot *held = tls_certificate_current(certificate);
    int64_t expires = tls_snapshot_expires(held);
    certificate_files_put(&files, &second);
    tls_certificate_reload(certificate);
    struct tls_snapshot *now = tls_certificate_current(certificate);
    assert_int_equal(tls_snapshot_expires(held), expires);
    assert_int_equal(tls_snapshot_expires(now) / 1000 / DAY - expires / 1000 / DAY, 1);
    tls_certificate_free(certificate);
    assert_int_equal(tls_snapshot_expires(held), expires);
    tls_snapshot_release(held);
    tls_snapshot_release(now);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_that_cannot_be_used_are_named),
        TEST(test_what_was_replaced_is_used_once_it_stays_as_it_is),
        TEST(test_a_file_may_be_replaced_by_renaming),
        TEST(test_what_cannot_be_used_changes_nothing_until_it_can),
        TEST(test_a_reload_takes_what_is_there),
        TEST(test_the_authorities_of_clients_are_read_again_with_it),
        TEST(test_what_somebody_holds_stays_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
