#include "client/migration/old_groups.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

/* Requests under way at a time: librdkafka asks for one group each. */
enum { WINDOW = 200, ANSWER_MS = 60000 };

/** In a set of names, which are another's. */
struct name {
    const char *text;
    UT_hash_handle hh;
};

/* --- offsets --- */

static void ask_offsets(rd_kafka_t *rk, const struct old_hub *hub, size_t index,
                        rd_kafka_queue_t *queue)
{
    const struct mosip_subscription *subscription = &hub->subscriptions.items[index];
    const struct old_topic *topic = old_hub_find(hub, subscription->topic);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(topic->partition_count);
    for (int32_t i = 0; i < topic->partition_count; i++)
        rd_kafka_topic_partition_list_add(list, topic->name, i);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(subscription->group, list);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_AdminOptions_set_opaque(options, &hub->committed[index]);
    rd_kafka_ListConsumerGroupOffsets(rk, &request, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

static int take_group(const rd_kafka_group_result_t *group, int64_t *committed, struct error *error)
{
    const rd_kafka_error_t *problem = rd_kafka_group_result_error(group);
    if (problem)
        return kafka_error(error, rd_kafka_error_code(problem), rd_kafka_group_result_name(group));
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(group);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        if (at->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_error(error, at->err, rd_kafka_group_result_name(group));
        if (at->offset >= 0)
            committed[at->partition] = at->offset;
    }
    return 0;
}

static int take_offsets(rd_kafka_event_t *event, struct error *error)
{
    if (!event)
        return kafka_error(error, RD_KAFKA_RESP_ERR__TIMED_OUT, "offsets of consumer groups");
    size_t count = 0;
    int result = 0;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        result = kafka_error(error, rd_kafka_event_error(event), "offsets of consumer groups");
    } else {
        int64_t **committed = rd_kafka_event_opaque(event);
        const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
        for (size_t i = 0; i < count && result == 0; i++)
            result = take_group(groups[i], *committed, error);
    }
    rd_kafka_event_destroy(event);
    return result;
}

int old_groups_read_offsets(rd_kafka_t *rk, struct old_hub *hub, struct error *error)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    size_t asked = 0, waiting = 0;
    int result = 0;
    while (result == 0 && (asked < hub->subscriptions.count || waiting > 0)) {
        if (asked < hub->subscriptions.count && waiting < WINDOW) {
            if (hub->committed[asked]) {
                ask_offsets(rk, hub, asked, queue);
                waiting++;
            }
            asked++;
        } else {
            result = take_offsets(rd_kafka_queue_poll(queue, ANSWER_MS), error);
            waiting--;
        }
    }
    rd_kafka_queue_destroy(queue);
    return result;
}

/* --- members --- */

/** The subscriptions' groups among those that have members. */
static size_t count_known(const struct old_hub *hub,
                          const rd_kafka_ListConsumerGroups_result_t *list)
{
    size_t count, known = 0;
    const rd_kafka_ConsumerGroupListing_t **groups =
        rd_kafka_ListConsumerGroups_result_valid(list, &count);
    struct name *names = NULL, *name, *next;
    for (size_t i = 0; i < count; i++) {
        name = xcalloc(1, sizeof(*name));
        name->text = rd_kafka_ConsumerGroupListing_group_id(groups[i]);
        HASH_ADD_KEYPTR(hh, names, name->text, strlen(name->text), name);
    }
    for (size_t i = 0; i < hub->subscriptions.count; i++) {
        HASH_FIND_STR(names, hub->subscriptions.items[i].group, name);
        known += name != NULL;
    }
    HASH_ITER(hh, names, name, next)
    {
        HASH_DEL(names, name);
        free(name);
    }
    return known;
}

int old_groups_count_connected(rd_kafka_t *rk, struct old_hub *hub, struct error *error)
{
    const rd_kafka_consumer_group_state_t states[] = {
        RD_KAFKA_CONSUMER_GROUP_STATE_STABLE,
        RD_KAFKA_CONSUMER_GROUP_STATE_PREPARING_REBALANCE,
        RD_KAFKA_CONSUMER_GROUP_STATE_COMPLETING_REBALANCE,
    };
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_error_t *problem = rd_kafka_AdminOptions_set_match_consumer_group_states(
        options, states, sizeof(states) / sizeof(states[0]));
    ENSURE(!problem);
    rd_kafka_ListConsumerGroups(rk, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    int result = 0;
    if (!event)
        result = kafka_error(error, RD_KAFKA_RESP_ERR__TIMED_OUT, "list of consumer groups");
    else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        result = kafka_error(error, rd_kafka_event_error(event), "list of consumer groups");
    else
        hub->connected = count_known(hub, rd_kafka_event_ListConsumerGroups_result(event));
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return result;
}
