/** What a migration found and did, or would do: for people, and as JSON for scripts. Pure. */
#ifndef WEBSUB_CLIENT_MIGRATION_REPORT_H
#define WEBSUB_CLIENT_MIGRATION_REPORT_H

#include <stdio.h>

#include "client/migration/migration.h"

/** Whether something was left out, and so somebody should look at it. */
bool report_has_problems(const struct migration *migration);

/** At most some lines for each kind of problem. */
void report_print_text(FILE *out, const struct migration *migration, bool dry_run);

/** One JSON object, with each topic and subscription. */
void report_print_json(FILE *out, const struct migration *migration, bool dry_run);

#endif
