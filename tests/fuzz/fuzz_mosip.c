/* What MOSIP's clients send otherwise than others: topics in a query that may mean several, and
 * callbacks that say what is intended. */
#include <stdlib.h>
#include <string.h>

#include "common/intent_mode.h"
#include "common/panic.h"
#include "common/url.h"
#include "hub/topic_readings.h"
#include "tests/fuzz/fuzz.h"

static void check_readings(const char *query)
{
    struct topic_readings readings;
    struct error error;
    if (topic_readings_init(&readings, query, "t", &error) != 0)
        return;
    ENSURE(readings.count >= 1 && readings.count <= TOPIC_READINGS_MAX);
    for (size_t i = 0; i < readings.count; i++) {
        ENSURE(topic_check(readings.topics[i], &error) == 0);
        for (size_t j = 0; j < i; j++)
            ENSURE(strcmp(readings.topics[i], readings.topics[j]) != 0);
    }
    topic_readings_fini(&readings);
}

static void check_callback(const char *given)
{
    char *callback = xstrdup(given);
    intent_mode_normalize(callback);
    ENSURE(strlen(callback) <= strlen(given));
    char *again = xstrdup(callback);
    intent_mode_normalize(again);
    ENSURE(strcmp(again, callback) == 0);
    char *other = intent_mode_to_unsubscribe(callback);
    if (other) {
        intent_mode_normalize(other);
        ENSURE(strcmp(other, callback) == 0);
    }
    free(other);
    free(again);
    free(callback);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmalloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    check_readings(text);
    check_callback(text);
    free(text);
    return 0;
}
