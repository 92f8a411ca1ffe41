/* websub: the command line of publishers, subscribers and operators. */
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/options.h"

static const struct subcommand subcommands[] = {
    {
        .name = "register",
        .arguments = "",
        .summary = "make a topic known to the hub, as its publisher",
        .options = {OPTION_HUB, OPTION_CA_FILE, OPTION_TOKEN_FILE, OPTION_USER_FILE, OPTION_TOPIC},
        .run = command_register,
        .text = "Example:\n"
                "  websub register --topic partner-1/CREDENTIAL_ISSUED\n",
    },
    {
        .name = "deregister",
        .arguments = "",
        .summary = "end a topic and all of its subscriptions, as its publisher",
        .options = {OPTION_HUB, OPTION_CA_FILE, OPTION_TOKEN_FILE, OPTION_USER_FILE, OPTION_TOPIC},
        .run = command_deregister,
        .text = "The hub tells the subscribers that their subscriptions have ended.\n"
                "\n"
                "Example:\n"
                "  websub deregister --topic partner-1/CREDENTIAL_ISSUED\n",
    },
    {
        .name = "publish",
        .arguments = "",
        .summary = "send a message to all subscribers of a topic",
        .options = {OPTION_HUB, OPTION_CA_FILE, OPTION_TOKEN_FILE, OPTION_USER_FILE, OPTION_TOPIC,
                    OPTION_TYPE, OPTION_DATA, OPTION_FILE},
        .run = command_publish,
        .text = "Without --data and --file the message is read from standard input. It is\n"
                "delivered byte for byte. Prints the id of the message, once the hub has it for\n"
                "good.\n"
                "\n"
                "Examples:\n"
                "  websub publish --topic news --data 'Hello!'\n"
                "  websub publish --topic http://example.com/feed --type application/atom+xml \\\n"
                "      --file feed.xml\n",
    },
    {
        .name = "subscribe",
        .arguments = "",
        .summary = "subscribe to a topic, and print what arrives",
        .options = {OPTION_HUB, OPTION_CA_FILE, OPTION_TOKEN_FILE, OPTION_USER_FILE, OPTION_TOPIC,
                    OPTION_SECRET_FILE, OPTION_SECRET, OPTION_LEASE, OPTION_LISTEN, OPTION_CALLBACK,
                    OPTION_NO_LISTEN, OPTION_COUNT, OPTION_TIMEOUT, OPTION_EXPECT_TYPE,
                    OPTION_EXPECT_FILE, OPTION_KEEP, OPTION_JSON},
        .run = command_subscribe,
        .text = "The hub first asks back at the callback whether the subscription is wanted; this\n"
                "program confirms only what it asked for. Then it prints each message that the\n"
                "hub delivers. With a secret, messages without a valid signature are shown as\n"
                "such and refused (403). The subscription is renewed before it ends, and ended\n"
                "when this program ends (Ctrl-C).\n"
                "\n"
                "A hub calls no addresses of a private network unless its operator allows them:\n"
                "for 127.0.0.1, the dispatcher needs\n"
                "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS=127.0.0.0/8.\n"
                "\n"
                "Examples:\n"
                "  websub subscribe --topic news\n"
                "  websub subscribe --topic news --secret-file secret.txt --count 1 --timeout 60\n"
                "  websub subscribe --topic news --listen 0.0.0.0:8080 \\\n"
                "      --callback https://my.example.com/hooks/websub-5f1c\n",
    },
    {
        .name = "unsubscribe",
        .arguments = "",
        .summary = "end a subscription",
        .options = {OPTION_HUB, OPTION_CA_FILE, OPTION_TOKEN_FILE, OPTION_USER_FILE, OPTION_TOPIC,
                    OPTION_CALLBACK, OPTION_LISTEN, OPTION_NO_LISTEN, OPTION_TIMEOUT},
        .run = command_unsubscribe,
        .text = "The hub asks back at the callback whether this is wanted. This program listens\n"
                "there and confirms; with --no-listen, the program that listens there must.\n"
                "\n"
                "Example:\n"
                "  websub unsubscribe --topic news --callback http://127.0.0.1:8080/callback\n",
    },
    {
        .name = "health",
        .arguments = "URL",
        .summary = "tell whether a program of the suite is well, for containers",
        .options = {OPTION_CA_FILE, OPTION_ANY_CERTIFICATE},
        .min_arguments = 1,
        .max_arguments = 1,
        .run = command_health,
        .text = "Examples:\n"
                "  websub health http://127.0.0.1:9191/readyz\n"
                "  websub health --any-certificate https://127.0.0.1:9191/readyz\n",
        .exit_codes =
            "Exit codes: 0 the URL was answered with 2xx within three seconds; 2 bad option\n"
            "or argument; 3 it was not, for a reason that stderr has.\n",
    },
    {
        .name = "id",
        .arguments = "TOPIC [CALLBACK]",
        .summary = "print the ids and Kafka names of a topic and a subscription",
        .options = {OPTION_CONFIG},
        .min_arguments = 1,
        .max_arguments = 2,
        .run = command_id,
        .text = "Computed, not looked up: whether they exist is not known here.\n"
                "\n"
                "Example:\n"
                "  websub id partner-1/CREDENTIAL_ISSUED http://127.0.0.1:8080/callback\n",
        .exit_codes = "Exit codes: 0 done; 2 bad option, argument or configuration.\n",
    },
    {
        .name = "migrate-mosip",
        .arguments = "",
        .summary = "move topics and subscriptions from MOSIP's hub to this one",
        .options = {OPTION_SUITE_CONFIG, OPTION_DRY_RUN, OPTION_REPORT_JSON, OPTION_OLD_SERVERS,
                    OPTION_OLD_PROPERTIES, OPTION_OLD_KEY, OPTION_UNCOMMITTED, OPTION_NEW_LEASE,
                    OPTION_WHILE_RUNNING},
        .run = command_migrate_mosip,
        .text = "Reads what MOSIP's hub and consolidator keep in Kafka, and registers the same\n"
                "topics and subscriptions here. Each subscriber continues with its next message,\n"
                "without being asked whether it wants to; what it has not confirmed is copied.\n"
                "The old Kafka topics stay as they are. Run it again whenever it did not end\n"
                "well: it goes on where it was, and what is done it does not touch again.\n"
                "\n"
                "Stop the old hub before, and run this suite's consolidator. The plan for a\n"
                "cut-over, and what Kafka must allow, are in docs/migrating-from-mosip.md.\n"
                "\n"
                "Example:\n"
                "  websub migrate-mosip --config websub.conf --old-key-file mosip.key --dry-run\n",
        .exit_codes =
            "Exit codes: 0 done; 1 failed, or something was left out; 2 bad option or\n"
            "configuration; 3 Kafka or the consolidator does not answer, or the old hub is\n"
            "running: later it may work.\n",
    },
};

