/** Inside of a migration: what its steps share. */
#ifndef WEBSUB_CLIENT_MIGRATION_RUN_H
#define WEBSUB_CLIENT_MIGRATION_RUN_H

#include "client/migration/migration.h"
#include "client/migration/writer.h"

struct run {
    struct migration *migration;
    const struct migration_options *options;
    const struct config *config, *old;
    const struct keyring *keyring;
    struct kafka_names names;
    int32_t pool_partitions;
    struct partition_reader *reader; /**< of the new Kafka */
    struct writer *writer;           /**< NULL: a dry run */
};

#endif
