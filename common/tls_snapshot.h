/**
 * What a TLS server shows and believes, as its files were at one moment: certificate, key, and the
 * authorities of client certificates. Never changes; shared by counting references. All functions
 * may be called from any thread.
 */
#ifndef WEBSUB_COMMON_TLS_SNAPSHOT_H
#define WEBSUB_COMMON_TLS_SNAPSHOT_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/tls_files.h"

struct tls_snapshot;

/**
 * Reads the files; blocks on them. @returns NULL (ERROR_CONFIG) when one cannot be read or used, or
 * when the key is not that of the certificate; else the caller's reference.
 */
struct tls_snapshot *tls_snapshot_load(const struct tls_files *files, struct error *error);
struct tls_snapshot *tls_snapshot_acquire(struct tls_snapshot *snapshot);
/** NULL is fine. */
void tls_snapshot_release(struct tls_snapshot *snapshot);

/** When the server's certificate ends: wall clock, milliseconds. */
int64_t tls_snapshot_expires(const struct tls_snapshot *snapshot);

/** Prepares a session that has not begun its handshake: asks for a client certificate, if there are
 * authorities. A client without one is welcome all the same. */
void tls_snapshot_prepare(const struct tls_snapshot *snapshot, gnutls_session_t session);

/** For GnuTLS' callback of that name; what it gets is borrowed for as long as the caller holds a
 * reference. */
void tls_snapshot_retrieve(struct tls_snapshot *snapshot, gnutls_pcert_st **certificates,
                           unsigned *count, gnutls_privkey_t *key);

/**
 * Who the client is, according to the certificate that it showed, if that is good now: signed by
 * one of the authorities through what it sent along, within its time, and made for TLS clients. Its
 * common name if it has exactly one, else its subject as of RFC 4514.
 *
 * @returns the caller's to free; NULL when there is none, or none that is good, or when its name is
 *          not text (control characters, NUL, an encoding other than UTF-8 or ASCII)
 */
char *tls_snapshot_client_name(const struct tls_snapshot *snapshot, gnutls_session_t session);

#endif
