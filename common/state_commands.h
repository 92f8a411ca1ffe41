/** Inside the codec of state: what operators had done with a subscription. */
#ifndef WEBSUB_COMMON_STATE_COMMANDS_H
#define WEBSUB_COMMON_STATE_COMMANDS_H

#include <jansson.h>

#include "common/state.h"

void state_put_commands(json_t *object, const struct subscription_state *subscription);
/** What is malformed is told in `problem`; what was set until then is the subscription's. */
void state_take_commands(const json_t *object, struct subscription_state *subscription,
                         struct error *problem);

#endif
