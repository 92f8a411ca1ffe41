#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"

static char directory[64];
static char path[96];
static struct config config;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/websub-config-XXXXXX");
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return -1;
    snprintf(path, sizeof(path), "test.conf");
    return 0;
}

/* Every test starts from an environment without our variables. */
static int clean_environment(void **state)
{
    (void)state;
    for (char **variable = environ; *variable;) {
        char *name = strndup(*variable, strcspn(*variable, "="));
        bool ours =
            strncmp(name, "WEBSUB_", 7) == 0 || strcmp(name, "KUBERNETES_SERVICE_HOST") == 0;
        if (ours)
            unsetenv(name); /* moves the others up */
        else
            variable++;
        free(name);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink("included.conf");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void load(const char *text)
{
    if (text)
        write_file(path, text);
    if (config_load(&config, text ? path : NULL, &error) != 0)
        fail_msg("%s", error.message);
}

static void assert_load_fails(const char *file, const char *message)
{
    assert_int_equal(config_load(&config, file, &error), -1);
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_false(error.retriable);
    assert_string_equal(error.message, message);
}

static void assert_file_refused(const char *text, const char *message)
{
    write_file(path, text);
    assert_load_fails(path, message);
}

static void assert_variable_refused(const char *name, const char *value, const char *message)
{
    setenv(name, value, 1);
    assert_load_fails(NULL, message);
    unsetenv(name);
}

static void check_messaging_defaults(void)
{
    assert_string_equal(config.kafka.bootstrap_servers, "127.0.0.1:9092");
    assert_int_equal(config.kafka.properties.count, 0);
    assert_string_equal(config.kafka.topic_prefix, "websub-");
    assert_int_equal(config.kafka.partitions, 32);
    assert_int_equal(config.kafka.replication_factor, -1);
    assert_int_equal(config.kafka.min_insync_replicas, 0);
    assert_int_equal(config.kafka.events_retention, INT64_C(7) * 86400000);
    assert_true(config.kafka.linger_ms == 0);
    assert_int_equal(config.kafka.session_timeout, 6000);
    assert_int_equal(config.kafka.produce_timeout, 5000);
    assert_int_equal(config.kafka.transaction_timeout, 10000);
    assert_int_equal(config.messages.layout, LAYOUT_AUTO);
    assert_int_equal(config.messages.dedicated_limit, 100);
    assert_int_equal(config.messages.pool_partitions, 16);
    assert_int_equal(config.messages.retention, INT64_C(7) * 86400000);
}

static void check_hub_defaults(void)
{
    assert_string_equal(config.hub.listen_address, "127.0.0.1");
    assert_int_equal(config.hub.port, 9191);
    assert_string_equal(config.hub.public_url, "http://127.0.0.1:9191/hub");
    assert_int_equal(config.hub.threads, 0);
    assert_int_equal(config.hub.connection_limit, 4096);
    assert_int_equal(config.hub.idle_timeout, 30000);
    assert_int_equal(config.hub.max_body_bytes, 1048576);
    assert_false(config.hub.auto_register);
    assert_int_equal(config.hub.lease_seconds_min, 60);
    assert_int_equal(config.hub.lease_seconds_default, 864000);
    assert_int_equal(config.hub.lease_seconds_max, 2592000);
    assert_int_equal(config.hub.view_timeout, 5000);
}

static void check_delivery_defaults(void)
{
    assert_string_equal(config.dispatcher.listen_address, "127.0.0.1");
    assert_int_equal(config.dispatcher.port, 9193);
    assert_int_equal(config.dispatcher.loops, 0);
    assert_int_equal(config.dispatcher.catch_up_readers, 2);
    assert_int_equal(config.dispatcher.max_in_flight, 1);
    assert_int_equal(config.dispatcher.max_connections_per_host, 64);
    assert_int_equal(config.dispatcher.connect_timeout, 5000);
    assert_int_equal(config.dispatcher.delivery_timeout, 30000);
    assert_int_equal(config.dispatcher.verification_timeout, 10000);
    assert_int_equal(config.dispatcher.verification_attempts, 4);
    assert_int_equal(config.dispatcher.signature_method, SIGNATURE_SHA256);
    assert_int_equal(config.dispatcher.commit_interval, 1000);
    assert_int_equal(config.dispatcher.detach_after, 5000);
    assert_int_equal(config.dispatcher.memory_budget_bytes, 64 << 20);
    assert_int_equal(config.dispatcher.shutdown_grace, 10000);
    assert_int_equal(config.dispatcher.status_interval, 5000);
    assert_int_equal(config.dispatcher.status_interval_healthy, 60000);
    assert_int_equal(config.retry.min_interval, 500);
    assert_int_equal(config.retry.max_interval, 600000);
    assert_int_equal(config.retry.give_up_after, 21600000);
}

static void check_all_defaults(void)
{
    check_messaging_defaults();
    check_hub_defaults();
    check_delivery_defaults();
    char host[256];
    char id[300];
    assert_int_equal(gethostname(host, sizeof(host)), 0);
    snprintf(id, sizeof(id), "%s-9192", host);
    assert_string_equal(config.consolidator.instance_id, id);
    snprintf(id, sizeof(id), "%s-9193", host);
    assert_string_equal(config.dispatcher.instance_id, id);
    assert_string_equal(config.consolidator.listen_address, "127.0.0.1");
    assert_int_equal(config.consolidator.port, 9192);
    assert_int_equal(config.consolidator.resume_window, INT64_C(7) * 86400000);
    assert_int_equal(config.consolidator.batch_events, 2000);
    assert_int_equal(config.auth.mode.count, 1);
    assert_true(config_auth_has(&config, AUTH_NONE));
    assert_false(config.security.allow_insecure);
    assert_int_equal(config.security.allowed_callback_networks.count, 0);
    assert_int_equal(config.log.level, LOG_INFO);
    assert_int_equal(config.log.format, LOG_JSON);
}

static void test_defaults(void **state)
{
    (void)state;
    load(NULL);
    check_all_defaults();
    config_fini(&config);
    load("");
    check_all_defaults();
    config_fini(&config);
}

/* What --print-config prints is a file that changes nothing. */
static void test_reference(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    config_print_reference(file);
    fclose(file);
    assert_int_equal(config_load(&config, path, &error), 0);
    check_all_defaults();
    config_fini(&config);
}

static void test_file(void **state)
{
    (void)state;
    load("// a comment\n"
         "kafka: {\n"
         "  bootstrap_servers = \"a:9092,b:9092\";\n"
         "  properties = [\"security.protocol=ssl\", \"a=b;c=d\"];\n"
         "  linger_ms = 1.5;\n"
         "  replication_factor = 3;\n"
         "  min_insync_replicas = 2;\n"
         "};\n"
         "messages = { layout = \"pooled\"; retention = \"36h\"; };\n"
         "hub: { port = 80; auto_register = true; max_body_bytes = 5000; idle_timeout = 2; };\n"
         "dispatcher: { signature_method = \"sha512\"; memory_budget_bytes = \"2GiB\";\n"
         "  connect_timeout = 0.25; };\n"
         "retry: { min_interval = \"1.5s\"; };\n"
         "security: { allowed_callback_networks = ( \"127.0.0.0/8\", \"::1\" ); };\n"
         "log: { level = \"debug\"; format = \"text\"; };\n");
    assert_string_equal(config.kafka.bootstrap_servers, "a:9092,b:9092");
    assert_int_equal(config.kafka.properties.count, 2);
    assert_string_equal(config.kafka.properties.items[0], "security.protocol=ssl");
    assert_string_equal(config.kafka.properties.items[1], "a=b;c=d");
    assert_true(config.kafka.linger_ms == 1.5);
    assert_int_equal(config.kafka.replication_factor, 3);
    assert_int_equal(config.messages.layout, LAYOUT_POOLED);
    assert_int_equal(config.messages.retention, 36 * 3600000);
    assert_int_equal(config.hub.port, 80);
    assert_true(config.hub.auto_register);
    assert_int_equal(config.hub.max_body_bytes, 5000);
    assert_int_equal(config.hub.idle_timeout, 2000);
    assert_int_equal(config.dispatcher.signature_method, SIGNATURE_SHA512);
    assert_int_equal(config.dispatcher.memory_budget_bytes, INT64_C(2) << 30);
    assert_int_equal(config.dispatcher.connect_timeout, 250);
    assert_int_equal(config.retry.min_interval, 1500);
    assert_int_equal(config.security.allowed_callback_networks.count, 2);
    assert_string_equal(config.security.allowed_callback_networks.items[1], "::1");
    assert_int_equal(config.log.level, LOG_DEBUG);
    assert_int_equal(config.log.format, LOG_TEXT);
    config_fini(&config);
}

static void test_environment(void **state)
{
    (void)state;
    setenv("WEBSUB_HUB_PORT", "9999", 1);
    setenv("WEBSUB_HUB_AUTO_REGISTER", "true", 1);
    setenv("WEBSUB_KAFKA_PROPERTIES", "a=1,2 ; b=3;", 1);
    setenv("WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS", "127.0.0.0/8, ::1", 1);
    setenv("WEBSUB_HUB_IDLE_TIMEOUT", "90", 1);
    setenv("WEBSUB_KAFKA_REPLICATION_FACTOR", "-1", 1);
    setenv("WEBSUB_BIN_DIR", "/x", 1);
    setenv("WEBSUB_HUB", "x", 1);
    setenv("WEBSUB_HUBS_PORT", "x", 1);
    load("hub: { port = 80; threads = 3; };");
    assert_int_equal(config.hub.port, 9999);
    assert_int_equal(config.hub.threads, 3);
    assert_string_equal(config.hub.public_url, "http://127.0.0.1:9999/hub");
    assert_true(config.hub.auto_register);
    assert_int_equal(config.kafka.properties.count, 2);
    assert_string_equal(config.kafka.properties.items[0], "a=1,2");
    assert_string_equal(config.kafka.properties.items[1], "b=3");
    assert_int_equal(config.security.allowed_callback_networks.count, 2);
    assert_string_equal(config.security.allowed_callback_networks.items[1], "::1");
    assert_int_equal(config.hub.idle_timeout, 90000);
    config_fini(&config);

    setenv("WEBSUB_KAFKA_PROPERTIES", "", 1);
    load("kafka: { properties = [\"a=b\"]; };");
    assert_int_equal(config.kafka.properties.count, 0);
    config_fini(&config);
}

static void assert_boolean(const char *text, bool expected)
{
    setenv("WEBSUB_HUB_AUTO_REGISTER", text, 1);
    load(NULL);
    assert_int_equal(config.hub.auto_register, expected);
    config_fini(&config);
}

static void test_booleans(void **state)
{
    (void)state;
    assert_boolean("true", true);
    assert_boolean("TRUE", true);
    assert_boolean("yes", true);
    assert_boolean("on", true);
    assert_boolean("1", true);
    assert_boolean("false", false);
    assert_boolean("No", false);
    assert_boolean("off", false);
    assert_boolean("0", false);
    const char *message = "WEBSUB_HUB_AUTO_REGISTER: expected true or false, not \"2\"";
    assert_variable_refused("WEBSUB_HUB_AUTO_REGISTER", "2", message);
}

static void assert_duration(const char *text, int64_t expected)
{
    setenv("WEBSUB_RETRY_GIVE_UP_AFTER", text, 1);
    load(NULL);
    assert_int_equal(config.retry.give_up_after, expected);
    config_fini(&config);
}

static void test_durations(void **state)
{
    (void)state;
    assert_duration("250ms", 250);
    assert_duration("10s", 10000);
    assert_duration("10", 10000);
    assert_duration("0", 0);
    assert_duration("0.5", 500);
    assert_duration("5m", 300000);
    assert_duration("1.5h", 5400000);
    assert_duration("365d", INT64_C(365) * 86400000);
    static const char *const bad[] = {"",
                                      "-1",
                                      "10 s",
                                      "s",
                                      "10x",
                                      "1e3",
                                      ".5",
                                      "5.",
                                      "1S",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "nan",
                                      "1s1s",
                                      "0x10",
                                      "366d",
                                      "99999999999999999999999999999999999d"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        char message[200];
        snprintf(message, sizeof(message),
                 "WEBSUB_RETRY_GIVE_UP_AFTER: expected a duration from 0 to 365d, not \"%s\"",
                 bad[i]);
        assert_variable_refused("WEBSUB_RETRY_GIVE_UP_AFTER", bad[i], message);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"1", 1}, {"1000", 1000}, {"64KiB", 65536}, {"1.5MiB", 1572864}, {"100MiB", 104857600}};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        setenv("WEBSUB_HUB_MAX_BODY_BYTES", good[i].text, 1);
        load(NULL);
        assert_int_equal(config.hub.max_body_bytes, good[i].bytes);
        config_fini(&config);
    }
    static const char *const bad[] = {"0", "101MiB", "1GiB", "1MB", "1m", "-1", "", "MiB"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        char message[200];
        snprintf(message, sizeof(message),
                 "WEBSUB_HUB_MAX_BODY_BYTES: expected a size from 1 to 100MiB, not \"%s\"", bad[i]);
        assert_variable_refused("WEBSUB_HUB_MAX_BODY_BYTES", bad[i], message);
    }
}

