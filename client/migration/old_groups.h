/** Consumer groups of MOSIP's hub, one for each subscription. Inside of old_hub. Blocking. */
#ifndef WEBSUB_CLIENT_MIGRATION_OLD_GROUPS_H
#define WEBSUB_CLIENT_MIGRATION_OLD_GROUPS_H

#include "client/migration/old_hub.h"

/** Fills `committed` of all subscriptions. */
int old_groups_read_offsets(rd_kafka_t *rk, struct old_hub *hub, struct error *error);

/** Fills `connected`. */
int old_groups_count_connected(rd_kafka_t *rk, struct old_hub *hub, struct error *error);

#endif
