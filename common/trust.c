#include "common/trust.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/panic.h"

struct trust {
    STACK_OF(X509) * extra;
};

/** Appends all certificates of a file; returns how many, or -1 when one cannot be read. */
static int read_certificates(FILE *file, STACK_OF(X509) * certificates)
{
    X509 *certificate;
    while ((certificate = PEM_read_X509_AUX(file, NULL, NULL, NULL)))
        ENSURE(sk_X509_push(certificates, certificate) > 0);
    /* No further one is how it ends well. */
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_REASON(code) == PEM_R_NO_START_LINE ? sk_X509_num(certificates) : -1;
}

static int read_extra(struct trust *trust, const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, ERROR_CONFIG, false, "cannot read \"%s\": %s", path,
                         strerror(errno));
    int count = read_certificates(file, trust->extra);
    bool unreadable = ferror(file);
    fclose(file);
    if (unreadable)
        return error_set(error, ERROR_CONFIG, false, "cannot read \"%s\"", path);
    if (count < 0)
        return error_set(error, ERROR_CONFIG, false, "\"%s\" holds a certificate that is damaged",
                         path);
    if (count == 0)
        return error_set(error, ERROR_CONFIG, false, "\"%s\" holds no certificate in PEM form",
                         path);
    return 0;
}

struct trust *trust_new(const char *extra_ca_file, struct error *error)
{
    struct trust *trust = xcalloc(1, sizeof(*trust));
    trust->extra = sk_X509_new_null();
    ENSURE(trust->extra);
    if (extra_ca_file[0] == '\0' || read_extra(trust, extra_ca_file, error) == 0)
        return trust;
    trust_free(trust);
    return NULL;
}

void trust_free(struct trust *trust)
{
    if (!trust)
        return;
    sk_X509_pop_free(trust->extra, X509_free);
    free(trust);
}

/** One of the two places is enough; what is missing in both is told once, here. */
static void add_system(X509_STORE *store)
{
    const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);
    bool found = false;
    if (built->cainfo)
        found = X509_STORE_load_file(store, built->cainfo) == 1;
    if (built->capath)
        found = X509_STORE_load_path(store, built->capath) == 1 || found;
    ERR_clear_error();
    if (!found)
        log_warning("tls.no_system_certificates",
                    LOG_STR("file", built->cainfo ? built->cainfo : ""));
}

X509_STORE *trust_store_new(const struct trust *trust)
{
    X509_STORE *store = X509_STORE_new();
    ENSURE(store);
    add_system(store);
    for (int i = 0; i < sk_X509_num(trust->extra); i++)
        ENSURE(X509_STORE_add_cert(store, sk_X509_value(trust->extra, i)) == 1);
    /* As libcurl sets them: an intermediate authority may be trusted by itself. */
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}
