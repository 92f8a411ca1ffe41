#include "client/migration/mosip_list.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "client/migration/mosip_name.h"
#include "common/panic.h"
#include "common/stored_secret.h"

/** The array; NULL on failure. Release with json_decref. */
static json_t *parse_array(const void *bytes, size_t length, struct error *error)
{
    json_error_t where;
    json_t *array = json_loadb(bytes, length, 0, &where);
    if (!array)
        error_set(error, ERROR_INVALID, false, "not JSON: %s at byte %d", where.text,
                  where.position);
    else if (!json_is_array(array))
        error_set(error, ERROR_INVALID, false, "not a JSON array");
    if (json_is_array(array))
        return array;
    json_decref(array);
    return NULL;
}

/** A copy of a member; NULL when it is no string, or an empty one. */
static char *take(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? xstrdup(text) : NULL;
}

static int refuse_entry(struct error *error, size_t index, const char *member)
{
    return error_set(error, ERROR_INVALID, false, "entry %zu has no \"%s\"", index + 1, member);
}

int mosip_list_parse_topics(const void *bytes, size_t length, struct string_list *topics,
                            struct error *error)
{
    json_t *array = parse_array(bytes, length, error);
    const json_t *entry;
    size_t i;
    int result = array ? 0 : -1;
    topics->items = xcalloc(json_array_size(array) + 1, sizeof(*topics->items));
    topics->count = 0;
    json_array_foreach(array, i, entry)
    {
        char *topic = take(entry, "topic");
        if (!topic) {
            result = refuse_entry(error, i, "topic");
            break;
        }
        topics->items[topics->count++] = topic;
    }
    json_decref(array);
    if (result != 0)
        mosip_topics_fini(topics);
    return result;
}

/** Only digits: a subscriber could write anything there. */
static int64_t parse_lease(const json_t *entry)
{
    const char *text = json_string_value(json_object_get(entry, "hubLeaseSeconds"));
    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return 0;
    errno = 0;
    long long seconds = strtoll(text, NULL, 10);
    return errno == ERANGE ? INT64_MAX : seconds;
}

static int parse_subscription(const json_t *entry, size_t index, struct mosip_subscription *s,
                              struct error *error)
{
    s->topic = take(entry, "hubTopic");
    s->callback = take(entry, "hubCallback");
    s->secret = take(entry, "hubSecret");
    s->group = take(entry, "consumerGroup");
    s->lease_seconds = parse_lease(entry);
    if (!s->topic)
        return refuse_entry(error, index, "hubTopic");
    if (!s->callback)
        return refuse_entry(error, index, "hubCallback");
    if (!s->group)
        s->group = mosip_group(s->topic, s->callback);
    return 0;
}

int mosip_list_parse_subscriptions(const void *bytes, size_t length,
                                   struct mosip_subscriptions *list, struct error *error)
{
    json_t *array = parse_array(bytes, length, error);
    const json_t *entry;
    size_t i;
    int result = array ? 0 : -1;
    list->items = xcalloc(json_array_size(array) + 1, sizeof(*list->items));
    list->count = 0;
    json_array_foreach(array, i, entry)
    {
        result = parse_subscription(entry, i, &list->items[list->count++], error);
        if (result != 0)
            break;
    }
    json_decref(array);
    if (result != 0)
        mosip_subscriptions_fini(list);
    return result;
}

void mosip_topics_fini(struct string_list *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        free(topics->items[i]);
    free(topics->items);
    *topics = (struct string_list){0};
}

void mosip_subscriptions_fini(struct mosip_subscriptions *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct mosip_subscription *s = &list->items[i];
        free(s->topic);
        free(s->callback);
        free(s->group);
        secret_free(s->secret);
    }
    free(list->items);
    *list = (struct mosip_subscriptions){0};
}
