#include "client/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

#define DEFAULT_HUB "http://127.0.0.1:9191/hub"

static const int go_on = -1;

const char options_exit_codes[] =
    "Exit codes: 0 done; 1 refused by the hub, or failed here; 2 bad option or\n"
    "argument; 3 the hub does not answer or cannot do it now, later it may;\n"
    "4 --timeout passed.\n";

enum { MAX_CREDENTIAL = 8192 }; /* bytes; hubs take no more */

struct option_spec {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *meaning;  /* the printer breaks it into lines */
};

static const struct option_spec specs[] = {
    [OPTION_HUB] = {"hub", "URL", "the hub (default: " DEFAULT_HUB ")"},
    [OPTION_TOKEN_FILE] = {"token-file", "FILE",
                           "who you are, to the hub: the bearer token in FILE (or "
                           "WEBSUB_TOKEN_FILE in the environment)"},
    [OPTION_USER_FILE] = {"user-file", "FILE",
                          "the same with \"name:password\" in FILE (WEBSUB_USER_FILE)"},
    [OPTION_CA_FILE] = {"ca-file", "FILE",
                        "PEM file with the authorities that the hub's certificate may be signed "
                        "by, instead of the system's"},
    [OPTION_ANY_CERTIFICATE] = {"any-certificate", NULL,
                                "do not look at the certificate: only whether there is an answer"},
    [OPTION_TOPIC] = {"topic", "TOPIC", "the topic: a URL or any other name (required)"},
    [OPTION_CALLBACK] =
        {"callback", "URL",
         "where the hub reaches the subscriber; needed when that is not the address of --listen"},
    [OPTION_LISTEN] = {"listen", "ADDRESS:PORT",
                       "where to listen for the hub; port 0 is any free one (default: 127.0.0.1:0, "
                       "or what --callback says)"},
    [OPTION_NO_LISTEN] = {"no-listen", NULL, "only ask: another program answers at the callback"},
    [OPTION_TYPE] = {"type", "TYPE",
                     "Content-Type of the message (default: text/plain; charset=utf-8 with --data, "
                     "else application/octet-stream)"},
    [OPTION_DATA] = {"data", "STRING", "the message"},
    [OPTION_FILE] = {"file", "FILE", "read the message from FILE; - is standard input"},
    [OPTION_SECRET_FILE] =
        {"secret-file", "FILE",
         "deliveries shall be signed with the secret in FILE (a line end after it does not count)"},
    [OPTION_SECRET] = {"secret", "SECRET",
                       "the same on the command line, where other users of this machine may see "
                       "it; better is WEBSUB_SECRET in the environment"},
    [OPTION_LEASE] = {"lease", "SECONDS", "how long the subscription shall last; the hub decides"},
    [OPTION_COUNT] = {"count", "N", "end with success after N good deliveries"},
    [OPTION_TIMEOUT] = {"timeout", "SECONDS", "end at the latest then"},
    [OPTION_EXPECT_FILE] = {"expect-file", "FILE",
                            "a delivery is good only if its body is FILE byte for byte"},
    [OPTION_EXPECT_TYPE] = {"expect-type", "TYPE",
                            "a delivery is good only if this is its Content-Type"},
    [OPTION_KEEP] = {"keep", NULL,
                     "do not unsubscribe at the end: the hub keeps the messages for the next one "
                     "with the same --callback"},
    [OPTION_JSON] = {"json", NULL, "print each delivery as one line of JSON"},
    [OPTION_CONFIG] = {"config", "FILE",
                       "the suite's configuration, for prefix and partitions (WEBSUB_KAFKA_... in "
                       "the environment count too)"},
    [OPTION_DRY_RUN] = {"dry-run", NULL, "only report what would be done"},
    [OPTION_WHILE_RUNNING] = {"while-running", NULL,
                              "although the old hub's consumers are connected: subscribers may "
                              "then get messages from both hubs"},
    [OPTION_OLD_SERVERS] =
        {"old-servers", "HOSTS",
         "bootstrap servers of the old hub's Kafka, if it is another one than this suite's"},
    [OPTION_OLD_PROPERTIES] = {"old-properties", "FILE",
                               "how to reach it: librdkafka's properties, one name=value a line "
                               "(default without --old-servers: kafka.properties)"},
    [OPTION_OLD_KEY] = {"old-key-file", "FILE",
                        "the old hub's HUB_SECRET_ENCRYPTION_KEY (default: the key with the id "
                        "mosip of security.secret_keys)"},
    [OPTION_UNCOMMITTED] = {"uncommitted", "end|start",
                            "where a subscription continues that never confirmed a message: at the "
                            "end, as it would there (default), or with all that is retained"},
    [OPTION_NEW_LEASE] = {"lease", "SECONDS",
                          "the lease of all, from now on, instead of what each asked for"},
    [OPTION_REPORT_JSON] = {"json", NULL, "print the report as JSON, with all subscriptions"},
    [OPTION_SUITE_CONFIG] =
        {"config", "FILE", "this suite's configuration (WEBSUB_... in the environment count too)"},
};

