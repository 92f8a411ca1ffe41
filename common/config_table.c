#include "common/config_table.h"

#include <stdint.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)

#define TEN_YEARS_S (10 * YEAR / SECOND)

static const char *const layouts[] = {"auto", "dedicated", "pooled", NULL};
static const char *const methods[] = {"sha1", "sha256", "sha384", "sha512", NULL};
static const char *const exhausted[] = {"suspend", "dead-letter", NULL};
static const char *const notices[] = {"suspended", "recovered",     "lapsing", "lapsed",
                                      "gone",      "dead-lettered", NULL};
static const char *const modes[] = {"none",        "jwt", "introspection", "mosip", "basic",
                                    "certificate", NULL};
static const char *const algorithms[] = {"RS256", "RS384", "RS512", "ES256",
                                         "ES384", "ES512", NULL};
static const char *const failures[] = {"deny", "allow", NULL};
static const char *const audits[] = {"changes", "all", "off", NULL};
static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const formats[] = {"json", "text", NULL};

/* clang-format off */
#define ENTRY(section_, key_, type_, min_, max_, default_, choices_, meaning_)                     \
    {                                                                                              \
        .section = #section_, .key = #key_, .type = CONFIG_VALUE_##type_,                          \
        .offset = offsetof(struct config, section_.key_), .min = (min_), .max = (max_),            \
        .default_text = (default_), .choices = (choices_), .meaning = (meaning_),                  \
    }
#define TEXT(section, key, min, max, preset, meaning)                                              \
    ENTRY(section, key, STRING, min, max, preset, NULL, meaning)
#define ADDRESS(section, key, preset, meaning)                                                     \
    ENTRY(section, key, ADDRESS, 0, 0, preset, NULL, meaning)
#define INTEGER(section, key, min, max, preset, meaning)                                           \
    ENTRY(section, key, INTEGER, min, max, preset, NULL, meaning)
#define DURATION(section, key, min, max, preset, meaning)                                          \
    ENTRY(section, key, DURATION, min, max, preset, NULL, meaning)
#define SIZE(section, key, min, max, preset, meaning)                                              \
    ENTRY(section, key, SIZE, min, max, preset, NULL, meaning)
#define BOOLEAN(section, key, preset, meaning)                                                     \
    ENTRY(section, key, BOOLEAN, 0, 0, preset, NULL, meaning)
#define CHOICE(section, key, choices, preset, meaning)                                             \
    ENTRY(section, key, CHOICE, 0, 0, preset, choices, meaning)
#define CHOICES(section, key, choices, preset, meaning)                                            \
    ENTRY(section, key, CHOICE_LIST, 0, 0, preset, choices, meaning)
#define WEB_ADDRESS(section, key, meaning)                                                         \
    ENTRY(section, key, ENDPOINT, 0, 2048, "", NULL, meaning)
