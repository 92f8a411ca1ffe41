/* Configuration files: refused with a message, or all in bounds; never a crash, never a leak. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"
#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

/* libconfig 1.5 loses some memory at syntax errors. (test_config sees what we lose.) */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

/** The file in memory, opened again for each input. */
static int file = -1;
static char path[64];

static void open_file(void)
{
    file = memfd_create("config", 0);
    ENSURE(file >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    /* What is tried is the file alone. */
    clearenv();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct config config;
    /* Would read any file of this machine. */
    if (size > 0 && (memmem(data, size, "@include", strlen("@include")) ||
                     memmem(data, size, "file:", strlen("file:"))))
        return 0;
    if (file < 0)
        open_file();
    ENSURE(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    if (config_load(&config, path, &error) == 0) {
        ENSURE(config.hub.port >= 1 && config.hub.port <= 65535);
        ENSURE(config.hub.lease_seconds_min <= config.hub.lease_seconds_default &&
               config.hub.lease_seconds_default <= config.hub.lease_seconds_max);
        ENSURE(config.retry.min_interval >= 1 &&
               config.retry.min_interval <= config.retry.max_interval);
        ENSURE(config.kafka.partitions >= 1 && *config.kafka.bootstrap_servers);
        config_fini(&config);
    } else {
        ENSURE(error.code != ERROR_NONE && *error.message);
    }
    return 0;
}
