/** How one of the message reader's threads does a read: shared by the message reader's files only.
 */
#ifndef WEBSUB_HUB_MESSAGE_SCAN_H
#define WEBSUB_HUB_MESSAGE_SCAN_H

#include <stdatomic.h>

#include "hub/message_reader.h"

struct message_scanner;

/** `stopping` ends a read early, as an error. Makes its Kafka client when it is first needed. */
struct message_scanner *message_scanner_new(const struct config *config,
                                            const atomic_bool *stopping);
void message_scanner_free(struct message_scanner *scanner);

/** Fills the answer. Blocks up to the read's time-out, and a second more. @locality one thread */
int message_scanner_read(struct message_scanner *scanner, struct message_read *read,
                         struct error *error);

#endif