static void test_bad_variables(void **state)
{
    (void)state;
    static const char *const ports[] = {
        "0", "65536", "-1", "x", "", "80x", " 80", "0x50", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_COUNT(ports); i++) {
        char message[200];
        snprintf(message, sizeof(message),
                 "WEBSUB_HUB_PORT: expected an integer from 1 to 65535, not \"%s\"", ports[i]);
        assert_variable_refused("WEBSUB_HUB_PORT", ports[i], message);
    }
    assert_variable_refused("WEBSUB_KAFKA_LINGER_MS", "-0.1",
                            "WEBSUB_KAFKA_LINGER_MS: expected a number from 0 to 10000, not "
                            "\"-0.1\"");
    assert_variable_refused("WEBSUB_KAFKA_BOOTSTRAP_SERVERS", "",
                            "WEBSUB_KAFKA_BOOTSTRAP_SERVERS: expected a string of printable "
                            "characters, from 1 to 4096 bytes, not \"\"");
    assert_variable_refused("WEBSUB_KAFKA_TOPIC_PREFIX", "a/b",
                            "WEBSUB_KAFKA_TOPIC_PREFIX: expected letters, digits, '.', '_' or '-', "
                            "from 1 to 100 bytes, not \"a/b\"");
    assert_variable_refused("WEBSUB_HUB_LISTEN_ADDRESS", "localhost",
                            "WEBSUB_HUB_LISTEN_ADDRESS: expected an IPv4 or IPv6 address, not "
                            "\"localhost\"");
    assert_variable_refused("WEBSUB_MESSAGES_LAYOUT", "POOLED",
                            "WEBSUB_MESSAGES_LAYOUT: expected \"auto\", \"dedicated\" or "
                            "\"pooled\", not \"POOLED\"");
    assert_variable_refused("WEBSUB_AUTH_MODE", "basic",
                            "auth.mode \"basic\" needs auth.basic_users_file");
    assert_variable_refused("WEBSUB_AUTH_MODE", "none,jwt",
                            "auth.mode: \"none\" lets everyone in, and makes no sense with others");
    assert_variable_refused(
        "WEBSUB_AUTH_ALGORITHMS", "RS256,HS256",
        "WEBSUB_AUTH_ALGORITHMS: expected one or several of \"RS256\", \"RS384\", "
        "\"RS512\", \"ES256\", \"ES384\" or \"ES512\", not \"RS256,HS256\": item 2 "
        "is none of them");
    assert_variable_refused(
        "WEBSUB_SECURITY_DENIED_CALLBACK_PORTS", "443,70000",
        "WEBSUB_SECURITY_DENIED_CALLBACK_PORTS: expected a list of ports such as "
        "\"443\" or \"8000-8999\", not \"443,70000\": item 2 is not of this form");
    assert_variable_refused(
        "WEBSUB_AUTH_MOSIP_BASE_URL", "http://a.example/?x",
        "WEBSUB_AUTH_MOSIP_BASE_URL: expected an absolute http or https URL, not "
        "\"http://a.example/?x\": must not have a query");
    assert_variable_refused("WEBSUB_AUTH_JWKS_URL", "ftp://a.example/keys",
                            "WEBSUB_AUTH_JWKS_URL: expected an absolute http or https URL, not "
                            "\"ftp://a.example/keys\": is not an absolute http or https URL");
    assert_variable_refused("WEBSUB_SECURITY_HSTS_MAX_AGE", "1d",
                            "security.hsts_max_age needs security.tls_certificate_file");
    assert_variable_refused("WEBSUB_HUB_PUBLIC_URL", "hub.example",
                            "WEBSUB_HUB_PUBLIC_URL: expected an absolute http or https URL, not "
                            "\"hub.example\": is not an absolute http or https URL");
    assert_variable_refused("WEBSUB_HUB_PUBLIC_URL", "https://hub.example/?a=b",
                            "WEBSUB_HUB_PUBLIC_URL: expected an absolute http or https URL, not "
                            "\"https://hub.example/?a=b\": must not have a query");
    assert_variable_refused("WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS", "::1,10.1.1.1/8",
                            "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS: expected a list of "
                            "networks such as \"10.0.0.0/8\", not \"::1,10.1.1.1/8\": "
                            "\"10.1.1.1/8\" has bits set beyond its first 8: an address, not a "
                            "network");
}

