#include "client/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_stream(FILE *file, const char *name, struct buffer *content, struct error *error)
{
    char block[65536];
    size_t length;
    while ((length = fread(block, 1, sizeof(block), file)) > 0) {
        if (content->length + length > READ_FILE_MAX)
            return error_set(error, ERROR_TOO_LARGE, false, "%s: larger than %u MiB", name,
                             READ_FILE_MAX >> 20);
        buffer_append(content, block, length);
    }
    if (ferror(file))
        return error_set(error, ERROR_INVALID, false, "%s: %s", name, strerror(errno));
    return 0;
}

int read_file(const char *path, struct buffer *content, struct error *error)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", content, error);
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(error, ERROR_NOT_FOUND, false, "%s: %s", path, strerror(errno));
    int result = read_stream(file, path, content, error);
    fclose(file);
    return result;
}
