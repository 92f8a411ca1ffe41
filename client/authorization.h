/** Who makes libwebsub's requests: the header line that says so, and is a secret. */
#ifndef WEBSUB_CLIENT_AUTHORIZATION_H
#define WEBSUB_CLIENT_AUTHORIZATION_H

#include "client/websub.h"

/**
 * "Authorization: ..." of what the options offer; `*line` stays NULL when that is nothing. Free it
 * with authorization_free. @returns -1 when it is malformed: nothing of it is in the message.
 */
int authorization_make(const struct websub_client_options *options, char **line,
                       struct websub_error *error);
/** Wipes it. NULL is allowed. */
void authorization_free(char *line);

#endif
