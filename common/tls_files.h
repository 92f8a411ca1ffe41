/** Where a TLS server's certificate is, by the configuration. */
#ifndef WEBSUB_COMMON_TLS_FILES_H
#define WEBSUB_COMMON_TLS_FILES_H

#include "common/config.h"
#include "common/error.h"

/** Paths of PEM files. */
struct tls_files {
    const char *certificate; /**< the server's, then those between it and its authority; NULL or "":
                                no TLS */
    const char *key;         /**< not encrypted */
    const char *client_ca;   /**< authorities of clients; NULL or "": clients are not asked */
};

/** Of section security; the strings are the configuration's. */
struct tls_files tls_files_of(const struct config *config);

/** Whether the configured files can be used, for checking a configuration; blocks on them. Without
 * TLS they can. */
int tls_files_check(const struct config *config, struct error *error);

#endif
