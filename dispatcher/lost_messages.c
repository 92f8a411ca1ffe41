#include "dispatcher/lost_messages.h"

#include "common/clock.h"
#include "common/id.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "dispatcher/channel.h"

enum { LOOK_UP_MS = 1000, AGAIN_MS = 60 * 1000 };

static rd_kafka_topic_partition_t *add(rd_kafka_topic_partition_list_t *list,
                                       const struct message_partition *partition, int64_t at)
{
    rd_kafka_topic_partition_t *added =
        rd_kafka_topic_partition_list_add(list, partition->kafka_topic, partition->partition);
    added->offset = at;
    return added;
}

static void ask(struct dispatcher *dispatcher, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code =
        kafka_ask_offsets(kafka_producer_handle(dispatcher->producer), list, LOOK_UP_MS);
    for (int i = 0; i < list->cnt && code != RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        list->elems[i].err = code;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warning("dispatcher.ends_unknown", LOG_STR("reason", rd_kafka_err2str(code)));
}

/** Where those beyond the end go on: the same for all of them, so Kafka is asked once. */
static int64_t find_back(struct dispatcher *dispatcher, struct shard_offset *offset)
{
    if (offset->back >= 0)
        return offset->back;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    const rd_kafka_topic_partition_t *at = add(list, offset->partition, clock_wall_ms() - AGAIN_MS);
    ask(dispatcher, list);
    /* No message is that new: RD_KAFKA_OFFSET_END. */
    int64_t back =
        at->err == RD_KAFKA_RESP_ERR_NO_ERROR && at->offset >= 0 ? at->offset : offset->end;
    rd_kafka_topic_partition_list_destroy(list);
    offset->back = back < offset->end ? back : offset->end;
    return offset->back;
}

static void take_end(struct dispatcher *dispatcher, const struct shard *shard,
                     struct shard_offset *offset, int64_t end)
{
    offset->end = end;
    if (offset->commit.offset <= end)
        return;
    int64_t back = find_back(dispatcher, offset);
    log_error("dispatcher.messages_lost", LOG_INT("shard", shard->number),
              LOG_STR("kafka_topic", offset->partition->kafka_topic),
              LOG_INT("partition", offset->partition->partition),
              LOG_INT("committed", offset->commit.offset), LOG_INT("end", end),
              LOG_INT("set_back_to", back),
              LOG_STR("reason", "Kafka has lost messages that it had confirmed"));
    offset->commit.offset = back;
    offset->committed_ms = INT64_MIN; /* to be written, whatever it is compared with */
}

void lost_messages_look_up(struct dispatcher *dispatcher, struct shard *shard)
{
    struct shard_offset *offset, *next;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        offset->end = offset->back = -1;
        add(list, offset->partition, RD_KAFKA_OFFSET_END)->opaque = offset;
    }
    ask(dispatcher, list);
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].offset >= 0)
            take_end(dispatcher, shard, list->elems[i].opaque, list->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(list);
}

void lost_messages_set_back(struct dispatcher *dispatcher, struct shard_offset *offset,
                            struct subscription_state *state)
{
    struct error error;
    char request[ID_UUID_SIZE];
    if (offset->end < 0 || state->position.offset <= offset->end)
        return;
    id_uuid7(request);
    const struct event event = {
        .type = EVENT_DELIVERY_MOVE,
        .at_ms = clock_wall_ms(),
        .topic = state->topic,
        .callback = state->callback,
        .request_id = request,
        .by_operator = true,
        .method = -1,
        .offset = find_back(dispatcher, offset),
        .location = state->location,
    };
    log_error("delivery.messages_lost", LOG_STR("subscription", state->id),
              LOG_STR("topic", state->topic), LOG_INT("position", state->position.offset),
              LOG_INT("end", offset->end), LOG_INT("set_back_to", event.offset));
    if (event_writer_send(dispatcher->events, &event, NULL, NULL, &error) != 0)
        log_warning("delivery.not_set_back", LOG_STR("subscription", state->id),
                    LOG_STR("reason", error.message)); /* the next owner tries it again */
    state->position.offset = event.offset;
}
