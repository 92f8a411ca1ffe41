/** The files of console/, as parts of the program. */
#ifndef WEBSUB_HUB_CONSOLE_FILES_H
#define WEBSUB_HUB_CONSOLE_FILES_H

#include <stddef.h>

struct console_file {
    const char *path; /**< below console/ */
    const unsigned char *bytes;
    size_t length;
    const char *etag; /**< of the bytes: a strong entity tag, quoted (RFC 9110, section 8.8.3) */
};

/** In the order of their paths. */
extern const struct console_file console_files[];
extern const size_t console_files_count;

#endif
