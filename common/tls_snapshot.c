#include "common/tls_snapshot.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/tls_client.h"

enum { KEY_ID_MAX = 64 };

struct tls_snapshot {
    atomic_uint references;
    gnutls_pcert_st *certificates;
    unsigned count;
    gnutls_privkey_t key;
    gnutls_x509_trust_list_t client_authorities; /* NULL: clients are not asked */
    int64_t expires_ms;
};

static int fail(struct error *error, const char *path, const char *reason)
{
    return error_set(error, ERROR_CONFIG, false, "%s: %s", path, reason);
}

static int read_file(const char *path, gnutls_datum_t *data, struct error *error)
{
    errno = 0;
    int code = gnutls_load_file(path, data);
    if (code == GNUTLS_E_SUCCESS)
        return 0;
    return fail(error, path, errno ? strerror(errno) : gnutls_strerror(code));
}

static void forget(gnutls_datum_t *data)
{
    if (data->data)
        gnutls_memset(data->data, 0, data->size);
    gnutls_free(data->data);
}

/* --- certificate --- */

static void free_list(gnutls_x509_crt_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
}

static int take_certificates(struct tls_snapshot *snapshot, gnutls_x509_crt_t *list, unsigned count)
{
    snapshot->certificates = xcalloc(count, sizeof(*snapshot->certificates));
    int code = gnutls_pcert_import_x509_list(snapshot->certificates, list, &count, 0);
    if (code != GNUTLS_E_SUCCESS)
        return code;
    snapshot->count = count;
    snapshot->expires_ms = (int64_t)gnutls_x509_crt_get_expiration_time(list[0]) * 1000;
    return GNUTLS_E_SUCCESS;
}

static int load_certificate(struct tls_snapshot *snapshot, const char *path, struct error *error)
{
    gnutls_datum_t data;
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    if (read_file(path, &data, error) != 0)
        return -1;
    int code = gnutls_x509_crt_list_import2(&list, &count, &data, GNUTLS_X509_FMT_PEM,
                                            GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    gnutls_free(data.data);
    if (code >= 0) {
        code = take_certificates(snapshot, list, count);
        free_list(list, count);
    }
    return code >= 0 ? 0 : fail(error, path, gnutls_strerror(code));
}

/* --- key --- */

static int load_key(struct tls_snapshot *snapshot, const char *path, struct error *error)
{
    gnutls_datum_t data;
    if (read_file(path, &data, error) != 0)
        return -1;
    ENSURE(gnutls_privkey_init(&snapshot->key) == GNUTLS_E_SUCCESS);
    int code = gnutls_privkey_import_x509_raw(snapshot->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    forget(&data);
    return code == GNUTLS_E_SUCCESS ? 0 : fail(error, path, gnutls_strerror(code));
}

/* False when it cannot be told. */
static bool get_key_id(gnutls_pubkey_t key, unsigned char id[KEY_ID_MAX], size_t *length)
{
    *length = KEY_ID_MAX;
    return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, id, length) == GNUTLS_E_SUCCESS;
}

static int check_pair(const struct tls_snapshot *snapshot, const struct tls_files *files,
                      struct error *error)
{
    unsigned char shown[KEY_ID_MAX], held[KEY_ID_MAX];
    size_t shown_length, held_length;
    gnutls_pubkey_t public_half;
    ENSURE(gnutls_pubkey_init(&public_half) == GNUTLS_E_SUCCESS);
    bool match =
        gnutls_pubkey_import_privkey(public_half, snapshot->key, 0, 0) == GNUTLS_E_SUCCESS &&
        get_key_id(public_half, held, &held_length) &&
        get_key_id(snapshot->certificates[0].pubkey, shown, &shown_length) &&
        held_length == shown_length && memcmp(held, shown, held_length) == 0;
    gnutls_pubkey_deinit(public_half);
    if (match)
        return 0;
    return error_set(error, ERROR_CONFIG, false, "%s: is not the key of the certificate in %s",
                     files->key, files->certificate);
}

/* --- authorities of clients --- */

static int load_authorities(struct tls_snapshot *snapshot, const char *path, struct error *error)
{
    gnutls_datum_t data;
    if (!path || !path[0])
        return 0;
    if (read_file(path, &data, error) != 0)
        return -1;
    ENSURE(gnutls_x509_trust_list_init(&snapshot->client_authorities, 0) == GNUTLS_E_SUCCESS);
    int added = gnutls_x509_trust_list_add_trust_mem(snapshot->client_authorities, &data, NULL,
                                                     GNUTLS_X509_FMT_PEM, 0, 0);
    gnutls_free(data.data);
    if (added > 0)
        return 0;
    return fail(error, path, added < 0 ? gnutls_strerror(added) : "there is no certificate in it");
}

/* --- the whole --- */

struct tls_snapshot *tls_snapshot_load(const struct tls_files *files, struct error *error)
{
    struct tls_snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
    atomic_init(&snapshot->references, 1);
    if (load_certificate(snapshot, files->certificate, error) == 0 &&
        load_key(snapshot, files->key, error) == 0 && check_pair(snapshot, files, error) == 0 &&
        load_authorities(snapshot, files->client_ca, error) == 0)
        return snapshot;
    tls_snapshot_release(snapshot);
    return NULL;
}

struct tls_snapshot *tls_snapshot_acquire(struct tls_snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void tls_snapshot_release(struct tls_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    for (unsigned i = 0; i < snapshot->count; i++)
        gnutls_pcert_deinit(&snapshot->certificates[i]);
    free(snapshot->certificates);
    if (snapshot->key)
        gnutls_privkey_deinit(snapshot->key);
    if (snapshot->client_authorities)
        gnutls_x509_trust_list_deinit(snapshot->client_authorities, 1);
    free(snapshot);
}

int64_t tls_snapshot_expires(const struct tls_snapshot *snapshot)
{
    return snapshot->expires_ms;
}

void tls_snapshot_prepare(const struct tls_snapshot *snapshot, gnutls_session_t session)
{
    if (snapshot->client_authorities)
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
}

void tls_snapshot_retrieve(struct tls_snapshot *snapshot, gnutls_pcert_st **certificates,
                           unsigned *count, gnutls_privkey_t *key)
{
    *certificates = snapshot->certificates;
    *count = snapshot->count;
    *key = snapshot->key;
}

char *tls_snapshot_client_name(const struct tls_snapshot *snapshot, gnutls_session_t session)
{
    if (!snapshot->client_authorities)
        return NULL;
    return tls_client_name(session, snapshot->client_authorities);
}
