/** One subscription of the catalog; shared by the catalog's files only. */
#ifndef WEBSUB_HUB_CATALOG_ENTRY_H
#define WEBSUB_HUB_CATALOG_ENTRY_H

#include "hub/catalog.h"
#include "hub/kept_report.h"
#include "hub/names.h"

enum { ID_DIGITS = ID_HEX_SIZE - 1 };

struct entry {
    char id[ID_DIGITS];
    uint8_t status;
    int8_t method;
    uint8_t pending_count;
    bool detached : 1;
    bool has_secret : 1;
    uint16_t max_in_flight;
    uint16_t shard;
    int32_t lease_seconds;
    int32_t partition;
    const struct name *topic, *kafka_topic, *owner, *reason, *secret_key;
    int64_t created_at_ms, verified_at_ms, lease_end_ms;
    int64_t offset, set, base;  /* of the position */
    int64_t settled, marked;    /* dead letters */
    struct kept_report *report; /* NULL: nothing was reported */
    char callback[];            /* and its NUL, then the secret and its NUL, if there is one */
};

struct entry *entry_new(struct names *names, int32_t shard, const struct subscription_state *state);
/** The report too. */
void entry_free(struct entry *entry, struct names *names);

/** Without lag. */
void entry_copy_out(const struct entry *entry, struct catalog_subscription *out);
void entry_see(const struct entry *entry, struct catalog_sight *sight);
/** Whether it passes the filter, lag aside. */
bool entry_passes(const struct entry *entry, const struct catalog_filter *filter);

#endif
