/** Reading a whole file into memory. */
#ifndef WEBSUB_CLIENT_READ_FILE_H
#define WEBSUB_CLIENT_READ_FILE_H

#include "common/buffer.h"
#include "common/error.h"

#define READ_FILE_MAX (100u << 20) /**< bytes: the most that a hub can be configured to accept */

/** Appends the file's bytes; "-" is standard input. The message of an error names the file. */
int read_file(const char *path, struct buffer *content, struct error *error);

#endif
