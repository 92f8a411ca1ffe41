/**
 * Moves topics, subscriptions and what waits for them from MOSIP's hub to this suite. Blocking.
 *
 * The order of steps, each of which may be the last one before a crash, and is then found done or
 * not done at all by the next run (ledger.h):
 *
 *   writer_new     any other run is over from here on
 *   read           the old hub, then what is here (once all events have been folded), the ledger
 *   register       events and ledger in transactions; then the state tells where topics lie, since
 *                  the hub may have registered one at the same time elsewhere
 *   begin copies   the ledger tells from where on what is published here counts for subscriptions
 *   copy           messages and ledger in transactions
 *   hand over      each subscription at its place (place.h): events and ledger in transactions
 *   confirm        all events have been folded
 */
#ifndef WEBSUB_CLIENT_MIGRATION_MIGRATION_H
#define WEBSUB_CLIENT_MIGRATION_MIGRATION_H

#include "client/migration/plan.h"

struct migration_options {
    struct plan_options plan;
    bool dry_run;
    bool while_running; /**< although consumers of the old hub are connected */
    /** Told what is being done, a line without its end; or NULL. */
    void (*progress)(const char *line);
};

/** What was found and done: for the report. */
struct migration {
    struct old_hub old;
    struct new_hub here; /**< before anything was done */
    struct ledger ledger;
    struct plan plan;
    int64_t copied; /**< messages, in this run */
    bool complete;  /**< all that was planned is done */
};

/**
 * `config`: of this suite; `old`: of the old hub's Kafka; `keyring`: with the old hub's key, if
 * there are encrypted secrets. On failure what was planned so far is in `*migration`, too, for
 * migration_fini; repeating may help if the error is retriable.
 */
int migration_run(struct migration *migration, const struct migration_options *options,
                  const struct config *config, const struct config *old,
                  const struct keyring *keyring, struct error *error);
void migration_fini(struct migration *migration);

#endif
