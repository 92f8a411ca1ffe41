/** What the hub's operations share. Made in front.c; read-only after the start. */
#ifndef WEBSUB_HUB_HUB_H
#define WEBSUB_HUB_HUB_H

#include "common/access_rule.h"
#include "common/address_guard.h"
#include "common/config.h"
#include "common/event_writer.h"
#include "common/http_server.h"
#include "common/kafka_admin.h"
#include "common/kafka_producer.h"
#include "common/keyring.h"
#include "common/metrics.h"
#include "common/tracer.h"
#include "hub/auth/authenticator.h"
#include "hub/authorisation.h"
#include "hub/catalog.h"
#include "hub/lag.h"
#include "hub/message_reader.h"
#include "hub/message_topics.h"
#include "hub/policy.h"
#include "hub/positions.h"
#include "hub/rate_limit.h"
#include "hub/registrar.h"
#include "hub/status_reader.h"
#include "hub/view.h"

enum operation {
    OPERATION_REGISTER = ACCESS_REGISTER,
    OPERATION_DEREGISTER = ACCESS_DEREGISTER,
    OPERATION_SUBSCRIBE = ACCESS_SUBSCRIBE,
    OPERATION_UNSUBSCRIBE = ACCESS_UNSUBSCRIBE,
    OPERATION_PUBLISH = ACCESS_PUBLISH,
    OPERATION_MISSED_MESSAGES = ACCESS_OPERATION_COUNT, /**< allowed by its signature alone */
    OPERATION_OTHER,                                    /**< could not be told */
    OPERATION_COUNT
};

struct hub_metrics {
    struct counter *accepted[OPERATION_COUNT];
    struct counter *refused[OPERATION_COUNT];     /**< 4xx */
    struct counter *unavailable[OPERATION_COUNT]; /**< 5xx */
    struct view_metrics view;
    struct counter *published_bytes;
    struct histogram *publish_seconds;
    struct counter *malformed_reports;
    struct gauge *behind;
    struct authenticator_metrics authentications;
};

struct hub {
    struct config config;
    struct address_guard guard; /**< of callbacks; the dispatcher's counts */
    struct kafka_names names;
    struct kafka_layout layout;
    struct keyring *keyring;                /**< for subscriptions' secrets */
    struct kafka_producer *producer;        /**< of messages */
    struct kafka_producer *events_producer; /**< of events */
    struct message_topics *message_topics;
    struct event_writer *events;
    struct catalog *catalog; /**< NULL: nobody needs it, or wants it (hub.catalog) */
    struct view *view;
    struct positions *positions;           /**< NULL: no catalog */
    struct message_reader *message_reader; /**< likewise */
    struct fleet *fleet;                   /**< likewise */
    struct status_reader *status_reader;   /**< likewise */
    struct lag *lag;                       /**< likewise */
    struct registrar *registrar;
    /* admission.h */
    struct authenticator *authenticator;             /**< NULL: auth.mode "none" */
    struct authorisation *authorisation;             /**< likewise */
    struct policy *policy;                           /**< NULL: there is none */
    struct rate_limit *rate_limits[OPERATION_OTHER]; /**< NULL: no limit */
    struct hub_metrics metrics;
    struct tracer *tracer; /**< NULL: no tracing */
};

#endif