/* Promise P7: a property may be a password. */
static void test_secrets_not_shown(void **state)
{
    (void)state;
    assert_variable_refused(
        "WEBSUB_KAFKA_PROPERTIES", "a=b;sasl.password:hunter2",
        "WEBSUB_KAFKA_PROPERTIES: expected a list of \"name=value\" or \"file:PATH\": item 2 is "
        "not of this form");
    assert_file_refused(
        "kafka: { properties = \"sasl.password=hunter2\"; };",
        "test.conf:1: kafka.properties: expected a list of \"name=value\" or \"file:PATH\"");
    assert_file_refused(
        "kafka: { properties = [\"=hunter2\"]; };",
        "test.conf:1: kafka.properties: expected a list of \"name=value\" or \"file:PATH\": item 1 "
        "is not of this form");
}

static void test_long_value_cut(void **state)
{
    (void)state;
    char value[1000];
    memset(value, '9', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    assert_variable_refused("WEBSUB_HUB_PORT", value,
                            "WEBSUB_HUB_PORT: expected an integer from 1 to 65535, not "
                            "\"99999999999999999999999999999999999999999999999999999999999"
                            "9...\"");
}

static void test_bad_file_values(void **state)
{
    (void)state;
    assert_file_refused("hub: {\n  port = 70000;\n};",
                        "test.conf:2: hub.port: expected an integer from 1 to 65535, not 70000");
    assert_file_refused("hub: {\n\n  port = \"80\";\n};",
                        "test.conf:3: hub.port: expected an integer from 1 to 65535, not \"80\"");
    assert_file_refused("hub: { port = 80.0; };",
                        "test.conf:1: hub.port: expected an integer from 1 to 65535, not 80");
    assert_file_refused("hub: { port = [80]; };",
                        "test.conf:1: hub.port: expected an integer from 1 to 65535, not a list");
    assert_file_refused("hub: { port: { }; };",
                        "test.conf:1: hub.port: expected an integer from 1 to 65535, not a group");
    assert_file_refused("hub: { auto_register = 1; };",
                        "test.conf:1: hub.auto_register: expected true or false, not 1");
    assert_file_refused("hub: { public_url = 5; };",
                        "test.conf:1: hub.public_url: expected an absolute http or https URL, not "
                        "5");
    assert_file_refused("hub: { idle_timeout = true; };",
                        "test.conf:1: hub.idle_timeout: expected a duration from 1s to 1h, not "
                        "true");
    assert_file_refused("kafka: { session_timeout = \"999ms\"; };",
                        "test.conf:1: kafka.session_timeout: expected a duration from 1s to 30m, "
                        "not \"999ms\"");
    assert_file_refused("log: { level = \"loud\"; };",
                        "test.conf:1: log.level: expected \"debug\", \"info\", \"warning\" or "
                        "\"error\", not \"loud\"");
    assert_file_refused("security: { allowed_callback_networks = [\"x\"]; };",
                        "test.conf:1: security.allowed_callback_networks: expected a list of "
                        "networks such as \"10.0.0.0/8\": \"x\" is not an IPv4 or IPv6 network");
    assert_file_refused("security: { allowed_callback_networks = (\"::1\", 5); };",
                        "test.conf:1: security.allowed_callback_networks: expected a list of "
                        "networks such as \"10.0.0.0/8\": item 2 is not a string");
    assert_file_refused("security: { allowed_callback_networks = \"::1\"; };",
                        "test.conf:1: security.allowed_callback_networks: expected a list of "
                        "networks such as \"10.0.0.0/8\", not \"::1\"");
    assert_file_refused("kafka: { replication_factor = 0; };",
                        "test.conf:1: kafka.replication_factor: expected -1 or at least 1, not 0");
}

static void test_unknown(void **state)
{
    (void)state;
    assert_file_refused("hub: {\n  prot = 80;\n};",
                        "test.conf:2: unknown key \"hub.prot\"; did you mean \"port\"?");
    assert_file_refused("hub: { something_else = 80; };",
                        "test.conf:1: unknown key \"hub.something_else\"");
    assert_file_refused("\nhubb: { port = 80; };",
                        "test.conf:2: unknown section \"hubb\"; did you mean \"hub\"?");
    assert_file_refused("port = 80;", "test.conf:1: unknown section \"port\"");
    assert_file_refused("hub = 80;", "test.conf:1: hub: expected a group: hub: { ... };");
    assert_variable_refused("WEBSUB_HUB_PORTS", "80",
                            "WEBSUB_HUB_PORTS: unknown key in section \"hub\"; did you mean "
                            "WEBSUB_HUB_PORT?");
    assert_variable_refused("WEBSUB_HUB_port", "80",
                            "WEBSUB_HUB_port: unknown key in section \"hub\"; did you mean "
                            "WEBSUB_HUB_PORT?");
    assert_variable_refused("WEBSUB_LOG_SOMETHING", "80",
                            "WEBSUB_LOG_SOMETHING: unknown key in section \"log\"");
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    assert_variable_refused("WEBSUB_HUB_SERVICE_HOST", "10.0.0.2",
                            "WEBSUB_HUB_SERVICE_HOST: unknown key in section \"hub\" (set "
                            "enableServiceLinks: false in the pod)");
}

static void test_syntax(void **state)
{
    (void)state;
    assert_file_refused("hub: {\n  port 80;\n};", "test.conf:2: syntax error");
    assert_file_refused("hub: { port = 1; port = 2; };", "test.conf:1: duplicate setting name");
    assert_load_fails("absent.conf", "absent.conf: No such file or directory");
    assert_load_fails("/", "/: Is a directory");
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        assert_load_fails(path, "test.conf: Permission denied");
        unlink(path);
    }
}

