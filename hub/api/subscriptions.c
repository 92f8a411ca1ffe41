/* /subscriptions: which there are, whose, in what condition. */
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"
#include "hub/api/request.h"
#include "hub/catalog.h"

enum { DEFAULT_LIMIT = 50, MAX_LIMIT = 1000 };

static json_t *or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *encode(const struct catalog_subscription *s)
{
    bool verified = s->verified_at_ms > 0;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:o}", "id", s->id,
        "topic", s->topic, "callback", s->callback, "status", subscription_status_name(s->status),
        "owner", or_null(s->owner), "reason", or_null(s->reason), "signed",
        (int)(s->secret.text != NULL), "signature_method",
        s->method >= 0 ? json_string(signature_method_name((enum signature_method)s->method))
                       : json_null(),
        "max_in_flight", (json_int_t)s->max_in_flight, "lease_seconds",
        (json_int_t)s->lease_seconds, "created_at", api_time(s->created_at_ms), "verified_at",
        api_time(s->verified_at_ms), "lease_end", api_time(s->lease_end_ms), "pending_requests",
        (json_int_t)s->pending_count, "location",
        verified && s->location.kafka_topic
            ? json_pack("{s:s, s:i}", "kafka_topic", s->location.kafka_topic, "partition",
                        (int)s->location.partition)
            : json_null());
    ENSURE(object != NULL);
    return object;
}

static bool have_catalog(struct api_request *request)
{
    if (!request->hub->catalog)
        api_problem(request, 503, NULL, "this hub keeps no subscriptions in memory (hub.catalog)");
    return request->hub->catalog;
}

static bool take_filter(struct api_request *request, struct catalog_filter *filter)
{
    /* In the order of enum subscription_status. */
    static const char *const statuses[] = {"requested", "active", "suspended", "lapsed",
                                           "ending",    "paused", NULL};
    int status;
    if (!api_take_choice(request, "status", statuses, &status))
        return false;
    *filter = (struct catalog_filter){
        .topic = form_get(&request->query, "topic"),
        .callback_host = form_get(&request->query, "callback_host"),
        .owner = form_get(&request->query, "owner"),
        .statuses = status >= 0 ? 1u << status : 0,
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
    if (!have_catalog(request) || !take_filter(request, &filter) ||
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
        json_array_append_new(items, encode(&found[i]));
    json_t *cursor = more ? json_string(found[limit - 1].id) : json_null();
    for (size_t i = 0; i < count; i++)
        catalog_subscription_fini(&found[i]);
    free(found);
    api_respond_page(request, items, cursor);
}

void api_subscriptions_get(struct api_request *request)
{
    struct catalog_subscription s;
    if (!have_catalog(request) || !api_take_subscription(request, &s))
        return;
    json_t *object = encode(&s);
    catalog_subscription_fini(&s);
    api_respond(request, 200, object);
}
