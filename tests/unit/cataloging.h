/** Catalogs full of made-up subscriptions. */
#ifndef WEBSUB_TESTS_UNIT_CATALOGING_H
#define WEBSUB_TESTS_UNIT_CATALOGING_H

#include <stdio.h>
#include <string.h>

#include "hub/catalog.h"
#include "tests/unit/unit.h"

static inline void make_id(unsigned number, char id[ID_HEX_SIZE])
{
    char callback[64];
    snprintf(callback, sizeof(callback), "https://s.example/%u", number);
    id_subscription("topic", callback, id);
}

/** Everything in it is static or a literal. */
static inline struct subscription_state make(unsigned number)
{
    static char callback[64];
    struct subscription_state state = {
        .topic = number % 2 ? "odd/topic" : "even/topic",
        .callback = callback,
        .status = number % 3 ? SUBSCRIPTION_ACTIVE : SUBSCRIPTION_SUSPENDED,
        .secret = {NULL, "secret"},
        .method = -1,
        .max_in_flight = 7,
        .created_at_ms = 1000 + number,
        .verified_at_ms = 2000 + number,
        .lease_seconds = INT32_MAX,
        .lease_end_ms = 3000 + number,
        .reason = number % 3 ? NULL : "status 500",
        .owner = number % 5 ? NULL : "ada",
        .location = {"messages-pool", 3},
        .position = {10 + number, 5, 4, number % 2},
        .pending_count = 2,
    };
    snprintf(callback, sizeof(callback), "https://s.example/%u", number);
    make_id(number, state.id);
    return state;
}

static inline struct catalog *make_catalog(unsigned count)
{
    struct catalog *catalog = catalog_new();
    for (unsigned i = 0; i < count; i++) {
        struct subscription_state state = make(i);
        catalog_set(catalog, 0, &state);
    }
    return catalog;
}

/** Lists in pages; checks the order. @returns how many there were. */
static inline size_t list_all(struct catalog *catalog, const struct catalog_filter *filter,
                              size_t limit)
{
    struct catalog_subscription page[64];
    char last[ID_HEX_SIZE] = "";
    size_t total = 0, count;
    do {
        char after[ID_HEX_SIZE];
        memcpy(after, last, sizeof(after));
        count = catalog_list(catalog, filter, total ? after : NULL, limit, page);
        for (size_t i = 0; i < count; i++) {
            assert_true(strcmp(page[i].id, last) > 0);
            memcpy(last, page[i].id, sizeof(last));
            catalog_subscription_fini(&page[i]);
        }
        total += count;
    } while (count == limit);
    return total;
}

#endif
