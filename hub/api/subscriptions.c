/* /subscriptions: which there are, whose, in what condition. */
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"
#include "hub/api/request.h"
#include "hub/catalog.h"

enum { DEFAULT_LIMIT = 50, MAX_LIMIT = 1000 };

#define MAX_LAG (INT64_C(1) << 53) /* the largest that all JSON readers take */

static json_t *or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *encode_location(const struct catalog_subscription *s)
{
    if (s->verified_at_ms <= 0 || !s->location.kafka_topic)
        return json_null();
    return json_pack("{s:s, s:i}", "kafka_topic", s->location.kafka_topic, "partition",
                     (int)s->location.partition);
}

static json_t *encode_lag(const struct lag_figure *lag)
{
    if (lag->messages < 0)
        return json_null();
    return json_pack("{s:I, s:b, s:o}", "messages", (json_int_t)lag->messages, "exact",
                     (int)lag->exact, "seconds",
                     lag->age_ms < 0 ? json_null() : json_real((double)lag->age_ms / 1000));
}

static json_t *encode_failure(const struct catalog_subscription *s)
{
    if (s->last_failure_ms <= 0)
        return json_null();
    return json_pack("{s:o, s:s, s:o, s:I}", "at", api_time(s->last_failure_ms), "reason",
                     s->failure ? s->failure : "", "status",
                     s->failure_status > 0 ? json_integer(s->failure_status) : json_null(),
                     "failures", (json_int_t)s->failures);
}

json_t *api_encode_subscription(const struct catalog_subscription *s)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, "
        "s:o, "
        "s:o, s:o}",
        "id", s->id, "topic", s->topic, "callback", s->callback, "status",
        subscription_status_name(s->status), "owner", or_null(s->owner), "reason",
        or_null(s->reason), "signed", (int)(s->secret.text != NULL), "signature_method",
        s->method >= 0 ? json_string(signature_method_name((enum signature_method)s->method))
                       : json_null(),
        "max_in_flight", (json_int_t)s->max_in_flight, "lease_seconds",
        (json_int_t)s->lease_seconds, "created_at", api_time(s->created_at_ms), "verified_at",
        api_time(s->verified_at_ms), "lease_end", api_time(s->lease_end_ms), "pending_requests",
        (json_int_t)s->pending_count, "location", encode_location(s), "position",
        s->lag.position < 0 ? json_null() : json_integer(s->lag.position), "lag",
        encode_lag(&s->lag), "last_success_at", api_time(s->last_success_ms), "last_failure",
        encode_failure(s), "next_attempt_at", api_time(s->next_attempt_ms));
    ENSURE(object != NULL);
    return object;
}

static bool take_filter(struct api_request *request, struct catalog_filter *filter)
{
    /* In the order of enum subscription_status. */
    static const char *const statuses[] = {"requested", "active", "suspended", "lapsed",
                                           "ending",    "paused", NULL};
    int status;
    int64_t messages, seconds;
    if (!api_take_choice(request, "status", statuses, &status) ||
        !api_take_integer(request, "min_lag_messages", 1, MAX_LAG, 0, &messages) ||
        !api_take_integer(request, "min_lag_seconds", 1, MAX_LAG, 0, &seconds))
        return false;
    *filter = (struct catalog_filter){
        .topic = form_get(&request->query, "topic"),
        .callback_host = form_get(&request->query, "callback_host"),
        .owner = form_get(&request->query, "owner"),
        .statuses = status >= 0 ? 1u << status : 0,
        .min_lag_messages = messages,
        .min_lag_ms = seconds * 1000,
    };
    if (request->is_operator)
        return true;
    if (filter->owner && strcmp(filter->owner, request->identity->name) != 0) {
        api_problem(request, 403, "owner", "only operators see what is others'");
        return false;
    }
    filter->owner = request->identity->name;
    return true;
}

void api_subscriptions_list(struct api_request *request)
{
    struct catalog_filter filter;
    const char *after = form_get(&request->query, "cursor");
    int64_t limit;
    if (!api_require_catalog(request) || !take_filter(request, &filter) ||
        !api_take_integer(request, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT, &limit))
        return;
    if (after && !api_is_subscription_id(after)) {
        api_problem(request, 400, "cursor", "is no cursor of this list");
        return;
    }
    struct catalog_subscription *found = xcalloc((size_t)limit + 1, sizeof(*found));
    size_t count = catalog_list(request->hub->catalog, &filter, after, (size_t)limit + 1, found);
    bool more = count > (size_t)limit;
    json_t *items = json_array();
    for (size_t i = 0; i < count && i < (size_t)limit; i++)
        json_array_append_new(items, api_encode_subscription(&found[i]));
    json_t *cursor = more ? json_string(found[limit - 1].id) : json_null();
    for (size_t i = 0; i < count; i++)
        catalog_subscription_fini(&found[i]);
    free(found);
    api_respond_page(request, items, cursor);
}

void api_subscriptions_get(struct api_request *request)
{
    struct catalog_subscription s;
    if (!api_require_catalog(request) || !api_take_subscription(request, &s))
        return;
    json_t *object = api_encode_subscription(&s);
    catalog_subscription_fini(&s);
    api_respond(request, 200, object);
}
