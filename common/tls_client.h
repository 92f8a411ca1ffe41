/** Who the client of a TLS session is, by its certificate. */
#ifndef WEBSUB_COMMON_TLS_CLIENT_H
#define WEBSUB_COMMON_TLS_CLIENT_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/** As tls_snapshot_client_name. That the client has the certificate's key, the handshake proved. */
char *tls_client_name(gnutls_session_t session, gnutls_x509_trust_list_t authorities);

#endif