static void test_include(void **state)
{
    (void)state;
    char absolute[200];
    write_file("included.conf", "# one\nlog: { level = \"loud\"; };\n");
    write_file(path, "@include \"included.conf\"\n");
    snprintf(absolute, sizeof(absolute), "%s/%s", directory, path);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(config_load(&config, absolute, &error), -1);
    assert_int_equal(chdir(directory), 0);
    assert_non_null(strstr(error.message, "included.conf:2: log.level: expected \"debug\""));
}

static void assert_lease(const char *text, int64_t min, int64_t preset, int64_t max)
{
    load(text);
    assert_int_equal(config.hub.lease_seconds_min, min);
    assert_int_equal(config.hub.lease_seconds_default, preset);
    assert_int_equal(config.hub.lease_seconds_max, max);
    config_fini(&config);
}

static void test_lease(void **state)
{
    (void)state;
    assert_lease("hub: { lease_seconds_max = 3600; };", 60, 3600, 3600);
    assert_lease("hub: { lease_seconds_min = 1000000; };", 1000000, 1000000, 2592000);
    assert_lease(
        "hub: { lease_seconds_min = 1; lease_seconds_default = 2; lease_seconds_max = 3; };", 1, 2,
        3);
    assert_file_refused("hub: {\n lease_seconds_max = 30; };",
                        "hub.lease_seconds_min = 60 (the default) must not be above "
                        "hub.lease_seconds_max = 30 (test.conf:2)");
    setenv("WEBSUB_HUB_LEASE_SECONDS_DEFAULT", "7200", 1);
    assert_file_refused("hub: {\n lease_seconds_max = 3600; };",
                        "hub.lease_seconds_default = 7200 (WEBSUB_HUB_LEASE_SECONDS_DEFAULT) must "
                        "not be above hub.lease_seconds_max = 3600 (test.conf:2)");
    assert_file_refused("hub: {\n lease_seconds_min = 7201; };",
                        "hub.lease_seconds_min = 7201 (test.conf:2) must not be above "
                        "hub.lease_seconds_default = 7200 (WEBSUB_HUB_LEASE_SECONDS_DEFAULT)");
}

