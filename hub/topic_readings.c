#include "hub/topic_readings.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/form.h"
#include "common/panic.h"
#include "common/url.h"

/** Adds a reading that is a topic and new. Takes `topic` over; NULL is fine. */
static void add(struct topic_readings *readings, char *topic, struct error *error)
{
    bool known = false;
    for (size_t i = 0; topic && i < readings->count; i++)
        known = known || strcmp(readings->topics[i], topic) == 0;
    if (topic && !known && topic_check(topic, error) == 0)
        readings->topics[readings->count++] = topic;
    else
        free(topic);
}

/** The topic with its percent-encoding taken off once more; '+' stays. NULL when it has a NUL. */
static char *decode_again(const char *topic)
{
    int length;
    char *decoded = curl_easy_unescape(NULL, topic, 0, &length);
    char *copy = NULL;
    if (decoded && strlen(decoded) == (size_t)length)
        copy = xstrdup(decoded);
    curl_free(decoded);
    return copy;
}

static int add_all(struct topic_readings *readings, const char *blanks, const char *literal,
                   struct error *error)
{
    struct error problem = {0};
    error_set(&problem, ERROR_INVALID, false, "is missing");
    add(readings, xstrdup_or_null(blanks), &problem);
    add(readings, xstrdup_or_null(literal), &problem);
    for (size_t i = 0, given = readings->count; i < given; i++)
        add(readings, decode_again(readings->topics[i]), &(struct error){0});
    if (readings->count > 0)
        return 0;
    *error = problem;
    return -1;
}

int topic_readings_init(struct topic_readings *readings, const char *query, const char *name,
                        struct error *error)
{
    struct form literal = {0}, blanks = {0};
    memset(readings, 0, sizeof(*readings));
    int result = form_parse_literal(&literal, query, strlen(query), error);
    if (result == 0)
        result = form_parse(&blanks, query, strlen(query), error);
    if (result == 0)
        result = add_all(readings, form_get(&blanks, name), form_get(&literal, name), error);
    form_fini(&literal);
    form_fini(&blanks);
    return result;
}

void topic_readings_fini(struct topic_readings *readings)
{
    for (size_t i = 0; i < readings->count; i++)
        free(readings->topics[i]);
    readings->count = 0;
}
