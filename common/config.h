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
 * split at ','; those of properties, rules and keys at ';'.
 * Secrets:       the value, or "file:PATH": what is in that file, without the newline at its end.
 */
#ifndef WEBSUB_COMMON_CONFIG_H
#define WEBSUB_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/log.h"
#include "common/notice.h"
#include "common/signature.h"

struct string_list {
    char **items;
    size_t count;
};

enum messages_layout { LAYOUT_AUTO, LAYOUT_DEDICATED, LAYOUT_POOLED };
enum on_exhausted { EXHAUSTED_SUSPEND, EXHAUSTED_DEAD_LETTER };
enum auth_mode {
    AUTH_NONE,
    AUTH_JWT,
    AUTH_INTROSPECTION,
    AUTH_MOSIP,
    AUTH_BASIC,
    AUTH_CERTIFICATE,
};
/** How a token may be signed; the names of RFC 7518. "none" and HMAC are no choice. */
enum jwt_algorithm { JWT_RS256, JWT_RS384, JWT_RS512, JWT_ES256, JWT_ES384, JWT_ES512 };
enum policy_failure { POLICY_FAILURE_DENY, POLICY_FAILURE_ALLOW };
enum audit_scope { AUDIT_CHANGES, AUDIT_ALL, AUDIT_OFF };

/** Several of an enum's values, each at most once, in the order in which they were given. */
struct choice_list {
    int items[8];
    size_t count;
};

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
        int64_t header_timeout;               /**< bound on a request's line and header fields */
        int64_t body_timeout;                 /**< bound on its body, and on taking our answer */
        int64_t connection_limit_per_address; /**< 0: no limit */
        int64_t max_header_bytes;
        int64_t max_body_bytes;
        double publish_rate_limit; /**< per second and identity; 0: no limit */
        double change_rate_limit;  /**< the same for each other operation */
        bool auto_register;
        int64_t lease_seconds_min;
        int64_t lease_seconds_default;
        int64_t lease_seconds_max;
        bool catalog;    /**< whether subscriptions are kept in memory, for questions about them */
        bool console;    /**< whether /console/ is served */
        int64_t readers; /**< threads that read messages on demand */
        int64_t lag_interval; /**< between two looks at how far behind subscriptions are */
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
        char *instance_id; /**< after loading: never empty; default as the consolidator's */
        int64_t loops;     /**< 0: one per core */
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
        int64_t status_interval;
        int64_t status_interval_healthy;
    } dispatcher;
    struct {
        int64_t min_interval;
        int64_t max_concurrent;
        int64_t max_concurrent_per_host;
        int64_t timeout; /**< redirects included */
        int64_t max_bytes;
        int64_t max_redirects;
        int64_t give_up_after;
        bool feed_diff;
        int64_t feed_diff_entries;
    } fetch;
    struct {
        int64_t min_interval;
        int64_t max_interval;
        int64_t give_up_after;
        enum on_exhausted on_exhausted;
    } retry;
    struct {
        bool enabled;
        struct choice_list events; /**< of enum notice_type; never empty */
        int64_t retention;
        int64_t lapse_warning;
        char *webhook_url;    /**< "": none */
        char *webhook_secret; /**< secret */
        int64_t webhook_timeout;
        int64_t max_retry_interval;
        int64_t give_up_after; /**< at most the retention */
    } notices;
    struct {
        struct choice_list mode; /**< of enum auth_mode; never empty */
        int64_t cache_time;
        char *jwks_url; /**< "": none */
        int64_t jwks_refresh_interval;
        char *public_key_file;         /**< "": none */
        struct choice_list algorithms; /**< of enum jwt_algorithm */
        char *issuer;                  /**< "": any */
        char *audience;                /**< "": any */
        int64_t leeway;
        char *user_claim;
        struct string_list role_claims; /**< paths such as "realm_access.roles" */
        char *introspection_url;
        char *introspection_client_id;
        char *introspection_client_secret; /**< secret */
        char *mosip_base_url;
        char *mosip_validate_path;
        char *user_prefix; /**< taken off user names */
        char *basic_users_file;
        int64_t provider_timeout;
        struct string_list rules;
        bool mosip_scopes;
        char *operator_role; /**< "": there are no operators */
        char *policy_url;    /**< "": none */
        int64_t policy_timeout;
        enum policy_failure policy_on_failure;
    } auth;
    struct {
        bool mosip;
        bool ballerina_1;
        bool pubsubhubbub_sha1;
    } compat;
    struct {
        bool allow_insecure;
        char *tls_certificate_file; /**< "": plain HTTP */
        char *tls_key_file;
        char *client_ca_file;
        int64_t hsts_max_age;
        struct string_list allowed_callback_networks; /**< CIDR */
        struct string_list denied_callback_networks;  /**< CIDR */
        struct string_list allowed_callback_ports;    /**< "443", "8000-8999"; empty: all */
        struct string_list denied_callback_ports;
        bool require_https_callbacks;
        struct string_list secret_keys; /**< "id=base64": secret */
        char *extra_ca_file;
    } security;
    struct {
        enum log_level level;
        enum log_format format;
        enum audit_scope audit;
        char *audit_file; /**< "": stderr */
    } log;
    struct {
        char *otlp_url;             /**< "": no tracing */
        struct string_list headers; /**< "name=value" */
        double sample_ratio;
    } tracing;
};

/**
 * Loads defaults, then `path` (NULL: no file), then the environment, then checks what spans several
 * keys (lease bounds in order, …). On failure `*config` needs no cleanup.
 */
int config_load(struct config *config, const char *path, struct error *error);
void config_fini(struct config *config);

/** Whether `mode` is one of auth.mode. */
bool config_auth_has(const struct config *config, enum auth_mode mode);
/** Whether notices of this type are to be written. */
bool config_wants_notice(const struct config *config, enum notice_type type);

/** Prints every key with type, default, bounds, environment variable and meaning, as a libconfig
 * file. */
void config_print_reference(FILE *out);
/** The same as Markdown tables, one a section: the source of docs/configuration.md. */
void config_print_markdown(FILE *out);

#endif
