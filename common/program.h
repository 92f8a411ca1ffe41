/**
 * What the three programs' main functions share: options, limits, signals.
 *
 *   -c FILE, --config FILE   configuration file          --check-config   check and exit 0 or 2
 *   --print-config           every key, and exit         --print-config-markdown
 *   -h, --help               --version
 */
#ifndef WEBSUB_COMMON_PROGRAM_H
#define WEBSUB_COMMON_PROGRAM_H

#include <stdbool.h>

#include "common/config.h"

/** Decides whether the loaded configuration makes sense for this program; NULL when nothing to
 * check. */
typedef int (*program_check_fn)(const struct config *config, struct error *error);

/**
 * Handles the options; loads and checks the configuration; starts the log; raises the limit of open
 * files to the hard limit; ignores SIGPIPE; blocks SIGTERM, SIGINT and SIGHUP in this and all
 * later threads.
 *
 * Call first in main, before there are threads. When it returns -1, `*config` is the caller's to
 * free (config_fini); else it holds nothing.
 *
 * @returns -1 when the program shall go on, else the exit code (0: done as asked; 2: bad option or
 *          configuration, explained on stderr).
 */
int program_start(int argc, char **argv, const char *name, const char *summary,
                  program_check_fn check, struct config *config);

/**
 * Has `reload` called with `context` at each SIGHUP, after those that were registered before: for
 * what can be read or opened again without a restart. (The audit log is, in any case.) It is called
 * by program_wait_for_stop, while that has not returned true; `context` must live until then. At
 * most PROGRAM_RELOADS_MAX.
 * @locality main thread
 */
void program_on_reload(void (*reload)(void *context), void *context);

#define PROGRAM_RELOADS_MAX 8

/**
 * Waits up to `timeout_ms` (-1: for ever) for SIGTERM or SIGINT; true when one came. A second
 * signal after that ends the process at once with exit code 1. Once true, it returns true at once.
 * Meanwhile it answers each SIGHUP as program_on_reload says. In a process without program_start,
 * SIGHUP is left alone.
 * @locality main thread
 */
bool program_wait_for_stop(int timeout_ms);

#endif
