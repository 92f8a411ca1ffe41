/** A server with TLS for the tests of one program: its files, certificates to choose from, a
 * client. */
#ifndef WEBSUB_TESTS_UNIT_TLS_SERVING_H
#define WEBSUB_TESTS_UNIT_TLS_SERVING_H

#include "tests/unit/certificate_files.h"
#include "tests/unit/http_serving.h"
#include "tests/unit/tls_exchanging.h"

enum { DAY = 86400 };

static struct certificate_files files;
static struct serving serving;
static struct identity authority, first, second;

static inline int set_up_with(struct http_server_options options)
{
    certificate_files_init(&files);
    authority = identity_new(NULL, DAY, NULL);
    first = identity_new("IP:127.0.0.1", DAY, &authority);
    second = identity_new("IP:127.0.0.1", DAY, &authority);
    certificate_files_put(&files, &first);
    identity_write(&authority, files.client_ca);
    options.tls = certificate_files_paths(&files, true);
    serving_start(&serving, options);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    serving_stop(&serving);
    identity_free(&authority);
    identity_free(&first);
    identity_free(&second);
    certificate_files_fini(&files);
    return 0;
}

static inline long serial_of(const struct identity *identity)
{
    return ASN1_INTEGER_get(X509_get_serialNumber(identity->certificate));
}

static inline void assert_gets(struct tls_client *client, const char *path, const char *expected)
{
    char *got = tls_get(client, path);
    assert_non_null(got);
    assert_string_equal(got, expected);
    free(got);
}

#endif