static void test_retry(void **state)
{
    (void)state;
    load("retry: { max_interval = \"100ms\"; };");
    assert_int_equal(config.retry.min_interval, 100);
    config_fini(&config);
    load("retry: { min_interval = \"20m\"; };");
    assert_int_equal(config.retry.max_interval, 1200000);
    config_fini(&config);
    assert_file_refused("retry: { min_interval = \"2s\"; max_interval = \"1s\"; };",
                        "retry.min_interval = 2s (test.conf:1) must not be above "
                        "retry.max_interval = 1s (test.conf:1)");
}

static void test_notices(void **state)
{
    (void)state;
    load(NULL);
    assert_false(config.notices.enabled);
    assert_int_equal(config.notices.events.count, NOTICE_TYPE_COUNT);
    assert_int_equal(config.notices.retention, INT64_C(7) * 86400000);
    assert_int_equal(config.notices.give_up_after, 86400000);
    for (int type = 0; type < NOTICE_TYPE_COUNT; type++) {
        assert_int_equal(config.notices.events.items[type], type);
        assert_false(config_wants_notice(&config, (enum notice_type)type));
    }
    config_fini(&config);
    load("notices: { enabled = true; retention = \"2h\"; };");
    assert_int_equal(config.notices.give_up_after, 7200000);
    for (int type = 0; type < NOTICE_TYPE_COUNT; type++)
        assert_true(config_wants_notice(&config, (enum notice_type)type));
    config_fini(&config);
    load("notices: { enabled = true; events = [\"dead-lettered\", \"lapsing\"]; };");
    for (int type = 0; type < NOTICE_TYPE_COUNT; type++)
        assert_int_equal(config_wants_notice(&config, (enum notice_type)type),
                         type == NOTICE_DEAD_LETTERED || type == NOTICE_LAPSING);
    config_fini(&config);
    assert_file_refused("notices: { retention = \"1h\"; give_up_after = \"2h\"; };",
                        "notices.give_up_after = 2h (test.conf:1) must not be above "
                        "notices.retention = 1h (test.conf:1)");
}

