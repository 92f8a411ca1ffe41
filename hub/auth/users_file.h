/** auth.basic_users_file on disk: read at the start, and again whenever it changes. */
#ifndef WEBSUB_HUB_AUTH_USERS_FILE_H
#define WEBSUB_HUB_AUTH_USERS_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "hub/auth/users.h"

/** How a version of the file looks from outside. Zero: there is none. */
struct users_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

/** Used by one thread at a time. */
struct users_file {
    const char *path;
    const char *prefix;
    struct users_file_stamp tried; /* the version that was read last, good or bad */
    struct users_file_stamp seen;  /* the one that was there at the last look */
};

/** Reads it. NULL on failure (ERROR_CONFIG): the message names file, line and what is wrong. `path`
 * and `prefix` (auth.user_prefix) must outlive the struct. */
struct users *users_file_open(struct users_file *file, const char *path, const char *prefix,
                              struct error *error);

/**
 * A look at the file, to be repeated about once a second. It is read when it has changed and has
 * stayed as it is since the look before: who writes it in place is not caught halfway.
 *
 * @returns the new users, or NULL: nothing is new, or (`*failed`) the new version cannot be used;
 * that is told once.
 */
struct users *users_file_look(struct users_file *file, bool *failed, struct error *error);

#endif
