/** What libcurl's codes mean for an exchange that got no answer. Pure. */
#ifndef WEBSUB_DISPATCHER_HTTP_OUTCOME_H
#define WEBSUB_DISPATCHER_HTTP_OUTCOME_H

#include "dispatcher/http_client.h"

/** `was_connected`: the request could be sent. */
enum http_outcome http_outcome_of_code(CURLcode code, bool was_connected);

#endif