static void test_webhook(void **state)
{
    (void)state;
    load("notices: { enabled = true; webhook_url = \"https://ops.example/?a=b\"; webhook_secret = "
         "\"a secret of 24 bytes....\"; };");
    config_fini(&config);
    setenv("WEBSUB_NOTICES_ENABLED", "true", 1);
    assert_variable_refused("WEBSUB_NOTICES_WEBHOOK_URL", "https://ops.example/",
                            "notices.webhook_url needs notices.webhook_secret");
    setenv("WEBSUB_NOTICES_WEBHOOK_SECRET", "a secret of 24 bytes....", 1);
    setenv("WEBSUB_NOTICES_ENABLED", "false", 1);
    assert_variable_refused("WEBSUB_NOTICES_WEBHOOK_URL", "https://ops.example/",
                            "notices.webhook_url needs notices.enabled");
    assert_variable_refused("WEBSUB_NOTICES_WEBHOOK_SECRET", "hunter2",
                            "notices.webhook_secret: a secret has at least 24 bytes");
    assert_variable_refused("WEBSUB_NOTICES_WEBHOOK_SECRET", "whsec_hunter2",
                            "notices.webhook_secret: after \"whsec_\" base64 must follow");
}

static void test_replication(void **state)
{
    (void)state;
    load("kafka: { min_insync_replicas = 2; };"); /* the broker knows how many replicas there are */
    config_fini(&config);
    assert_file_refused("kafka: { replication_factor = 1; min_insync_replicas = 2; };",
                        "kafka.min_insync_replicas = 2 (test.conf:1) must not be above "
                        "kafka.replication_factor = 1 (test.conf:1)");
}

