/* websub-devbroker: an in-memory Kafka broker for trying the suite out and for tests. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/program.h"
#include "deploy/devbroker/broker.h"

#define PROGRAM "websub-devbroker"

enum { EXIT_GO_ON = -1, EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum { DEFAULT_PORT = 9092 };

static const char help[] =
    PROGRAM ": an in-memory Kafka broker for trying the suite out\n"
            "\n"
            "Usage: " PROGRAM " [options]\n"
            "\n"
            "      --port N              listen on 127.0.0.1 and this port; 0: any free one\n"
            "                            (default: 9092)\n"
            "      --address-file FILE   write host:port to FILE when ready, and remove it at\n"
            "                            the end\n"
            "  -c, --config FILE         the programs' configuration: names and partitions of\n"
            "                            the topics are taken from it\n"
            "  -h, --help                this text\n"
            "      --version             print the version\n"
            "\n"
            "Prints the address when ready, and runs until SIGTERM or Ctrl-C.\n"
            "\n"
            "It is librdkafka's mock cluster: it forgets everything when it ends, keeps at\n"
            "most 5 MB or 100,000 messages a partition, does not compact, and hands messages\n"
            "on up to half a second late. For anything that matters, run Apache Kafka.\n"
            "\n"
            "Exit codes: 0 stopped as asked; 1 failed; 2 bad option or configuration.\n"
            "\n"
            "Example:\n"
            "  " PROGRAM " --port 0 --address-file broker.address\n";

struct options {
    uint16_t port;
    const char *config_path;
    const char *address_path;
};

static int parse_port(const char *text, uint16_t *port)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end || text[0] == '-' || value > UINT16_MAX)
        return -1;
    *port = (uint16_t)value;
    return 0;
}

static int refuse_usage(const char *message, const char *argument)
{
    fprintf(stderr, PROGRAM ": %s '%s'\nTry '" PROGRAM " --help'.\n", message, argument);
    return EXIT_USAGE;
}

static int read_options(int argc, char **argv, struct options *options)
{
    enum { OPTION_PORT = 256, OPTION_ADDRESS_FILE, OPTION_VERSION };
    static const struct option long_options[] = {
        {"port", required_argument, NULL, OPTION_PORT},
        {"address-file", required_argument, NULL, OPTION_ADDRESS_FILE},
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_PORT:
            if (parse_port(optarg, &options->port) != 0)
                return refuse_usage("--port: expected a number from 0 to 65535, not", optarg);
            break;
        case OPTION_ADDRESS_FILE:
            options->address_path = optarg;
            break;
        case 'c':
            options->config_path = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return EXIT_DONE;
        case OPTION_VERSION:
            puts(PROGRAM " " WEBSUB_VERSION);
            return EXIT_DONE;
        default: /* getopt has said what is wrong */
            fputs("Try '" PROGRAM " --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    return optind < argc ? refuse_usage("unexpected argument", argv[optind]) : EXIT_GO_ON;
}

/* Blocked before any thread exists, so that program_wait_for_stop gets them. */
static void block_stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ENSURE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

/* By renaming, so that who waits for the file never reads half of it. */
static int write_address(const char *path, const char *address, struct error *error)
{
    char *temporary = xasprintf("%s.%ld", path, (long)getpid());
    FILE *file = fopen(temporary, "w");
    bool written = file && fprintf(file, "%s\n", address) > 0;
    if (file && fclose(file) != 0)
        written = false;
    int result = 0;
    if (!written || rename(temporary, path) != 0) {
        result =
            error_set(error, ERROR_CONFIG, false, "cannot write %s: %s", path, strerror(errno));
        if (file)
            unlink(temporary);
    }
    free(temporary);
    return result;
}

static int serve(const struct broker *broker, const struct options *options, struct error *error)
{
    const char *address = broker_address(broker);
    if (options->address_path && write_address(options->address_path, address, error) != 0)
        return -1;
    printf(PROGRAM ": ready at %s\n", address);
    fflush(stdout);
    program_wait_for_stop(-1);
    if (options->address_path)
        unlink(options->address_path);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = {.port = DEFAULT_PORT};
    struct config config;
    struct error error;
    int code = read_options(argc, argv, &options);
    if (code != EXIT_GO_ON)
        return code;
    if (config_load(&config, options.config_path, &error) != 0) {
        fprintf(stderr, PROGRAM ": %s\n", error.message);
        return EXIT_USAGE;
    }
    log_init(PROGRAM, config.log.level, config.log.format);
    block_stop_signals();

    struct broker *broker = broker_new(&config, options.port, &error);
    code = broker && serve(broker, &options, &error) == 0 ? EXIT_DONE : EXIT_FAILED;
    if (code != EXIT_DONE)
        fprintf(stderr, PROGRAM ": %s\n", error.message);
    broker_free(broker);
    config_fini(&config);
    return code;
}
