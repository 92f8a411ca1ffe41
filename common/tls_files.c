#include "common/tls_files.h"

#include "common/tls_snapshot.h"

struct tls_files tls_files_of(const struct config *config)
{
    return (struct tls_files){config->security.tls_certificate_file, config->security.tls_key_file,
                              config->security.client_ca_file};
}

int tls_files_check(const struct config *config, struct error *error)
{
    struct tls_files files = tls_files_of(config);
    if (!files.certificate[0])
        return 0;
    struct tls_snapshot *snapshot = tls_snapshot_load(&files, error);
    tls_snapshot_release(snapshot);
    return snapshot ? 0
                    : error_prefix(error, "security.tls_certificate_file and what belongs to it");
}
