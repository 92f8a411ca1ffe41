/**
 * The certificate of a TLS server, which is read again when its files change. What was read last
 * and was good is in use: files that are missing, half written, or do not belong together change
 * nothing but a line in the log. All functions may be called from any thread.
 */
#ifndef WEBSUB_COMMON_TLS_CERTIFICATE_H
#define WEBSUB_COMMON_TLS_CERTIFICATE_H

#include "common/error.h"
#include "common/tls_snapshot.h"

/** TLS 1.3 and 1.2 with forward secrecy and authenticated encryption. */
#define TLS_PRIORITIES                                                                             \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-AES-256-CBC:"                \
    "%SERVER_PRECEDENCE"

struct tls_certificate;

/** Reads the files, and copies their paths. @returns NULL as tls_snapshot_load */
struct tls_certificate *tls_certificate_new(const struct tls_files *files, struct error *error);
/** References that others hold stay good. NULL is fine. */
void tls_certificate_free(struct tls_certificate *certificate);

/** What is in use; the caller's reference. Never blocks on files. */
struct tls_snapshot *tls_certificate_current(struct tls_certificate *certificate);

/**
 * To be called from time to time, about once a second: reads the files again if they have changed
 * since they were last read, and have not since the last call, so that whoever replaces them one
 * after the other may take a moment. Blocks on the files.
 */
void tls_certificate_check(struct tls_certificate *certificate);
/** Reads them now, changed or not. */
void tls_certificate_reload(struct tls_certificate *certificate);

#endif