#define LIST(section, key, kind, preset, meaning)                                                  \
    ENTRY(section, key, kind##_LIST, 0, 0, preset, NULL, meaning)

const struct config_entry config_table[] = {
    TEXT(kafka, bootstrap_servers, 1, 4096, "127.0.0.1:9092",
         "Where to find Kafka: host:port, several separated by commas."),
    LIST(kafka, properties, PROPERTY, "",
          "librdkafka properties as \"name=value\", for all clients, TLS and SASL included. A property "
          "that librdkafka refuses stops the start."),
    ENTRY(kafka, topic_prefix, KAFKA_PREFIX, 1, 100, "websub-", NULL,
          "Start of the names of all Kafka topics and consumer groups: two suites with different "
          "prefixes can share a Kafka cluster."),
    INTEGER(kafka, partitions, 1, 1024, "32",
            "Partitions of the events and state topics: the number of shards, and thus the most "
            "dispatchers that can share the work. Cannot be changed once the topics exist."),
    INTEGER(kafka, replication_factor, -1, 100, "-1",
            "Replication factor of the topics that are created; -1: the broker's default."),
    INTEGER(kafka, min_insync_replicas, 0, 100, "0",
            "min.insync.replicas of the topics that are created; 0: the broker's default."),
    DURATION(kafka, events_retention, MINUTE, 10 * YEAR, "7d",
             "How long Kafka keeps the events topic."),
    ENTRY(kafka, linger_ms, NUMBER, 0, 10000, "0", NULL,
          "Milliseconds that a producer waits for more messages to send together; 0 is the fastest "
          "answer to a publisher."),
    DURATION(kafka, session_timeout, SECOND, 30 * MINUTE, "6s",
             "After so long without a heartbeat an instance is taken for dead and others take over. "
             "The broker bounds it too (group.min.session.timeout.ms)."),
    DURATION(kafka, produce_timeout, 100, 10 * MINUTE, "5s",
             "Bound on waiting for Kafka to confirm a message; a publisher is answered 503 then."),
    DURATION(kafka, transaction_timeout, SECOND, 15 * MINUTE, "10s",
             "After so long Kafka ends the open transaction of a consolidator that has died."),

    CHOICE(messages, layout, layouts, "auto",
           "Where a new topic's messages lie: \"dedicated\" is a Kafka topic of its own, \"pooled\" a "
           "partition shared with other topics, \"auto\" is dedicated up to dedicated_limit."),
    INTEGER(messages, dedicated_limit, 0, 100000, "100",
            "With layout \"auto\": so many topics get a Kafka topic of their own."),
    INTEGER(messages, pool_partitions, 1, 1024, "16",
            "Partitions of the Kafka topic that pooled topics share."),
    DURATION(messages, retention, MINUTE, 10 * YEAR, "7d",
             "How long Kafka keeps messages: a subscriber that is unreachable for longer loses some."),

    ADDRESS(hub, listen_address, "127.0.0.1",
            "Address to listen on; \"0.0.0.0\" or \"::\" for all."),
    INTEGER(hub, port, 1, 65535, "9191", "Port to listen on."),
    ENTRY(hub, public_url, URL, 0, 2048, "", NULL,
          "The URL of the hub as subscribers and publishers see it, also sent in Link headers. Without "
          "a path, \"/hub\" is appended. Empty: \"http://<listen_address>:<port>/hub\", with TLS https."),
    INTEGER(hub, threads, 0, 1024, "0", "Threads that serve HTTP; 0: one for each core."),
    INTEGER(hub, connection_limit, 1, 1000000, "4096", "Connections served at the same time."),
    DURATION(hub, idle_timeout, SECOND, HOUR, "30s",
             "A connection on which nothing happens for so long is closed."),
    DURATION(hub, header_timeout, SECOND, HOUR, "10s",
             "Bound on receiving the head of a request, however slowly it comes: for the first of a connection "
             "from when that was opened (TLS handshake included), for others from their first line."),
    DURATION(hub, body_timeout, SECOND, HOUR, "60s",
             "Bound on receiving the body of a request, and on the client's taking the answer."),
    INTEGER(hub, connection_limit_per_address, 0, 1000000, "0",
            "Connections from one address at the same time; 0: no limit, as behind a load balancer, "
            "where all come from its address."),
    SIZE(hub, max_header_bytes, 4 * KIB, MIB, "32KiB",
         "Memory for the head of a request and what belongs to it; 431 or 414 above."),
    SIZE(hub, max_body_bytes, 1, 100 * MIB, "1MiB",
         "Largest body of a request; 413 above. Kafka's message.max.bytes must allow for it."),
    ENTRY(hub, publish_rate_limit, NUMBER, 0, 10000000, "0", NULL,
          "Publications per second that one identity (without authentication: one address) may send, a "
          "second's worth at a time; 429 with Retry-After above. 0: no limit."),
    ENTRY(hub, change_rate_limit, NUMBER, 0, 10000000, "0", NULL,
          "The same for each of the other operations: register, deregister, subscribe, unsubscribe, and, by "
          "address, asking for missed messages."),
    BOOLEAN(hub, auto_register, "false",
            "Whether a subscription to, or a message for, an unknown topic registers it."),
    INTEGER(hub, lease_seconds_min, 1, TEN_YEARS_S, "60",
            "Shortest lease in seconds; a subscriber that asks for less gets this."),
    INTEGER(hub, lease_seconds_default, 1, TEN_YEARS_S, "864000",
            "Lease in seconds of a subscriber that asks for none (10 days). While not set, it is kept "
            "within the other two."),
    INTEGER(hub, lease_seconds_max, 1, TEN_YEARS_S, "2592000",
            "Longest lease in seconds; a subscriber that asks for more gets this (30 days)."),
    BOOLEAN(hub, catalog, "true",
            "Whether the hub keeps all subscriptions in memory (about 400 bytes each) and answers questions "
            "about them. Where authentication is on it always keeps them."),
    BOOLEAN(hub, console, "true",
            "Whether the page for operators is at /console/. It is the same for everybody; what it shows comes "
            "from the operator API, with the credentials of whoever looks at it."),
    INTEGER(hub, readers, 1, 64, "2",
            "Threads that read messages from Kafka on demand, for questions about missed messages: so many "
            "are answered at the same time. Others wait, a few; 503 beyond."),
    DURATION(hub, lag_interval, 100, 10 * MINUTE, "5s",
             "How often the hub asks Kafka how far behind the subscriptions are, all together in a few "
             "requests."),
    DURATION(hub, view_timeout, 0, MINUTE, "5s",
             "Bound on waiting until the view of topics and subscriptions has caught up with what was "
             "just written."),

    ADDRESS(consolidator, listen_address, "127.0.0.1",
            "Address to listen on, for health and metrics."),
    INTEGER(consolidator, port, 1, 65535, "9192", "Port to listen on."),
    TEXT(consolidator, instance_id, 0, 200, "",
         "Name of this instance, the same after a restart and different from all others: Kafka shuts "
         "out an older instance of the same name. Empty: \"<host name>-<port>\"."),
    DURATION(consolidator, resume_window, 0, 10 * YEAR, "7d",
             "So long after the end of its lease a subscription can be renewed and continues where it "
             "was."),
    INTEGER(consolidator, batch_events, 1, 100000, "2000", "Events in one Kafka transaction, at most."),

    ADDRESS(dispatcher, listen_address, "127.0.0.1",
            "Address to listen on, for health and metrics."),
    INTEGER(dispatcher, port, 1, 65535, "9193", "Port to listen on."),
    TEXT(dispatcher, instance_id, 0, 200, "",
         "Name of this instance in its reports, the same after a restart and different from all "
         "others. Empty: \"<host name>-<port>\"."),
    INTEGER(dispatcher, loops, 0, 1024, "0", "Threads that deliver; 0: one for each core."),
    INTEGER(dispatcher, catch_up_readers, 1, 64, "2",
            "Readers for subscriptions that are behind the others."),
    INTEGER(dispatcher, max_in_flight, 1, 1000, "1",
            "Messages on their way to one subscription at the same time, unless it asked for another "
            "number (hub.max_in_flight); above 1 they may arrive in another order."),
    INTEGER(dispatcher, max_in_flight_limit, 1, 1000, "64",
            "The most that any subscription gets, whatever it asked for."),
    INTEGER(dispatcher, max_connections_per_host, 1, 10000, "64",
            "Connections to one host and port at the same time."),
    ENTRY(dispatcher, max_requests_per_second_per_host, NUMBER, 0, 1000000, "0", NULL,
          "Requests per second to one callback host, a second's worth at a time; 0: no limit."),
    DURATION(dispatcher, connect_timeout, 10, 5 * MINUTE, "5s",
             "Bound on connecting to a callback, TLS included."),
    DURATION(dispatcher, delivery_timeout, 10, 10 * MINUTE, "30s",
             "Bound on a delivery as a whole, until the answer's status."),
    DURATION(dispatcher, verification_timeout, 10, 5 * MINUTE, "10s",
             "Bound on one attempt to verify a subscription."),
    INTEGER(dispatcher, verification_attempts, 1, 20, "4",
            "Attempts to verify a subscription whose callback does not answer or answers 5xx."),
    CHOICE(dispatcher, signature_method, methods, "sha256",
           "How deliveries to subscriptions with a secret are signed."),
    DURATION(dispatcher, commit_interval, 1, MINUTE, "1s",
             "Pause between commits of what is confirmed; after a crash, what was confirmed since the "
             "last one is delivered again."),
    DURATION(dispatcher, detach_after, 1, 10 * MINUTE, "5s",
             "A subscription that is behind for so long is served apart from the others."),
    SIZE(dispatcher, memory_budget_bytes, MIB, 1024 * GIB, "64MiB",
         "Bytes of messages held in memory; reading pauses when they are used up."),
    DURATION(dispatcher, shutdown_grace, 0, 10 * MINUTE, "10s",
             "Bound on finishing deliveries that are under way when told to stop."),
    DURATION(dispatcher, status_interval, 100, HOUR, "5s",
             "How often the status topic is told, for operators, of subscriptions that changed and "
             "are behind, failing, suspended or paused, and of the dispatcher itself."),
    DURATION(dispatcher, status_interval_healthy, 100, DAY, "1m",
             "The same for subscriptions to which deliveries succeed."),

    DURATION(fetch, min_interval, 0, HOUR, "1s",
             "Pause between the beginnings of two fetches of one topic, however many pings come."),
    INTEGER(fetch, max_concurrent, 1, 1000, "32",
            "Topics that one dispatcher fetches at the same time; others wait their turn."),
    INTEGER(fetch, max_concurrent_per_host, 1, 1000, "4", "Of these, topics of one host and port."),
    DURATION(fetch, timeout, 10, 10 * MINUTE, "15s",
             "Bound on fetching a topic, redirects included."),
    SIZE(fetch, max_bytes, 1, 100 * MIB, "1MiB",
         "Largest content that is fetched, unpacked. Kafka's message.max.bytes must allow for it."),
    INTEGER(fetch, max_redirects, 0, 20, "5", "Redirects that are followed in one fetch."),
    DURATION(fetch, give_up_after, 0, YEAR, "1h",
             "A fetch that fails is tried again with growing pauses (retry.min_interval, "
             "retry.max_interval) for so long; after that the next ping begins anew."),
    BOOLEAN(fetch, feed_diff, "false",
            "Whether of an Atom or RSS feed only entries are distributed that are new or have changed "
            "since it was distributed last."),
    INTEGER(fetch, feed_diff_entries, 1, 1000, "200",
            "With feed_diff: so many entries of a feed are remembered; those that a feed has beyond are "
            "taken for new each time it changes."),

    DURATION(retry, min_interval, 1, HOUR, "500ms",
             "Pause before the first repetition of a failed delivery; it doubles with each failure."),
    DURATION(retry, max_interval, 1, 7 * DAY, "10m", "Longest pause between repetitions."),
    DURATION(retry, give_up_after, 0, YEAR, "6h",
             "After so long without success a subscription is suspended, or its message a dead letter; "
             "see on_exhausted."),
    CHOICE(retry, on_exhausted, exhausted, "suspend",
           "What happens after give_up_after. \"suspend\": the subscription is probed with its oldest "
           "message until its lease ends, and catches up by itself. \"dead-letter\": the message is written "
           "to the dead letters topic, and the next one is tried."),

    BOOLEAN(notices, enabled, "false",
            "Whether what happens to subscriptions is written to the Kafka topic <topic_prefix>notices, for "
            "others to read, and sent to webhook_url, if there is one; see docs/notices.md."),
    CHOICES(notices, events, notices, "suspended,recovered,lapsing,lapsed,gone,dead-lettered",
            "What is told of."),
    DURATION(notices, retention, MINUTE, 10 * YEAR, "7d", "How long Kafka keeps notices."),
    DURATION(notices, lapse_warning, SECOND, YEAR, "1d",
             "So long before its end a lease that has not been renewed is told of (\"lapsing\"), but not "
             "before half of it has passed."),
    WEB_ADDRESS(notices, webhook_url,
                "Where the dispatchers send notices, signed as Standard Webhooks are. Empty: nowhere."),
    ENTRY(notices, webhook_secret, SECRET, 0, 4096, "", NULL,
          "What they are signed with: \"whsec_\" and base64, or any text, of at least 24 bytes; or \"file:PATH\"."),
    DURATION(notices, webhook_timeout, 10, 5 * MINUTE, "15s", "Bound on one attempt to send a notice."),
    DURATION(notices, max_retry_interval, SECOND, DAY, "1m",
             "Longest pause before a notice that was not taken is sent again; the first is at most a second, and "
             "they double."),
    DURATION(notices, give_up_after, SECOND, YEAR, "1d",
             "A notice that is older is not sent any more. While not set, it is at most the retention."),

    CHOICES(auth, mode, modes, "none",
            "How clients of the hub prove who they are; several are tried in this order. \"none\" (no "
            "proof, everyone may do everything) stands alone, and needs a loopback hub.listen_address or "
            "security.allow_insecure. \"jwt\": signed tokens; \"introspection\": tokens that a provider "
            "is asked about (RFC 7662); \"mosip\": tokens that MOSIP's auth service is asked about; "
            "\"basic\": names and passwords; \"certificate\": TLS client certificates."),
    DURATION(auth, cache_time, 0, HOUR, "30s",
             "So long a proof that was found good is not checked again; never longer than its token is "
             "valid. What a provider revokes is noticed after that time."),
    WEB_ADDRESS(auth, jwks_url, "jwt: where the issuer publishes its keys (RFC 7517)."),
    DURATION(auth, jwks_refresh_interval, SECOND, 7 * DAY, "5m",
             "jwt: pause between fetches of the keys. A token with an unknown key leads to one at once. "
             "While the issuer cannot be reached, the last keys stay good. So often public_key_file is "
             "looked at, too."),
    TEXT(auth, public_key_file, 0, 4096, "",
         "jwt: a PEM file with the issuer's public keys or certificates, instead of or beside jwks_url. "
         "Read again when it changes."),
    CHOICES(auth, algorithms, algorithms, "RS256,RS384,RS512,ES256,ES384,ES512",
            "jwt: how tokens may be signed."),
    TEXT(auth, issuer, 0, 2048, "", "jwt, introspection: the \"iss\" of a good token; empty: any."),
    TEXT(auth, audience, 0, 2048, "",
         "jwt, introspection: what must be in the \"aud\" of a good token; empty: not looked at."),
    DURATION(auth, leeway, 0, HOUR, "30s",
             "jwt, introspection: how much our clock and the issuer's may differ."),
    TEXT(auth, user_claim, 1, 200, "sub",
         "jwt, introspection: the claim with the name of the user."),
    LIST(auth, role_claims, NAME, "scope,scp,roles,realm_access.roles",
         "jwt, introspection: the claims with scopes or roles, as text with blanks between them or as a "
         "list; a point leads into an object."),
    WEB_ADDRESS(auth, introspection_url, "introspection: the provider's endpoint."),
    TEXT(auth, introspection_client_id, 0, 1024, "", "introspection: our name at the provider."),
    ENTRY(auth, introspection_client_secret, SECRET, 0, 4096, "", NULL,
          "introspection: our password there, or \"file:PATH\"."),
    ENTRY(auth, mosip_base_url, URL, 0, 2048, "", NULL,
          "mosip: the address of MOSIP's auth service."),
    TEXT(auth, mosip_validate_path, 0, 2048, "/v1/authmanager/authorize/admin/validateToken",
         "mosip: the path of its call that validates a token."),
    TEXT(auth, user_prefix, 0, 200, "service-account-",
         "Taken off the front of user names of all modes before they are compared."),
    TEXT(auth, basic_users_file, 0, 4096, "",
         "basic: a file with a user a line, \"name:hash:role role...\", hash as of crypt(5): yescrypt, "
         "bcrypt, SHA-512. Read again when it changes."),
    DURATION(auth, provider_timeout, 10, MINUTE, "5s",
             "Bound on waiting for the answer of a provider; 503 then."),
    LIST(auth, rules, RULE, "",
         "Who may do what: \"OPERATIONS TOPIC REQUIREMENT\", see docs/security.md. What no rule allows is "
         "denied. None, and no mosip_scopes: whoever is authenticated may do everything."),
    BOOLEAN(auth, mosip_scopes, "false",
            "Whether MOSIP's roles allow too: for the topic partner/NAME PUBLISH_NAME_ALL_INDIVIDUAL or, "
            "if the partner is the user, SUBSCRIBE_NAME_INDIVIDUAL; for the topic NAME "
            "PUBLISH_NAME_GENERAL or SUBSCRIBE_NAME_GENERAL."),
    TEXT(auth, operator_role, 0, 200, "websub-operator",
         "Scope or role of operators, who may do everything, also to others' subscriptions. Empty: "
         "nobody."),
    WEB_ADDRESS(auth, policy_url,
                "A policy service that is asked about every change and publication, with Open Policy "
                "Agent's data API; see docs/security.md. Empty: none."),
    DURATION(auth, policy_timeout, 10, MINUTE, "2s", "Bound on waiting for the policy service."),
    CHOICE(auth, policy_on_failure, failures, "deny",
           "What an unreachable or broken policy service means."),

    BOOLEAN(compat, mosip, "false",
            "Whether clients of MOSIP's hub are served as it serves them; see docs/compatibility.md. Refusals of "
            "registrations and publications are answered 200, topics in a query may be percent-encoded once "
            "more, and callbacks that differ in intentMode only are one subscription. For hub and dispatcher."),
    BOOLEAN(compat, ballerina_1, "false",
            "Whether registrations and deregistrations are answered 202, as publishers of Ballerina 1.x want it; "
            "later ones want the usual 200."),
    BOOLEAN(compat, pubsubhubbub_sha1, "true",
            "Whether subscribers that send hub.verify, as PubSubHubbub 0.3 wants it, and no hub.signature_method get "
            "signatures by SHA-1, the only ones that its subscribers know."),

    BOOLEAN(security, allow_insecure, "false",
            "Allows auth.mode \"none\" on addresses that others can reach."),
    TEXT(security, tls_certificate_file, 0, 4096, "",
         "PEM file with the certificate, and those between it and its authority, that the program shows "
         "to its clients: then it speaks TLS only. Read again when it changes, and on SIGHUP."),
    TEXT(security, tls_key_file, 0, 4096, "", "PEM file with the certificate's private key."),
    TEXT(security, client_ca_file, 0, 4096, "",
         "PEM file with the authorities of client certificates, for auth.mode \"certificate\": with it the "
         "hub asks clients for one, and serves those too that have none. Read again with the others."),
    DURATION(security, hsts_max_age, 0, 10 * YEAR, "0",
             "With TLS: browsers are told to use nothing else for so long (HSTS). 0: they are not told."),
    LIST(security, allowed_callback_networks, NETWORK, "",
         "Networks (CIDR) that callbacks may be in although they are private, loopback or otherwise "
         "not public."),
    LIST(security, denied_callback_networks, NETWORK, "",
         "Networks (CIDR) that callbacks may not be in, public ones too, whatever else allows it."),
    LIST(security, allowed_callback_ports, PORT, "",
         "Ports that callbacks may have, as \"443\" or \"8000-8999\". Empty: all."),
    LIST(security, denied_callback_ports, PORT, "",
         "Ports that callbacks may not have, whatever else allows it."),
    BOOLEAN(security, require_https_callbacks, "false",
            "Whether callbacks must be https URLs. Existing subscriptions with others are not called any "
            "more; they wait until their lease ends."),
    LIST(security, secret_keys, PROPERTY, "",
         "Keys that subscriptions' secrets are encrypted with in Kafka (AES-256-GCM), as \"id=base64 of 32 "
         "bytes\": the first encrypts, all decrypt (docs/secrets.md). All programs need them. An item may be "
         "\"file:PATH\", a file with such a line for each key. The id \"mosip\" is for secrets that MOSIP's "
         "hub encrypted, and only decrypts. Empty: secrets are not encrypted."),
    TEXT(security, extra_ca_file, 0, 4096, "",
         "PEM file with certificates of authorities that callbacks' TLS certificates may be signed by, "
         "beside the system's; also for the providers of auth. Read at the start."),

    CHOICE(log, level, levels, "info", "Least severe level that is written."),
    CHOICE(log, format, formats, "json", "\"json\" for machines, \"text\" for people."),
    CHOICE(log, audit, audits, "changes",
           "What is written to the audit log: \"changes\" that were allowed, and everything that was "
           "denied; \"all\", allowed publications too; or \"off\"."),
    TEXT(log, audit_file, 0, 4096, "",
         "File that the audit log is appended to, a JSON object a line; opened again on SIGHUP. Empty: "
         "stderr, with the other lines."),

    WEB_ADDRESS(tracing, otlp_url,
                "Where a collector of OpenTelemetry takes traces (OTLP/HTTP, JSON), such as "
                "\"http://collector:4318/v1/traces\"; see docs/tracing.md. Empty: there is no tracing, "
                "and publishers' traceparent headers are passed on as they are."),
    LIST(tracing, headers, PROPERTY, "",
         "Headers for the collector as \"name=value\", such as \"Authorization=Bearer ...\"."),
    ENTRY(tracing, sample_ratio, NUMBER, 0, 1, "1", NULL,
          "Share of the publications without a traceparent that are traced. Those with one are if it "
          "says so."),
};
/* clang-format on */

const size_t config_table_size = sizeof(config_table) / sizeof(config_table[0]);
