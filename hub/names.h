/** Strings that many share, kept once and counted. Not thread-safe. */
#ifndef WEBSUB_HUB_NAMES_H
#define WEBSUB_HUB_NAMES_H

#include <stddef.h>

struct name;

/** Zero-initialised is empty. Freed when the last name was left. */
struct names {
    struct name *first;
};

/** The name for `text`; NULL for NULL. Each is to be left once. */
const struct name *names_take(struct names *names, const char *text);
/** NULL is fine. */
void names_leave(struct names *names, const struct name *name);
/** NULL for NULL. The text of the same name is always at the same place. */
const char *name_text(const struct name *name);

#endif