enum { INDENT = 27, WIDTH = 80 };

/** As many words as fit into a line; at least one. */
static size_t line_length(const char *text)
{
    size_t fits = 0, end = 0;
    while (text[end] && (fits == 0 || end <= WIDTH - INDENT)) {
        end += strcspn(text + end, " ");
        if (fits == 0 || end <= WIDTH - INDENT)
            fits = end;
        end += text[end] == ' ';
    }
    return fits;
}

static void print_option(FILE *out, const struct option_spec *spec)
{
    char left[64];
    snprintf(left, sizeof(left), "--%s%s%s", spec->name, spec->argument ? " " : "",
             spec->argument ? spec->argument : "");
    fprintf(out, "  %-*s", INDENT - 2, left);
    for (const char *line = spec->meaning; *line;) {
        size_t length = line_length(line);
        fprintf(out, "%*s%.*s\n", line == spec->meaning ? 0 : INDENT, "", (int)length, line);
        line += length + (line[length] == ' ');
    }
}

void options_print_help(FILE *out, const struct subcommand *subcommand)
{
    fprintf(out, "websub %s: %s\n\nUsage: websub %s [options]%s%s\n\n", subcommand->name,
            subcommand->summary, subcommand->name, subcommand->arguments[0] ? " " : "",
            subcommand->arguments);
    for (const enum option_id *id = subcommand->options; *id != OPTION_END; id++)
        print_option(out, &specs[*id]);
    fprintf(out, "  %-*s%s\n\n", INDENT - 2, "-h, --help", "this text");
    fprintf(out, "%s\n%s", subcommand->text,
            subcommand->exit_codes ? subcommand->exit_codes : options_exit_codes);
}

/* A positive number; 0 when it is none. */
static int64_t parse_positive(const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno != 0 || *end || end == text || value < 0 ? 0 : value;
}

static int take_number(const char *name, const char *text, int64_t *number)
{
    *number = parse_positive(text);
    if (*number > 0)
        return go_on;
    return command_refuse_usage("--%s: expected a number above 0, not '%s'", name, text);
}

static void replace(char **kept, char *secret)
{
    if (*kept)
        explicit_bzero(*kept, strlen(*kept));
    free(*kept);
    *kept = secret;
}

/* The first `size` bytes at most: more than the longest good one is enough to tell that it is bad.
 */
static int read_secret(const char *what, const char *path, size_t size, char **kept)
{
    char text[MAX_CREDENTIAL + 4];
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, size, file) : 0;
    if (!file || ferror(file)) {
        int result = command_refuse_usage("%s: %s: %s", what, path, strerror(errno));
        if (file)
            fclose(file);
        return result;
    }
    fclose(file);
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    text[length] = '\0';
    bool whole = strlen(text) == length;
    if (whole)
        replace(kept, xstrdup(text));
    explicit_bzero(text, sizeof(text));
    return whole ? go_on : command_refuse_usage("%s: %s contains a NUL character", what, path);
}

static int read_secret_file(const char *path, struct command_options *options)
{
    return read_secret("--secret-file", path, WEBSUB_SECRET_MAX + 3, &options->secret);
}

/** An option goes before the environment, whichever of the two it is. */
static int read_credentials(const char *what, const char *path, bool token,
                            struct command_options *options)
{
    char **kept = token ? &options->token : &options->user;
    int result = read_secret(what, path, MAX_CREDENTIAL + 3, kept);
    if (result == go_on && strlen(*kept) > MAX_CREDENTIAL)
        return command_refuse_usage("%s: %s: longer than %d bytes", what, path, MAX_CREDENTIAL);
    return result;
}

static int read_environment(struct command_options *options)
{
    const char *token = getenv("WEBSUB_TOKEN_FILE"), *user = getenv("WEBSUB_USER_FILE");
    if (options->token || options->user)
        return go_on;
    if (token && *token && user && *user)
        return command_refuse_usage("WEBSUB_TOKEN_FILE and WEBSUB_USER_FILE exclude each other");
    if (token && *token)
        return read_credentials("WEBSUB_TOKEN_FILE", token, true, options);
    if (user && *user)
        return read_credentials("WEBSUB_USER_FILE", user, false, options);
    return go_on;
}

/* So that it is not in the list of processes for longer than it must. */
static void take_secret(struct command_options *options, char *argument)
{
    replace(&options->secret, xstrdup(argument));
    memset(argument, '*', strlen(argument));
}

