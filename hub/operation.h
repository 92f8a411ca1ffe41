/**
 * One request on its way through the hub: parameters, what is known of it, and its answer.
 *
 * Life: parsed on a server thread; then it may wait for the view, for the registrar and for Kafka,
 * each of which calls it back on its own thread; answered exactly once. It is freed with its HTTP
 * request, after the answer was sent.
 */
#ifndef WEBSUB_HUB_OPERATION_H
#define WEBSUB_HUB_OPERATION_H

#include "common/form.h"
#include "common/id.h"
#include "common/trace_headers.h"
#include "hub/hub.h"
#include "hub/publish_trace.h"
#include "hub/topic_readings.h"

struct operation_request {
    struct hub *hub;
    struct http_request *http;
    enum operation operation;
    struct form parameters;   /**< of the query and, for forms, of the body */
    const char *topic;        /**< in `parameters`, or in `readings` */
    const char *content_type; /**< header, or NULL: looked up while on the server thread */
    struct trace_headers publisher_trace; /**< as they came */
    const char *publisher_id; /**< header of WSO2's publishers: their id of the message; or NULL */
    bool from_ballerina;      /**< its client library says so in a header */
    bool body_is_form;        /**< the body holds parameters: it is no content */
    int64_t started_us;

    /* admission.h */
    struct identity *identity; /**< a reference; NULL: not known yet, or without authentication */
    bool is_operator;
    const char *denial; /**< why the policy service denied the subscription, or NULL */
    void (*next)(struct operation_request *request);

    /* steps that it may wait for */
    struct authentication authentication;
    struct policy_question policy_question;
    struct view_wait view_wait;
    struct registration registration;
    struct kafka_receipt receipt;
    /** What to do once the topic is known to be registered. */
    void (*on_topic)(struct operation_request *request);
    bool registered; /**< by this request: an unknown topic is now an error of ours */
    /** With compat.mosip: what the topic may mean, and how many of them are not registered. */
    struct topic_readings readings;
    size_t unknown_readings;

    /* of a publication */
    char id[ID_UUID_SIZE]; /**< of the message; of the request for a subscription */
    struct ping *ping;     /**< owned (ping.c); NULL: it has content, or is no publication */
    struct publish_trace trace;
};

/** Makes the request the context of `http`. */
struct operation_request *operation_request_new(struct hub *hub, struct http_request *http);

/** The value of a parameter that may occur at most once; refuses the request (400) and returns NULL
 * when it occurs more often, or not at all or empty while `required`. `*refused` tells which NULL
 * it is. */
const char *operation_parameter(struct operation_request *request, const char *name, bool required,
                                bool *refused);
/** Reads and checks hub.topic (or `alias`, when given); false: refused. */
bool operation_take_topic(struct operation_request *request, const char *alias);

/**
 * With compat.mosip and the request's one topic in the query (hub.topic or hub.url): goes on with
 * `next` once it is known which of its readings (topic_readings.h) is meant, and request->topic is
 * that: the first that is registered, else the last. `next` may be on another thread. Before
 * anything is decided about the topic.
 */
void operation_choose_topic(struct operation_request *request,
                            void (*next)(struct operation_request *request));

/**
 * Goes on with `on_topic` when the topic is registered, or can be registered at once
 * (hub.auto_register); refuses otherwise. `on_topic` finds it in view_wait.found.
 */
void operation_with_topic(struct operation_request *request,
                          void (*on_topic)(struct operation_request *request));

/** Completes `event` (its strings are borrowed) and writes it; `written` is to answer the request.
 */
void operation_write_event(struct operation_request *request, struct event *event,
                           event_written_fn written);

/* Answers; each ends the request. */
void operation_accept(struct operation_request *request, unsigned status);
/** 204, as hubs answer light pings since PubSubHubbub 0.3. */
void operation_accept_silently(struct operation_request *request);
void operation_refuse(struct operation_request *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** 503 with Retry-After: nothing is reported as accepted. */
void operation_unavailable(struct operation_request *request, const char *reason);

/** The answer to what is refused before there is an operation. */
void operation_respond_denied(struct http_request *http, unsigned status, const char *reason);

/* The operations: one file each. */
void register_handle(struct operation_request *request);
void deregister_handle(struct operation_request *request);
void subscribe_handle(struct operation_request *request); /**< and unsubscribe */
void publish_handle(struct operation_request *request);
void ping_handle(struct operation_request *request); /**< a publication without content */
/** How many topics are pinged; 0: it is no ping. */
size_t ping_topic_count(const struct operation_request *request);

#endif
