/**
 * What MOSIP's call for missed messages asks for: the query of its URL, and its signature. Pure.
 *
 * The signature is the base64 of HMAC-SHA256 over topic, callback, timestamp, pageindex and, if it
 * is there and not empty, messageCount, one after the other, each as the client means it: decoded.
 */
#ifndef WEBSUB_HUB_MISSED_QUERY_H
#define WEBSUB_HUB_MISSED_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "hub/topic_readings.h"

#define MISSED_DEFAULT_COUNT 10
#define MISSED_MAX_COUNT     1000

/** Strings are owned. */
struct missed_query {
    struct topic_readings topics; /**< which of them is meant, the signature tells */
    char *callback;               /**< a valid callback */
    char *timestamp;              /**< what follows is as it was sent, for the signature */
    char *page_index;
    char *message_count; /**< or NULL */
    int64_t since_ms;
    int64_t skip;  /**< rows before the first that is wanted */
    int64_t count; /**< rows that are wanted, at most */
};

/** ERROR_INVALID says which parameter is wrong, and how. Then `*query` needs no cleanup. */
int missed_query_parse(struct missed_query *query, const char *text, struct error *error);
void missed_query_fini(struct missed_query *query);

/** Whether `signature` (NULL: none) is right for this reading of the topic; the time that it takes
 * does not tell where it is wrong. */
bool missed_query_is_signed(const struct missed_query *query, const char *topic,
                            const char *signature, const char *secret);

#endif
