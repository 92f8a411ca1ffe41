/** The steps of a migration that are about topics. Blocking. */
#ifndef WEBSUB_CLIENT_MIGRATION_REGISTRATION_H
#define WEBSUB_CLIENT_MIGRATION_REGISTRATION_H

#include "client/migration/run.h"

/** Registers the new topics, and has all that are the migration's in the ledger. */
int registration_register(struct run *run, struct error *error);

/**
 * Notes for each topic where it lies and where copies begin. A topic that has been deregistered
 * meanwhile is left out, with its subscriptions.
 */
int registration_begin_copies(struct run *run, struct error *error);

#endif
