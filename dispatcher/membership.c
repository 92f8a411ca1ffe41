/*
 * The fence. A process that was stopped and wakes up does not know that it was away. Therefore
 * loops start deliveries only until dispatcher.member_until_ms, and that moves on only by an answer
 * of the group's coordinator that names us as a member. The coordinator counts the session time-out
 * from our last heartbeat, which may be a heartbeat's interval older than that answer.
 */
#include "common/clock.h"
#include "common/log.h"
#include "dispatcher/control_internal.h"

static bool owns_shards(const struct control *control)
{
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i])
            return true;
    return false;
}

/*
 * A mock cluster cannot be asked, and nobody else would take our shards there. (Asking it anyway
 * hangs librdkafka 2.0.2: what it refuses to send, it answers while it holds a lock of its own.)
 */
void membership_check(struct control *control)
{
    if (control->dispatcher->layout.is_mock) {
        membership_on_checked(control, clock_monotonic_ms(), NULL);
        return;
    }
    char *member_id = owns_shards(control) ? rd_kafka_memberid(control->rk) : NULL;
    if (!member_id)
        return;
    shard_offsets_check_member(control->offsets, control->dispatcher->names.group_dispatchers,
                               member_id);
    control->checking = true;
    rd_kafka_mem_free(control->rk, member_id);
}

void membership_on_checked(void *context, int64_t sent_ms, const struct error *error)
{
    struct control *control = context;
    struct dispatcher *dispatcher = control->dispatcher;
    control->checking = false;
    if (error) {
        log_warning("dispatcher.membership_unconfirmed", LOG_STR("reason", error->message));
        return;
    }
    bool was_out = clock_monotonic_ms() >= atomic_load(&dispatcher->member_until_ms);
    atomic_store(&dispatcher->member_until_ms, sent_ms + dispatcher->config.kafka.session_timeout -
                                                   control_heartbeat_ms(control));
    if (was_out)
        for (int i = 0; i < dispatcher->loop_count; i++)
            loop_resume(dispatcher->loops[i]);
}
