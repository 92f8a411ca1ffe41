/**
 * The configuration of the three programs: one file (libconfig), each key overridable by the
 * environment as WEBSUB_<SECTION>_<KEY>. The table in config_table.c is the single source of names,
 * types, bounds, defaults and meanings; --print-config and docs/configuration.md are made from it.
 *
 * Precedence: environment, file, default. Unknown sections, keys and WEBSUB_… variables of a known
 * section, and bad values, are errors that name file and line (or the variable) and what was
 * expected. Other WEBSUB_… variables (WEBSUB_BIN_DIR) are not ours. Values of kafka.properties are
 * never shown.
 *
 * In the file:   kafka: { bootstrap_servers = "a:9092,b:9092"; };  retry: { max_interval = "10m";
 * }; Durations:     "250ms", "10s", "5m", "6h", "7d"; a bare number (also without quotes) is
 * seconds. Sizes:         bytes, or "64KiB", "1MiB", "2GiB". Booleans:      true, false; in the
 * environment also yes/no, on/off, 1/0. Lists:         ["a", "b"] in the file; in the environment
 * split at ',' (kafka.properties: at ';').
 */
#ifndef WEBSUB_COMMON_CONFIG_H
#define WEBSUB_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/log.h"
#include "common/signature.h"

struct string_list {
    char **items;
    size_t count;
};

enum messages_layout { LAYOUT_AUTO, LAYOUT_DEDICATED, LAYOUT_POOLED };
enum on_exhausted { EXHAUSTED_SUSPEND, EXHAUSTED_DEAD_LETTER };
enum auth_mode { AUTH_NONE };

/** All strings are owned by the struct and never NULL. Durations are int64_t milliseconds. */
struct config {
    struct {
        char *bootstrap_servers;
        struct string_list properties; /**< "name=value", passed to librdkafka as they are */
        char *topic_prefix;            /**< of topics and groups */
        int64_t partitions;            /**< of events and state: the number of shards */
        int64_t replication_factor;    /**< -1: the broker's default */
        int64_t min_insync_replicas;   /**< of topics we create; 0: the broker's default */
        int64_t events_retention;
        double linger_ms;
        int64_t session_timeout;
        int64_t produce_timeout;
        int64_t transaction_timeout;
    } kafka;
    struct {
        enum messages_layout layout;
        int64_t dedicated_limit;
        int64_t pool_partitions;
        int64_t retention;
    } messages;
    struct {
        char *listen_address;
        int64_t port;
        char *public_url; /**< after loading: full URL of the hub, never empty */
        int64_t threads;  /**< 0: one per core */
        int64_t connection_limit;
        int64_t idle_timeout;
        int64_t max_body_bytes;
        bool auto_register;
        int64_t lease_seconds_min;
        int64_t lease_seconds_default;
        int64_t lease_seconds_max;
        int64_t view_timeout; /**< bound on waiting for the view to catch up */
    } hub;
    struct {
        char *listen_address;
        int64_t port;
        char *instance_id; /**< after loading: never empty; default "<host name>-<port>" */
        int64_t resume_window;
        int64_t batch_events;
    } consolidator;
    struct {
        char *listen_address;
        int64_t port;
        int64_t loops; /**< 0: one per core */
        int64_t catch_up_readers;
        int64_t max_in_flight;
        int64_t max_in_flight_limit;
        int64_t max_connections_per_host;
        double max_requests_per_second_per_host; /**< 0: no limit */
        int64_t connect_timeout;
        int64_t delivery_timeout;
        int64_t verification_timeout;
        int64_t verification_attempts;
        enum signature_method signature_method;
        int64_t commit_interval;
        int64_t detach_after;
        int64_t memory_budget_bytes;
        int64_t shutdown_grace;
    } dispatcher;
    struct {
        int64_t min_interval;
        int64_t max_interval;
        int64_t give_up_after;
        enum on_exhausted on_exhausted;
    } retry;
    struct {
        enum auth_mode mode;
    } auth;
    struct {
        bool allow_insecure;
        struct string_list allowed_callback_networks; /**< CIDR */
        char *extra_ca_file;
    } security;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

/**
 * Loads defaults, then `path` (NULL: no file), then the environment, then checks what spans several
 * keys (lease bounds in order, …). On failure `*config` needs no cleanup.
 */
int config_load(struct config *config, const char *path, struct error *error);
void config_fini(struct config *config);

/** Prints every key with type, default, bounds, environment variable and meaning, as a libconfig
 * file. */
void config_print_reference(FILE *out);
/** The same as Markdown tables, one a section: the source of docs/configuration.md. */
void config_print_markdown(FILE *out);

#endif
