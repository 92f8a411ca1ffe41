#include "client/migration/migration.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/migration/copy.h"
#include "client/migration/handover.h"
#include "client/migration/registration.h"
#include "client/migration/run.h"
#include "common/kafka_admin.h"
#include "common/panic.h"

enum { REACH_MS = 15000, ADMIN_MS = 30000 };

static bool never_wait(void)
{
    return true;
}

static void __attribute__((format(printf, 2, 3)))
tell(const struct run *run, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (run->options->progress)
        run->options->progress(line);
}

static int reach(struct partition_reader *reader, const struct config *config, const char *whose,
                 struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(partition_reader_handle(reader), 0, NULL, &metadata, REACH_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        return 0;
    }
    kafka_error(error, code, config->kafka.bootstrap_servers);
    return error_prefix(error, "the Kafka of the %s hub", whose);
}

/* --- reading --- */

/** From here on nobody else migrates, and there is a ledger. */
static int become_writer(struct run *run, struct error *error)
{
    struct kafka_layout layout;
    if (kafka_admin_prepare(run->config, &run->names, never_wait, &layout, error) != 0)
        return -1;
    run->pool_partitions = layout.pool_partitions;
    run->writer = writer_new(run->config, &run->names, layout.partitions, error);
    if (!run->writer)
        return -1;
    return kafka_admin_create_migration(writer_handle(run->writer), run->config, &run->names,
                                        ADMIN_MS, error);
}

static int read_all(struct run *run, struct error *error)
{
    struct migration *migration = run->migration;
    struct partition_reader *old_reader = partition_reader_new(run->old, error);
    int result = old_reader ? reach(old_reader, run->old, "old", error) : -1;
    if (result == 0) {
        tell(run, "reading the old hub");
        result = old_hub_read(old_reader, &migration->old, error);
        if (result != 0)
            error_prefix(error, "the old hub");
    }
    partition_reader_free(old_reader);
    if (result != 0)
        return -1;
    tell(run, "reading what is here");
    if (new_hub_read(run->config, &run->names, !run->options->dry_run, &migration->here, error) !=
        0)
        return -1;
    return new_hub_read_ledger(run->reader, &run->names, &migration->ledger, error);
}

static int check_quiet(const struct run *run, struct error *error)
{
    if (run->migration->old.connected == 0 || run->options->while_running)
        return 0;
    return error_set(error, ERROR_CONFLICT, true,
                     "the old hub is running: consumers of %zu of its subscriptions are connected. "
                     "Stop it, and wait up to a minute until Kafka has noticed",
                     run->migration->old.connected);
}

/* --- doing --- */

static int copy_all(struct run *run, struct error *error)
{
    struct migration *migration = run->migration;
    struct copier *copier = copier_new(run->old, run->writer);
    struct plan_topic *topic, *next;
    size_t number = 0, count = HASH_COUNT(migration->plan.topics);
    int result = 0;
    HASH_ITER(hh, migration->plan.topics, topic, next)
    {
        struct ledger_topic *entry = ledger_find_topic(&migration->ledger, topic->topic);
        number++;
        if (result != 0 || topic->to_copy == 0 || !entry)
            continue;
        tell(run, "copying %" PRId64 " messages of topic %zu of %zu", topic->to_copy, number,
             count);
        int64_t before = entry->copied;
        result = copier_copy(copier, topic, entry, error);
        migration->copied += entry->copied - before;
    }
    if (result == 0)
        result = copier_finish(copier, error);
    copier_free(copier);
    return result;
}

static int do_all(struct run *run, struct error *error)
{
    if (check_quiet(run, error) != 0)
        return -1;
    tell(run, "registering topics");
    if (registration_register(run, error) != 0 || registration_begin_copies(run, error) != 0 ||
        copy_all(run, error) != 0)
        return -1;
    tell(run, "handing subscriptions over");
    if (handover_all(run, error) != 0)
        return -1;
    struct new_hub after = {.dedicated = 0};
    if (new_hub_read(run->config, &run->names, true, &after, error) != 0)
        return -1;
    new_hub_fini(&after);
    run->migration->complete = true;
    return 0;
}

static int run_all(struct run *run, struct error *error)
{
    struct migration *migration = run->migration;
    run->reader = partition_reader_new(run->config, error);
    if (!run->reader || reach(run->reader, run->config, "new", error) != 0)
        return -1;
    if (!run->options->dry_run && become_writer(run, error) != 0)
        return -1;
    if (read_all(run, error) != 0)
        return -1;
    plan_make(&migration->plan, &run->options->plan, run->config, run->keyring, &migration->old,
              &migration->here, &migration->ledger);
    return run->options->dry_run ? 0 : do_all(run, error);
}

int migration_run(struct migration *migration, const struct migration_options *options,
                  const struct config *config, const struct config *old,
                  const struct keyring *keyring, struct error *error)
{
    struct run run = {.migration = migration,
                      .options = options,
                      .config = config,
                      .old = old,
                      .keyring = keyring};
    *migration = (struct migration){.copied = 0};
    kafka_names_init(&run.names, config);
    int result = run_all(&run, error);
    writer_free(run.writer);
    partition_reader_free(run.reader);
    kafka_names_fini(&run.names);
    return result;
}

void migration_fini(struct migration *migration)
{
    plan_fini(&migration->plan);
    ledger_fini(&migration->ledger);
    new_hub_fini(&migration->here);
    old_hub_fini(&migration->old);
}
