/** A server's certificate, its key and the authorities of its clients as files. */
#ifndef WEBSUB_TESTS_UNIT_CERTIFICATE_FILES_H
#define WEBSUB_TESTS_UNIT_CERTIFICATE_FILES_H

#include <stdlib.h>
#include <unistd.h>

#include "common/tls_files.h"
#include "tests/unit/certificates.h"

struct certificate_files {
    char directory[64];
    char certificate[96], key[96], client_ca[96];
};

static inline void certificate_files_init(struct certificate_files *files)
{
    snprintf(files->directory, sizeof(files->directory), "/tmp/websub-test-XXXXXX");
    assert_non_null(mkdtemp(files->directory));
    snprintf(files->certificate, sizeof(files->certificate), "%s/certificate.pem",
             files->directory);
    snprintf(files->key, sizeof(files->key), "%s/key.pem", files->directory);
    snprintf(files->client_ca, sizeof(files->client_ca), "%s/ca.pem", files->directory);
}

static inline void certificate_files_fini(struct certificate_files *files)
{
    unlink(files->certificate);
    unlink(files->key);
    unlink(files->client_ca);
    rmdir(files->directory);
}

static inline struct tls_files certificate_files_paths(const struct certificate_files *files,
                                                       bool ask_clients)
{
    return (struct tls_files){files->certificate, files->key,
                              ask_clients ? files->client_ca : NULL};
}

static inline void certificate_files_put(const struct certificate_files *files,
                                         const struct identity *identity)
{
    identity_write(identity, files->certificate);
    identity_write_key(identity, files->key);
}

static inline void certificate_files_put_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#endif
