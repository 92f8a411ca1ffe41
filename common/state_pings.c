#include "common/state_pings.h"

#include "common/json.h"

void state_put_pings(json_t *object, const struct topic_pings *pings)
{
    json_put_positive(object, "pinged", pings->oldest);
    json_put_positive(object, "pinged_at", pings->oldest_at_ms);
    trace_headers_put(object, "trace", &pings->trace);
    json_put_positive(object, "fetching", pings->fetching);
    json_put_positive(object, "again", pings->again);
    json_put_positive(object, "again_at", pings->again_at_ms);
    trace_headers_put(object, "again_trace", &pings->again_trace);
    json_put_true(object, "disturbed", pings->disturbed);
}

void state_take_pings(const json_t *object, struct topic_pings *pings, struct error *problem)
{
    pings->oldest = json_take_bounded(object, "pinged", INT64_MAX, problem);
    pings->oldest_at_ms = json_take_bounded(object, "pinged_at", RECORD_MAX_MS, problem);
    trace_headers_take(object, "trace", &pings->trace, problem);
    pings->fetching = json_take_bounded(object, "fetching", INT64_MAX, problem);
    pings->again = json_take_bounded(object, "again", INT64_MAX, problem);
    pings->again_at_ms = json_take_bounded(object, "again_at", RECORD_MAX_MS, problem);
    trace_headers_take(object, "again_trace", &pings->again_trace, problem);
    pings->disturbed = json_take_bool(object, "disturbed", problem);
}

void topic_pings_fini(struct topic_pings *pings)
{
    trace_headers_fini(&pings->trace);
    trace_headers_fini(&pings->again_trace);
    *pings = (struct topic_pings){0};
}
