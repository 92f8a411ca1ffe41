/* What a migration reads: MOSIP's two lists, and the ledger. */
#include <stdlib.h>
#include <string.h>

#include "client/migration/ledger.h"
#include "client/migration/mosip_list.h"
#include "client/migration/mosip_name.h"
#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char *text)
{
    char *name = mosip_name(text);
    ENSURE(strlen(name) <= strlen(text));
    ENSURE(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
           strlen(name));
    free(name);
}

static void try_topics(const uint8_t *data, size_t size)
{
    struct string_list topics = {0};
    struct error error;
    if (mosip_list_parse_topics(data, size, &topics, &error) != 0) {
        ENSURE(error.code == ERROR_INVALID && topics.count == 0);
        return;
    }
    for (size_t i = 0; i < topics.count; i++)
        check_name(topics.items[i]);
    mosip_topics_fini(&topics);
}

static void try_subscriptions(const uint8_t *data, size_t size)
{
    struct mosip_subscriptions list = {0};
    struct error error;
    if (mosip_list_parse_subscriptions(data, size, &list, &error) != 0) {
        ENSURE(error.code == ERROR_INVALID && list.count == 0);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        ENSURE(*list.items[i].topic && *list.items[i].callback && *list.items[i].group);
        ENSURE(list.items[i].lease_seconds >= 0);
        check_name(list.items[i].topic);
    }
    mosip_subscriptions_fini(&list);
}

/** What was taken can be written, and is taken as the same again. */
static void try_ledger(const uint8_t *data, size_t size)
{
    static const char key[] = "topic:t";
    struct ledger ledger = {0};
    struct error error;
    if (ledger_take(&ledger, key, strlen(key), data, size, &error) != 0) {
        ENSURE(error.code == ERROR_INVALID && !ledger.topics);
        return;
    }
    size_t length;
    char *once = ledger_encode_topic(ledger_find_topic(&ledger, "t"), &length);
    ENSURE(ledger_take(&ledger, key, strlen(key), once, length, &error) == 0);
    char *twice = ledger_encode_topic(ledger_find_topic(&ledger, "t"), &length);
    ENSURE(strcmp(once, twice) == 0);
    free(once);
    free(twice);
    ledger_fini(&ledger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_topics(data, size);
    try_subscriptions(data, size);
    if (size > 0)
        try_ledger(data, size);
    return 0;
}
