/** A client with TLS (OpenSSL) on which any bytes can be sent, and which looks at certificates. */
#ifndef WEBSUB_TESTS_UNIT_TLS_EXCHANGING_H
#define WEBSUB_TESTS_UNIT_TLS_EXCHANGING_H

#include "common/panic.h"
#include "tests/unit/certificates.h"
#include "tests/unit/http_testing.h"

struct tls_client {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

/** Connects as tls_connect_with, but does not begin the handshake. */
static inline void tls_begin(struct tls_client *client, uint16_t port,
                             const struct identity *identity, X509 *chain, int max_version)
{
    client->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client->context, 0); /* it is the server that shall refuse */
    SSL_CTX_set_min_proto_version(client->context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client->context, max_version);
    if (identity) {
        assert_int_equal(SSL_CTX_use_certificate(client->context, identity->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(client->context, identity->key), 1);
    }
    if (chain)
        assert_int_equal(SSL_CTX_add1_chain_cert(client->context, chain), 1);
    client->fd = http_connect(port);
    client->ssl = SSL_new(client->context);
    SSL_set_fd(client->ssl, client->fd);
}

/**
 * Connects without verifying the server. `identity` NULL: shows no certificate; `chain` (NULL:
 * none) is sent along with it. @returns false when the handshake fails; call tls_close in either
 * case.
 */
static inline bool tls_connect_with(struct tls_client *client, uint16_t port,
                                    const struct identity *identity, X509 *chain, int max_version)
{
    tls_begin(client, port, identity, chain, max_version);
    return client->fd >= 0 && SSL_connect(client->ssl) == 1;
}

static inline void tls_open(struct tls_client *client, uint16_t port)
{
    assert_true(tls_connect_with(client, port, NULL, NULL, 0));
}

static inline void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    if (client->fd >= 0)
        close(client->fd);
}

/** The serial number of the certificate that the server has shown. */
static inline long tls_serial(const struct tls_client *client)
{
    X509 *shown = SSL_get1_peer_certificate(client->ssl);
    assert_non_null(shown);
    long serial = ASN1_INTEGER_get(X509_get_serialNumber(shown));
    X509_free(shown);
    return serial;
}

static inline bool tls_send(struct tls_client *client, const char *text)
{
    return SSL_write(client->ssl, text, (int)strlen(text)) == (int)strlen(text);
}

/** Reads one answer; returns its status, 0: the connection has ended. `headers`, `body` may be
 * NULL.
 */
static inline int tls_read_answer(struct tls_client *client, struct buffer *headers,
                                  struct buffer *body)
{
    struct buffer buffer = {0};
    const char *start = NULL;
    size_t length = 0;
    char byte;
    while (!(start = http_complete_answer(&buffer, &length)) &&
           SSL_read(client->ssl, &byte, 1) == 1)
        buffer_append(&buffer, &byte, 1);
    int status = start ? atoi(buffer.data + strlen("HTTP/1.1 ")) : 0;
    if (start && headers)
        buffer_append(headers, buffer.data, (size_t)(start - buffer.data));
    if (start && body)
        buffer_append(body, start, length);
    buffer_fini(&buffer);
    return status;
}

/** GET; returns the body, which is the caller's, NULL when there was no answer. */
static inline char *tls_get(struct tls_client *client, const char *path)
{
    struct buffer body = {0};
    char *request = xasprintf("GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    bool answered = tls_send(client, request) && tls_read_answer(client, NULL, &body) == 200;
    char *text = answered ? xstrdup(body.data ? body.data : "") : NULL;
    free(request);
    buffer_fini(&body);
    return text;
}

#endif