enum { SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(subcommands[0]) };

static void print_help(FILE *out)
{
    fputs("websub: publish to and subscribe at a WebSub hub\n"
          "\n"
          "Usage: websub COMMAND [options]\n"
          "\n",
          out);
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        fprintf(out, "  %-13s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\n"
          "'websub COMMAND --help' explains one. 'websub --version' prints the version.\n"
          "Hub, consolidator and dispatcher are programs of their own: 'websub-hub --help'.\n"
          "\n"
          "Try it, with a hub on this machine:\n"
          "  websub register --topic news\n"
          "  websub subscribe --topic news            (in another terminal)\n"
          "  websub publish --topic news --data 'Hello!'\n"
          "\n",
          out);
    fputs(options_exit_codes, out);
}

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

static int run(const struct subcommand *subcommand, int argc, char **argv)
{
    struct command_options options;
    int code = options_read(subcommand, argc, argv, &options);
    if (code == -1)
        code = subcommand->run(&options);
    options_fini(&options);
    return code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool asks_help =
        strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
    if (asks_help && argc == 3 && find_subcommand(argv[2])) {
        options_print_help(stdout, find_subcommand(argv[2]));
        return COMMAND_DONE;
    }
    if (asks_help) {
        print_help(stdout);
        return COMMAND_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("websub " WEBSUB_VERSION);
        return COMMAND_DONE;
    }
    if (!name[0]) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    const struct subcommand *subcommand = find_subcommand(name);
    if (!subcommand)
        return command_refuse_usage("there is no command '%s'; see 'websub --help'", name);
    return run(subcommand, argc - 1, argv + 1);
}
