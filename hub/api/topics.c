/* /topics: what is registered, and where its messages lie. Topics are no secret of one
 * subscriber's, but which there are is the operators' business. */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "hub/api/request.h"

enum { DEFAULT_LIMIT = 50, MAX_LIMIT = 1000 };

static json_t *encode(const struct view_topic_entry *entry)
{
    json_t *topic = json_pack("{s:s, s:s, s:o, s:s, s:i}", "id", entry->id, "topic", entry->topic,
                              "registered_at", api_time(entry->registered_at_ms), "kafka_topic",
                              entry->kafka_topic, "partition", (int)entry->partition);
    ENSURE(topic != NULL);
    return topic;
}

void api_topics_list(struct api_request *request)
{
    int64_t limit;
    const char *filter = form_get(&request->query, "topic");
    const char *after = form_get(&request->query, "cursor");
    if (!api_require_operator(request) ||
        !api_take_integer(request, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT, &limit))
        return;
    struct view_topic_entry *entries = xcalloc((size_t)limit + 1, sizeof(*entries));
    size_t count = view_list_topics(request->hub->view, filter ? filter : "", after ? after : "",
                                    entries, (size_t)limit + 1);
    json_t *items = json_array();
    for (size_t i = 0; i < count && i < (size_t)limit; i++)
        json_array_append_new(items, encode(&entries[i]));
    bool more = count > (size_t)limit;
    json_t *cursor = more ? json_string(entries[limit - 1].topic) : json_null();
    for (size_t i = 0; i < count; i++)
        view_topic_entry_fini(&entries[i]);
    free(entries);
    api_respond_page(request, items, cursor);
}

void api_topics_get(struct api_request *request)
{
    struct view_topic_entry entry;
    if (!api_require_operator(request))
        return;
    if (!view_get_topic(request->hub->view, request->id, &entry)) {
        api_problem(request, 404, NULL, "there is no topic with this id");
        return;
    }
    json_t *topic = encode(&entry);
    view_topic_entry_fini(&entry);
    api_respond(request, 200, topic);
}
