/** Public keys in a PEM file that may change while we run. Blocks on the disk; one thread at a
 * time. */
#ifndef WEBSUB_HUB_AUTH_JWK_FILE_H
#define WEBSUB_HUB_AUTH_JWK_FILE_H

#include "hub/auth/jwk.h"

struct jwk_file;

/** Reads nothing yet. */
struct jwk_file *jwk_file_new(const char *path);
/** NULL is allowed. */
void jwk_file_free(struct jwk_file *file);

/** Its keys, when it is not the file any more that was read last, be it a good one or not (another
 * time, size or inode). NULL otherwise, and when it cannot be used: `*error` is set then. */
struct jwk_set *jwk_file_read_changed(struct jwk_file *file, struct error *error);

#endif
