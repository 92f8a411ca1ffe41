/** The last step of a migration: subscriptions begin here. Blocking. */
#ifndef WEBSUB_CLIENT_MIGRATION_HANDOVER_H
#define WEBSUB_CLIENT_MIGRATION_HANDOVER_H

#include "client/migration/run.h"

/** Finds the places of the new subscriptions, and writes them down with the ledger. */
int handover_all(struct run *run, struct error *error);

#endif
