#include "common/tls_client.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/panic.h"
#include "common/utf8.h"

enum { CHAIN_MAX = 16 };

/* At least 112 bits: RSA from 2048 on, no SHA-1. */
static const unsigned strength = GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);

static bool is_good(gnutls_x509_crt_t *chain, unsigned count, gnutls_x509_trust_list_t authorities)
{
    unsigned status = 0;
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    int code = gnutls_x509_trust_list_verify_crt2(authorities, chain, count, &purpose, 1, strength,
                                                  &status, NULL);
    return code == GNUTLS_E_SUCCESS && status == 0;
}

/* Whatever else is in it might be read differently by those who compare or print it. */
static bool is_text(const char *name, size_t length)
{
    return length > 0 && !memchr(name, '\0', length) && utf8_valid(name, length) &&
           !utf8_has_control(name, length);
}

static bool is_common_name(const gnutls_x509_ava_st *field)
{
    const char *oid = (const char *)field->oid.data; /* in digits; its size may count a NUL */
    size_t length = strnlen(oid, field->oid.size);
    return length == strlen(GNUTLS_OID_X520_COMMON_NAME) &&
           memcmp(oid, GNUTLS_OID_X520_COMMON_NAME, length) == 0;
}

/* How many there are; `*found` is one of them. */
static unsigned find_common_names(gnutls_x509_dn_t subject, gnutls_x509_ava_st *found)
{
    unsigned count = 0;
    gnutls_x509_ava_st field;
    for (int i = 0; gnutls_x509_dn_get_rdn_ava(subject, i, 0, &field) == GNUTLS_E_SUCCESS; i++)
        for (int j = 0; gnutls_x509_dn_get_rdn_ava(subject, i, j, &field) == GNUTLS_E_SUCCESS; j++)
            if (is_common_name(&field)) {
                *found = field;
                count++;
            }
    return count;
}

/* As it is, not as gnutls_x509_crt_get_dn_by_oid would escape it. */
static char *read_text(const gnutls_x509_ava_st *field)
{
    enum { UTF8_STRING = 12, PRINTABLE_STRING = 19, IA5_STRING = 22 }; /* X.680 8.4 */
    const char *text = (const char *)field->value.data;
    size_t length = field->value.size;
    bool known = field->value_tag == UTF8_STRING || field->value_tag == PRINTABLE_STRING ||
                 field->value_tag == IA5_STRING;
    return known && is_text(text, length) ? xstrndup(text, length) : NULL;
}

static char *read_subject(gnutls_x509_crt_t certificate)
{
    gnutls_datum_t name;
    if (gnutls_x509_crt_get_dn3(certificate, &name, 0) != GNUTLS_E_SUCCESS)
        return NULL;
    char *copy = is_text((char *)name.data, name.size) ? xstrdup((char *)name.data) : NULL;
    gnutls_free(name.data);
    return copy;
}

static char *read_name(gnutls_x509_crt_t certificate)
{
    gnutls_x509_dn_t subject;
    gnutls_x509_ava_st common_name;
    if (gnutls_x509_crt_get_subject(certificate, &subject) != GNUTLS_E_SUCCESS)
        return NULL;
    bool one = find_common_names(subject, &common_name) == 1;
    return one ? read_text(&common_name) : read_subject(certificate);
}

static unsigned import_chain(gnutls_x509_crt_t *chain, const gnutls_datum_t *peers, unsigned count)
{
    unsigned imported = 0;
    while (imported < count) {
        ENSURE(gnutls_x509_crt_init(&chain[imported]) == GNUTLS_E_SUCCESS);
        if (gnutls_x509_crt_import(chain[imported], &peers[imported], GNUTLS_X509_FMT_DER) !=
            GNUTLS_E_SUCCESS) {
            gnutls_x509_crt_deinit(chain[imported]);
            break;
        }
        imported++;
    }
    return imported;
}

char *tls_client_name(gnutls_session_t session, gnutls_x509_trust_list_t authorities)
{
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned count = 0;
    char *name = NULL;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
    if (!peers || count == 0 || count > CHAIN_MAX)
        return NULL;
    unsigned imported = import_chain(chain, peers, count);
    if (imported == count && is_good(chain, count, authorities))
        name = read_name(chain[0]);
    for (unsigned i = 0; i < imported; i++)
        gnutls_x509_crt_deinit(chain[i]);
    return name;
}
