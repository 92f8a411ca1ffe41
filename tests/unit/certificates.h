/** Certificates made on the spot: an authority, and servers' certificates that it signs. */
#ifndef WEBSUB_TESTS_UNIT_CERTIFICATES_H
#define WEBSUB_TESTS_UNIT_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline void certificate_extend(X509 *certificate, X509 *issuer, int name, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, name, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/** A certificate without extensions, not signed yet. `subject`: as in "O=a" or "CN=b"; NULL: the
 * caller adds it. It began a day (or, if that is over already, long) ago. */
static inline struct identity identity_begin(const char *subject, long seconds,
                                             const struct identity *issuer)
{
    static long serial;
    struct identity identity = {EVP_EC_gen("P-256"), X509_new()};
    X509 *certificate = identity.certificate;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400 + (seconds < 0 ? 2 * seconds : 0));
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    if (subject) {
        char field[8];
        size_t length = strcspn(subject, "=");
        snprintf(field, sizeof(field), "%.*s", (int)length, subject);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_UTF8,
                                   (const unsigned char *)subject + length + 1, -1, -1, 0);
    }
    X509_set_pubkey(certificate, identity.key);
    X509_set_issuer_name(certificate,
                         X509_get_subject_name(issuer ? issuer->certificate : certificate));
    return identity;
}

/** `issuer` NULL: signed by itself */
static inline void identity_sign(struct identity *identity, const struct identity *issuer)
{
    EVP_PKEY *key = issuer ? issuer->key : identity->key;
    if (!issuer)
        X509_set_issuer_name(identity->certificate, X509_get_subject_name(identity->certificate));
    assert_true(X509_sign(identity->certificate, key, EVP_sha256()) > 0);
}

/**
 * @param names    as in "DNS:a.example, IP:127.0.0.1"; NULL: an authority
 * @param seconds  from now until it ends; it began a day ago
 * @param issuer   NULL: signed by itself
 */
static inline struct identity identity_new(const char *names, long seconds,
                                           const struct identity *issuer)
{
    struct identity identity =
        identity_begin(names ? "CN=server" : "CN=authority", seconds, issuer);
    X509 *signer = issuer ? issuer->certificate : identity.certificate;
    if (names)
        certificate_extend(identity.certificate, signer, NID_subject_alt_name, names);
    else
        certificate_extend(identity.certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    identity_sign(&identity, issuer);
    return identity;
}

/** A client's; `purpose` as in "clientAuth", NULL: any. */
static inline struct identity identity_new_client(const char *subject, long seconds,
                                                  const char *purpose,
                                                  const struct identity *issuer)
{
    struct identity identity = identity_begin(subject, seconds, issuer);
    if (purpose)
        certificate_extend(identity.certificate, issuer->certificate, NID_ext_key_usage, purpose);
    identity_sign(&identity, issuer);
    return identity;
}

static inline void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

static inline void identity_write(const struct identity *identity, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    fclose(file);
}

static inline void identity_write_key(const struct identity *identity, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static inline SSL_CTX *identity_server(const struct identity *identity)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(context, identity->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, identity->key), 1);
    return context;
}

#endif
