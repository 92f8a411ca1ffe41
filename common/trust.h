/**
 * Which certificate authorities vouch for callbacks and for the operator's own services: the
 * system's, as libcurl was built to find them, and the operator's (security.extra_ca_file).
 *
 * libcurl would read the system's certificates anew for every TLS connection: it keeps them only
 * when they are one file, and Debian's libcurl is built to look into a directory as well.
 */
#ifndef WEBSUB_COMMON_TRUST_H
#define WEBSUB_COMMON_TRUST_H

#include <openssl/x509.h>

#include "common/error.h"

struct trust;

/**
 * Reads `extra_ca_file` (PEM; "": none). NULL and ERROR_CONFIG when it cannot be read or holds no
 * certificate. The result is immutable: any thread may use it.
 */
struct trust *trust_new(const char *extra_ca_file, struct error *error);
void trust_free(struct trust *trust);

/**
 * A new store of all of them, to be freed by X509_STORE_free. Blocks while it reads the system's
 * (some milliseconds): make one for each thread, when it is needed. When the system has none, only
 * the extra ones are trusted.
 */
X509_STORE *trust_store_new(const struct trust *trust);

#endif
