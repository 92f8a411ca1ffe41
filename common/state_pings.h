/** Inside the codec of state: light pings of a topic that no fetch has settled yet. */
#ifndef WEBSUB_COMMON_STATE_PINGS_H
#define WEBSUB_COMMON_STATE_PINGS_H

#include <jansson.h>

#include "common/state.h"

void state_put_pings(json_t *object, const struct topic_pings *pings);
/** What is malformed is told in `problem`; what was set until then is the topic's. */
void state_take_pings(const json_t *object, struct topic_pings *pings, struct error *problem);

#endif