static int take_option(enum option_id id, char *argument, struct command_options *options)
{
    switch (id) {
    case OPTION_HUB:
        options->hub = argument;
        return go_on;
    case OPTION_TOKEN_FILE:
        return read_credentials("--token-file", argument, true, options);
    case OPTION_USER_FILE:
        return read_credentials("--user-file", argument, false, options);
    case OPTION_CA_FILE:
        options->ca_file = argument;
        return go_on;
    case OPTION_ANY_CERTIFICATE:
        options->any_certificate = true;
        return go_on;
    case OPTION_TOPIC:
        options->topic = argument;
        return go_on;
    case OPTION_CALLBACK:
        options->callback = argument;
        return go_on;
    case OPTION_LISTEN:
        options->listen = argument;
        return go_on;
    case OPTION_NO_LISTEN:
        options->no_listen = true;
        return go_on;
    case OPTION_TYPE:
        options->content_type = argument;
        return go_on;
    case OPTION_DATA:
        options->data = argument;
        return go_on;
    case OPTION_FILE:
        options->file = argument;
        return go_on;
    case OPTION_SECRET_FILE:
        return read_secret_file(argument, options);
    case OPTION_SECRET:
        take_secret(options, argument);
        return go_on;
    case OPTION_LEASE:
        return take_number(specs[id].name, argument, &options->lease_seconds);
    case OPTION_COUNT:
        return take_number(specs[id].name, argument, &options->count);
    case OPTION_TIMEOUT:
        return take_number(specs[id].name, argument, &options->timeout_seconds);
    case OPTION_EXPECT_FILE:
        options->expect_file = argument;
        return go_on;
    case OPTION_EXPECT_TYPE:
        options->expect_type = argument;
        return go_on;
    case OPTION_KEEP:
        options->keep = true;
        return go_on;
    case OPTION_JSON:
        options->json = true;
        return go_on;
    case OPTION_CONFIG:
        options->config_path = argument;
        return go_on;
    case OPTION_DRY_RUN:
        options->dry_run = true;
        return go_on;
    case OPTION_WHILE_RUNNING:
        options->while_running = true;
        return go_on;
    case OPTION_OLD_SERVERS:
        options->old_servers = argument;
        return go_on;
    case OPTION_OLD_PROPERTIES:
        options->old_properties = argument;
        return go_on;
    case OPTION_OLD_KEY:
        options->old_key = argument;
        return go_on;
    case OPTION_UNCOMMITTED:
        options->uncommitted = argument;
        return go_on;
    case OPTION_NEW_LEASE:
        return take_number(specs[id].name, argument, &options->lease_seconds);
    case OPTION_REPORT_JSON:
        options->json = true;
        return go_on;
    case OPTION_SUITE_CONFIG:
        options->config_path = argument;
        return go_on;
    case OPTION_END:
        break;
    }
    PANIC("option %d is not handled", (int)id);
}

static bool has_option(const struct subcommand *subcommand, enum option_id wanted)
{
    for (const enum option_id *id = subcommand->options; *id != OPTION_END; id++)
        if (*id == wanted)
            return true;
    return false;
}

static void fill_getopt(const struct subcommand *subcommand, struct option *out)
{
    for (const enum option_id *id = subcommand->options; *id != OPTION_END; id++)
        *out++ = (struct option){
            specs[*id].name, specs[*id].argument ? required_argument : no_argument, NULL, (int)*id};
    *out++ = (struct option){"help", no_argument, NULL, 'h'};
    *out = (struct option){0};
}

static int check(const struct subcommand *subcommand, const struct command_options *options)
{
    if (options->argument_count > subcommand->max_arguments)
        return command_refuse_usage("%s: unexpected argument '%s'", subcommand->name,
                                    options->arguments[subcommand->max_arguments]);
    if (options->argument_count < subcommand->min_arguments)
        return command_refuse_usage("%s: expected %s", subcommand->name, subcommand->arguments);
    if (has_option(subcommand, OPTION_TOPIC) && !options->topic)
        return command_refuse_usage("%s: --topic is missing", subcommand->name);
    if (options->token && options->user)
        return command_refuse_usage("--token-file and --user-file exclude each other");
    if (options->secret && (!options->secret[0] || strlen(options->secret) > WEBSUB_SECRET_MAX))
        return command_refuse_usage("the secret must have 1 to %d bytes", WEBSUB_SECRET_MAX);
    return go_on;
}

int options_read(const struct subcommand *subcommand, int argc, char **argv,
                 struct command_options *options)
{
    struct option long_options[OPTIONS_MAX + 2];
    int id, result = go_on;
    *options = (struct command_options){.hub = DEFAULT_HUB};
    if (has_option(subcommand, OPTION_SECRET))
        options->secret = xstrdup_or_null(getenv("WEBSUB_SECRET"));
    fill_getopt(subcommand, long_options);
    argv[0] = (char *)(uintptr_t) "websub"; /* getopt's complaints start with it */
    while (result == go_on && (id = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (id == 'h') {
            options_print_help(stdout, subcommand);
            return COMMAND_DONE;
        }
        if (id == '?')
            return command_refuse_usage("see 'websub %s --help'", subcommand->name);
        result = take_option((enum option_id)id, optarg, options);
    }
    if (result != go_on)
        return result;
    options->argument_count = argc - optind;
    options->arguments = argv + optind;
    if (has_option(subcommand, OPTION_TOKEN_FILE) && read_environment(options) != go_on)
        return COMMAND_USAGE;
    return check(subcommand, options);
}

void options_fini(struct command_options *options)
{
    replace(&options->secret, NULL);
    replace(&options->token, NULL);
    replace(&options->user, NULL);
}
