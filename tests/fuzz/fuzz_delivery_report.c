/*
 * Dispatchers' reports: the first line is the key, the rest the value (without one: a tombstone).
 * What is decoded can be encoded, and is decoded as the same again, under the same key.
 */
#include <stdlib.h>
#include <string.h>

#include "common/delivery_report.h"
#include "common/panic.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"

static char *encode(const struct delivery_report *report)
{
    size_t length;
    char *text = report->kind == REPORT_SUBSCRIPTION
                     ? delivery_report_encode_subscription(&report->value.subscription, &length)
                     : delivery_report_encode_dispatcher(&report->value.dispatcher, &length);
    ENSURE(strlen(text) == length);
    return text;
}

static char *key_of(const struct delivery_report *report)
{
    return report->kind == REPORT_SUBSCRIPTION
               ? xstrdup(report->value.subscription.id)
               : delivery_report_key_dispatcher(report->value.dispatcher.id);
}

static void check_round_trip(const char *key, const struct delivery_report *report)
{
    struct error error;
    struct delivery_report again;
    char *once = encode(report);
    ENSURE(delivery_report_decode(key, strlen(key), once, strlen(once), &again, &error) == 0);
    ENSURE(!again.tombstone && again.kind == report->kind);
    char *twice = encode(&again);
    ENSURE(strcmp(once, twice) == 0);
    delivery_report_fini(&again);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct delivery_report report;
    const char *text = (const char *)data;
    const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t key_length = newline ? (size_t)(newline - text) : size;
    size_t length = newline ? size - key_length - 1 : 0;
    /* A copy of its very size, so that reading beyond the end is seen. */
    char *key = key_length > 0 ? xmemdup(text, key_length) : NULL;
    if (delivery_report_decode(key, key_length, newline ? newline + 1 : NULL, length, &report,
                               &error) == 0) {
        char *same = key_of(&report);
        ENSURE(strlen(same) == key_length && memcmp(same, text, key_length) == 0);
        ENSURE(utf8_valid(same, key_length));
        ENSURE(report.tombstone == !newline);
        if (!report.tombstone)
            check_round_trip(same, &report);
        free(same);
        delivery_report_fini(&report);
    } else {
        ENSURE(error.code == ERROR_INVALID);
    }
    free(key);
    return 0;
}
