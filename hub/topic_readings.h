/**
 * What a topic in a query may mean. How often it was percent-encoded is not certain (MOSIP's
 * clients do it twice), nor whether a '+' is a blank or, as they mean it, one. Pure.
 */
#ifndef WEBSUB_HUB_TOPIC_READINGS_H
#define WEBSUB_HUB_TOPIC_READINGS_H

#include <stddef.h>

#include "common/error.h"

#define TOPIC_READINGS_MAX 4

struct topic_readings {
    char *topics[TOPIC_READINGS_MAX]; /**< owned; valid topics, all different; first what the
                                         standard says it is, last what MOSIP's clients mean */
    size_t count;
};

/**
 * Reads the parameter `name` of a query in which it occurs once. ERROR_INVALID when it is no topic
 * however it is read, or the query is no form; then `*readings` needs no cleanup.
 */
int topic_readings_init(struct topic_readings *readings, const char *query, const char *name,
                        struct error *error);
void topic_readings_fini(struct topic_readings *readings);

#endif
