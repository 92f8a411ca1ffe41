#include "hub/event_gate.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "hub/hub.h"

static bool is_known_there(const struct hub *hub, const struct event *event)
{
    int level = event_level(event);
    if (level == 1)
        return true;
    char *key = event_key(event);
    int32_t shard = id_partition(key, strlen(key), hub->layout.partitions);
    free(key);
    return view_has_level(hub->view, shard, level);
}

int event_gate_send(struct hub *hub, const struct event *event, event_written_fn written,
                    void *context, struct error *error)
{
    if (!is_known_there(hub, event))
        return error_set(error, ERROR_UNAVAILABLE, true,
                         "the consolidators are of an older version that does not know this yet");
    return event_writer_send(hub->events, event, written, context, error);
}