static void assert_public_url(const char *given, const char *expected)
{
    setenv("WEBSUB_HUB_PUBLIC_URL", given, 1);
    load(NULL);
    assert_string_equal(config.hub.public_url, expected);
    config_fini(&config);
}

static void test_public_url(void **state)
{
    (void)state;
    assert_public_url("https://hub.example", "https://hub.example/hub");
    assert_public_url("https://hub.example/", "https://hub.example/hub");
    assert_public_url("https://hub.example:8443", "https://hub.example:8443/hub");
    assert_public_url("https://hub.example/other", "https://hub.example/other");
    assert_public_url("https://hub.example/a/", "https://hub.example/a/");
    assert_public_url("", "http://127.0.0.1:9191/hub");
    setenv("WEBSUB_HUB_LISTEN_ADDRESS", "::1", 1);
    assert_public_url("", "http://[::1]:9191/hub");
    setenv("WEBSUB_SECURITY_TLS_CERTIFICATE_FILE", "/certificate.pem", 1);
    setenv("WEBSUB_SECURITY_TLS_KEY_FILE", "/key.pem", 1);
    assert_public_url("", "https://[::1]:9191/hub");
    assert_public_url("http://proxy.example", "http://proxy.example/hub");
}

static void test_instance_id(void **state)
{
    (void)state;
    setenv("WEBSUB_CONSOLIDATOR_INSTANCE_ID", "one", 1);
    load(NULL);
    assert_string_equal(config.consolidator.instance_id, "one");
    config_fini(&config);
    setenv("WEBSUB_DISPATCHER_INSTANCE_ID", "two", 1);
    load(NULL);
    assert_string_equal(config.dispatcher.instance_id, "two");
    config_fini(&config);
}

