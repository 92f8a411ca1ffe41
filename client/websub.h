/**
 * libwebsub: publishing to and subscribing at a WebSub hub, from C.
 *
 *   struct websub_client_options options = {.hub_url = "http://127.0.0.1:9191/hub"};
 *   struct websub_error error;
 *   struct websub_client *client = websub_client_new(&options, &error);
 *   struct websub_message message = {"partner-1/CREDENTIAL_ISSUED", "application/json", json,
 * length}; char id[WEBSUB_MESSAGE_ID_SIZE]; if (websub_publish(client, &message, id, &error) != 0)
 *       fprintf(stderr, "%s\n", error.message);
 *   websub_client_free(client);
 *
 * A subscriber asks with websub_subscribe; the hub then calls the callback URL, whose server is the
 * application's own. What it needs there is in the last part: websub_verification_parse for the
 * hub's GET requests, websub_signature_verify for its POST requests (deliveries).
 *
 * Rules that hold for everything here
 *   Strings are NUL-terminated UTF-8. What is passed in is only read during the call and stays the
 *   caller's. Functions that can fail return 0 on success and -1 (or NULL) on failure, and fill
 *   `*error`, which is never NULL, on failure only. Exhausted memory ends the process.
 *   Link with -lwebsub -lcurl -lcrypto.
 */
#ifndef WEBSUB_WEBSUB_H
#define WEBSUB_WEBSUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum websub_error_code {
    WEBSUB_ERROR_ARGUMENT = 1, /**< an argument breaks a rule: nothing was sent */
    WEBSUB_ERROR_DENIED,       /**< the hub refused; the same request will be refused again */
    WEBSUB_ERROR_UNAVAILABLE,  /**< not accepted: hub not reachable, overloaded, or without Kafka */
    WEBSUB_ERROR_UNKNOWN,      /**< sent, but no answer came: accepted or not, nobody knows */
    WEBSUB_ERROR_PROTOCOL,     /**< an answer that no hub gives: probably not the URL of one */
};

/**
 * After UNAVAILABLE and UNKNOWN the request may be repeated. Repeating a publish can make two
 * messages of one, as a hub that answered with an error or not at all may have written it
 * nevertheless.
 */
struct websub_error {
    enum websub_error_code code;
    int http_status;   /**< of the hub's answer; 0: none came */
    char message[512]; /**< for people: one line, with the hub's reason when it gave one */
};

/* ---- A client: one hub, any number of threads ---------------------------------------------------
 */

struct websub_client;

/** Zero-initialised means the defaults, but for `hub_url`. */
struct websub_client_options {
    const char *hub_url; /**< absolute http or https URL, e.g. "http://127.0.0.1:9191/hub" */
    /** PEM file with the authorities that sign the hub's certificate; NULL: the system's */
    const char *ca_file;
    long connect_timeout_ms;   /**< 0: 5,000 */
    long timeout_ms;           /**< of a request as a whole; 0: 30,000 */
    const char *bearer_token;  /**< who makes the requests (RFC 6750); NULL: not said like this */
    const char *user_password; /**< the same as "name:password" (RFC 7617); not both */
};

/**
 * Token and password go to the hub's own origin (scheme, host, port) only, also when it sends a
 * request elsewhere; over http they can be read on the way. They are copied, and wiped in the end.
 *
 * Sends nothing yet. The first client must be made before the application uses libcurl in other
 * threads. @returns NULL on failure, e.g. when `ca_file` cannot be read.
 */
struct websub_client *websub_client_new(const struct websub_client_options *options,
                                        struct websub_error *error);
/** Closes its connections. No call may be under way. NULL is allowed. */
void websub_client_free(struct websub_client *client);

/*
 * Requests. Each blocks until the hub has answered or a timeout has passed. Several threads may use
 * one client at the same time: their requests go in parallel, on kept connections of their own.
 * Proxies are taken from the environment as libcurl does, but never for a hub on this machine.
 */

/** Makes a topic known to the hub. What the hub says to a topic that it knows is the hub's
 * business. */
int websub_register(struct websub_client *client, const char *topic, struct websub_error *error);
/** Ends a topic, and with it all of its subscriptions. */
int websub_deregister(struct websub_client *client, const char *topic, struct websub_error *error);

struct websub_message {
    const char *topic;
    const char *content_type; /**< delivered as it is; NULL: "application/octet-stream" */
    const void *body;         /**< delivered byte for byte */
    size_t length;            /**< at least 1: without content there is nothing to deliver */
};

#define WEBSUB_MESSAGE_ID_SIZE 128

/**
 * Success means that the hub has the message for good. It is sent at most once.
 *
 * @param id gets the hub's id of the message, "" if it tells none; may be NULL.
 */
int websub_publish(struct websub_client *client, const struct websub_message *message,
                   char id[WEBSUB_MESSAGE_ID_SIZE], struct websub_error *error);

#define WEBSUB_SECRET_MAX 199 /**< bytes */

struct websub_subscription {
    const char *topic;
    const char *callback;  /**< absolute http or https URL; unguessable, and one for each topic */
    const char *secret;    /**< deliveries will be signed with it; NULL: not signed */
    int64_t lease_seconds; /**< wish; 0: the hub's default */
};

/**
 * Asks for a subscription, or for its renewal. Success means that the hub will verify it: the
 * subscription exists once the callback has confirmed. Its GET may come before this returns.
 */
int websub_subscribe(struct websub_client *client, const struct websub_subscription *subscription,
                     struct websub_error *error);
/** Asks for the end of a subscription; verified like its beginning. */
int websub_unsubscribe(struct websub_client *client, const char *topic, const char *callback,
                       struct websub_error *error);

/* ---- At the callback: pure functions, for any thread --------------------------------------------
 */

enum websub_intent {
    WEBSUB_INTENT_SUBSCRIBE,   /**< "did you ask for this subscription?" */
    WEBSUB_INTENT_UNSUBSCRIBE, /**< "did you ask for the end of it?" */
    WEBSUB_INTENT_DENIED,      /**< a notice: there is no subscription, or no longer */
};

struct websub_verification {
    enum websub_intent intent;
    char *topic;
    char *challenge;       /**< NULL when denied */
    char *reason;          /**< why denied; NULL: the hub did not say */
    int64_t lease_seconds; /**< of a subscription: how long it will last; 0: the hub did not say */
};

/**
 * Reads what a hub asks with a GET on the callback. The application answers
 *   - an intent that is its own (mode AND topic): 200, with exactly `challenge` as the body and
 *     "text/plain" as its type;
 *   - any other intent: 404, or strangers could subscribe this callback to anything;
 *   - a notice: 200.
 * Hubs may name an http topic in another spelling that means the same ("~" for "%7E"): best
 * subscribe with unreserved characters not encoded.
 *
 * @param query what follows '?' in the request, as it was sent. The hub's parameters come after the
 *              callback's own, so the last one of a name counts.
 * On success, release with websub_verification_fini; on failure (answer 400) there is nothing to
 * release.
 */
int websub_verification_parse(const char *query, struct websub_verification *verification,
                              struct websub_error *error);
void websub_verification_fini(struct websub_verification *verification);

/**
 * Whether `header`, the value of X-Hub-Signature (NULL: there was none), is a right signature of
 * the body with `secret`: sha1, sha256, sha384 or sha512, compared in constant time. A delivery
 * without a right one did not come from the hub, or is not for this secret: do not use it.
 */
bool websub_signature_verify(const char *header, const char *secret, const void *body,
                             size_t length);

#ifdef __cplusplus
}
#endif

#endif
