#include "common/program.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/clock.h"
#include "common/keyring.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/tls_files.h"

enum { EXIT_GO_ON = -1, EXIT_DONE = 0, EXIT_USAGE = 2 };

enum { OPTION_CHECK = 256, OPTION_PRINT, OPTION_MARKDOWN, OPTION_VERSION };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"print-config", no_argument, NULL, OPTION_PRINT},
    {"print-config-markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

/* Set by the first signal, read and written in the main thread only. */
static bool stop_seen;

/* The main thread's too. */
static struct {
    bool enabled; /* SIGHUP is blocked, and ours to take */
    int count;
    struct {
        void (*run)(void *context);
        void *context;
    } hooks[PROGRAM_RELOADS_MAX];
} reloads;

struct options {
    const char *config_path;
    bool check_only;
};

static void print_help(const char *name, const char *summary)
{
    printf("%s: %s\n"
           "\n"
           "Usage: %s [options]\n"
           "\n"
           "  -c, --config FILE        read the configuration from FILE\n"
           "      --check-config       only check the configuration\n"
           "      --print-config       print every key with its default and meaning, as a\n"
           "                           configuration file\n"
           "      --print-config-markdown\n"
           "                           the same as a page of Markdown\n"
           "  -h, --help               this text\n"
           "      --version            print the version\n"
           "\n"
           "A key that FILE does not set has its default; without FILE, all have. The\n"
           "environment comes before both: WEBSUB_<SECTION>_<KEY>. The defaults are for a\n"
           "try: Kafka at 127.0.0.1:9092, and nobody can connect but from this machine.\n"
           "\n"
           "A hub is three programs, websub-hub, websub-consolidator and websub-dispatcher:\n"
           "one or several of each, with the same Kafka and the same configuration.\n"
           "\n"
           "It runs in the foreground, logs to stderr, and tells how it is at its port: GET\n"
           "/healthz, /readyz, /metrics. SIGTERM or Ctrl-C: it finishes what is under way,\n"
           "and ends; at the second one it ends at once. SIGHUP: it reads its TLS\n"
           "certificate and opens its audit log again.\n"
           "\n"
           "Exit codes: 0 done as asked; 1 failed; 2 bad option or configuration.\n"
           "\n"
           "Examples:\n"
           "  %s --print-config > websub.conf\n"
           "  %s -c websub.conf --check-config\n"
           "  WEBSUB_KAFKA_BOOTSTRAP_SERVERS=kafka-1:9092 %s -c websub.conf\n",
           name, summary, name, name, name, name);
}

static int read_options(int argc, char **argv, const char *name, const char *summary,
                        struct options *options)
{
    int option;
    while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config_path = optarg;
            break;
        case OPTION_CHECK:
            options->check_only = true;
            break;
        case OPTION_PRINT:
            config_print_reference(stdout);
            return EXIT_DONE;
        case OPTION_MARKDOWN:
            config_print_markdown(stdout);
            return EXIT_DONE;
        case 'h':
            print_help(name, summary);
            return EXIT_DONE;
        case OPTION_VERSION:
            printf("%s %s\n", name, WEBSUB_VERSION);
            return EXIT_DONE;
        default: /* getopt has said what is wrong */
            fprintf(stderr, "Try '%s --help'.\n", name);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\nTry '%s --help'.\n", name, argv[optind],
                name);
        return EXIT_USAGE;
    }
    return EXIT_GO_ON;
}

static int load_config(const struct options *options, program_check_fn check, struct config *config,
                       struct error *error)
{
    if (config_load(config, options->config_path, error) != 0)
        return -1;
    /* Files and keys that all programs use, and then what only this one does. */
    if (keyring_check_config(config, error) != 0 || tls_files_check(config, error) != 0 ||
        (check && check(config, error) != 0)) {
        config_fini(config);
        return -1;
    }
    return 0;
}

/* Thousands of connections need more than the usual soft limit of 1024 files. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("program.file_limit", LOG_STR("error", strerror(errno)));
}

static void fill_stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

static void set_up_signals(void)
{
    sigset_t set;
    fill_stop_signals(&set);
    sigaddset(&set, SIGHUP);
    reloads.enabled = true;
    ENSURE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    ENSURE(sigaction(SIGPIPE, &ignore, NULL) == 0);
}

int program_start(int argc, char **argv, const char *name, const char *summary,
                  program_check_fn check, struct config *config)
{
    struct options options = {0};
    int code = read_options(argc, argv, name, summary, &options);
    if (code != EXIT_GO_ON)
        return code;

    struct error error;
    if (load_config(&options, check, config, &error) != 0) {
        fprintf(stderr, "%s: %s\n", name, error.message);
        return EXIT_USAGE;
    }
    if (options.check_only) {
        printf("%s: the configuration is valid\n", name);
        config_fini(config);
        return EXIT_DONE;
    }
    log_init(name, config->log.level, config->log.format);
    if (audit_open(config, &error) != 0) {
        fprintf(stderr, "%s: %s\n", name, error.message);
        config_fini(config);
        return EXIT_USAGE;
    }
    raise_file_limit();
    set_up_signals();
    return EXIT_GO_ON;
}

static void end_at_once(int signal_number)
{
    (void)signal_number;
    _exit(1);
}

/* From here on a signal ends the process: somebody is tired of waiting for the graceful stop. */
static void arm_second_signal(void)
{
    struct sigaction action = {.sa_handler = end_at_once};
    ENSURE(sigaction(SIGTERM, &action, NULL) == 0);
    ENSURE(sigaction(SIGINT, &action, NULL) == 0);
    sigset_t set;
    fill_stop_signals(&set);
    ENSURE(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
}

void program_on_reload(void (*reload)(void *context), void *context)
{
    ENSURE(reloads.count < PROGRAM_RELOADS_MAX);
    reloads.hooks[reloads.count].run = reload;
    reloads.hooks[reloads.count].context = context;
    reloads.count++;
}

static void reload(void)
{
    log_info("program.reload");
    audit_reopen();
    for (int i = 0; i < reloads.count; i++)
        reloads.hooks[i].run(reloads.hooks[i].context);
}

/* Waits for a stop signal; false when the time was up or another signal interrupted. */
static bool wait_for_signal(const sigset_t *set, int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    int got = sigtimedwait(set, NULL, wait_ms < 0 ? NULL : &wait);
    ENSURE(got > 0 || errno == EAGAIN || errno == EINTR);
    if (got == SIGHUP)
        reload();
    return got > 0 && got != SIGHUP;
}

bool program_wait_for_stop(int timeout_ms)
{
    if (stop_seen)
        return true;
    sigset_t set;
    fill_stop_signals(&set);
    if (reloads.enabled)
        sigaddset(&set, SIGHUP);
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    int64_t left = timeout_ms;
    while (!wait_for_signal(&set, left)) {
        if (timeout_ms < 0)
            continue;
        left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return false;
    }
    stop_seen = true;
    arm_second_signal();
    return true;
}