static void test_auth_none(void **state)
{
    (void)state;
    assert_variable_refused("WEBSUB_HUB_LISTEN_ADDRESS", "0.0.0.0",
                            "auth.mode = \"none\" lets everyone in who can reach "
                            "hub.listen_address = \"0.0.0.0\": listen on a loopback address such "
                            "as 127.0.0.1, or set security.allow_insecure = true");
    setenv("WEBSUB_HUB_LISTEN_ADDRESS", "::", 1);
    assert_int_equal(config_load(&config, NULL, &error), -1);
    setenv("WEBSUB_SECURITY_ALLOW_INSECURE", "true", 1);
    load(NULL);
    assert_string_equal(config.hub.listen_address, "::");
    config_fini(&config);
    unsetenv("WEBSUB_SECURITY_ALLOW_INSECURE");
    setenv("WEBSUB_HUB_LISTEN_ADDRESS", "127.0.0.2", 1);
    load(NULL);
    config_fini(&config);
}

#define TEST(name) cmocka_unit_test_setup(name, clean_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),       TEST(test_reference),       TEST(test_file),
        TEST(test_environment),    TEST(test_booleans),        TEST(test_durations),
        TEST(test_sizes),          TEST(test_bad_variables),   TEST(test_secrets_not_shown),
        TEST(test_long_value_cut), TEST(test_bad_file_values), TEST(test_unknown),
        TEST(test_syntax),         TEST(test_include),         TEST(test_lease),
        TEST(test_retry),          TEST(test_replication),     TEST(test_public_url),
        TEST(test_instance_id),    TEST(test_auth_none),       TEST(test_notices),
        TEST(test_webhook),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
