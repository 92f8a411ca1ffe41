/**
 * MOSIP's call for missed messages: GET on the hub's URL, signed with the subscription's secret,
 * which is all the authentication that it needs (missed_query.h). Missed is what was published
 * since a time and not confirmed by the subscription, what was given up included (missed_page.h).
 */
#ifndef WEBSUB_HUB_MISSED_MESSAGES_H
#define WEBSUB_HUB_MISSED_MESSAGES_H

#include "hub/hub.h"

/** Leads to exactly one answer. @locality server thread */
void missed_messages_handle(struct hub *hub, struct http_request *http);

#endif
