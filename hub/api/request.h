/** One request to the API on its way; freed with its HTTP request. Shared by the files of api/. */
#ifndef WEBSUB_HUB_API_REQUEST_H
#define WEBSUB_HUB_API_REQUEST_H

#include <jansson.h>

#include "common/form.h"
#include "hub/hub.h"
#include "hub/message_reader.h"

struct api_request {
    struct hub *hub;
    struct http_request *http;
    const struct api_route *route;
    char *id;          /**< what stands for "{id}" in the path, decoded; NULL: nothing does */
    struct form query; /**< parameters */
    struct authentication authentication;
    struct identity *identity; /**< NULL without authentication */
    bool is_operator;
};

struct api_route {
    const char *method;
    const char *path;                     /**< below /api/v1/, "{id}" for any segment */
    const char *const *parameters;        /**< of the query; NULL-terminated; others are refused */
    void (*handle)(struct api_request *); /**< @locality any thread */
};

/* Answers; each ends the request. */
/** Consumes `body`. */
void api_respond(struct api_request *request, unsigned status, json_t *body);
/** A page of a list. Consumes both; `cursor` is null after the last one. */
void api_respond_page(struct api_request *request, json_t *items, json_t *cursor);
/** `parameter`: the name of the one that is wrong, or NULL. */
void api_problem(struct api_request *request, unsigned status, const char *parameter,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Before there is a request. */
void api_respond_problem(struct http_request *http, unsigned status, const char *parameter,
                         const char *detail);

/* Parameters: false when the value is wrong and the request was answered. */
bool api_take_integer(struct api_request *request, const char *name, int64_t min, int64_t max,
                      int64_t fallback, int64_t *value);
/** A time, in milliseconds since 1970. */
bool api_take_time(struct api_request *request, const char *name, int64_t fallback, int64_t *ms);
/** One of `choices` (NULL-terminated); `*index` -1 when it is not given. */
bool api_take_choice(struct api_request *request, const char *name, const char *const *choices,
                     int *index);

/** Whether whoever asks may see what belongs to `owner` (NULL: to nobody). */
bool api_may_see(const struct api_request *request, const char *owner);

/** A time as RFC 3339, or null for 0. */
json_t *api_time(int64_t wall_ms);

/** A subscription as lists and answers show it. */
json_t *api_encode_subscription(const struct catalog_subscription *subscription);
/** A message, or a dead letter, with its body. */
json_t *api_encode_message(const struct message_row *row, bool is_letter);

/** Whether the text can be the id of a subscription. */
bool api_is_subscription_id(const char *text);

/** False: it is no operator who asks, and was told so. */
bool api_require_operator(struct api_request *request);
/** False: this hub keeps no subscriptions in memory, and that was told. */
bool api_require_catalog(struct api_request *request);
/**
 * Copies the subscription that the path names, to be finished by the caller, if whoever asks may
 * see it; false: answered 404, the same whether there is none or it is another's. `*s` is then
 * empty.
 */
bool api_take_subscription(struct api_request *request, struct catalog_subscription *s);

/* The resources: one file each. */
void api_overview_get(struct api_request *request);
void api_topics_list(struct api_request *request);
void api_topics_get(struct api_request *request);
void api_subscriptions_list(struct api_request *request);
void api_subscriptions_get(struct api_request *request);
void api_missed_messages_list(struct api_request *request);
void api_attempts_list(struct api_request *request);
void api_subscription_pause(struct api_request *request);
void api_subscription_resume(struct api_request *request);
void api_subscription_move(struct api_request *request);
void api_subscription_redeliver(struct api_request *request);
void api_subscription_delete(struct api_request *request);

#endif
