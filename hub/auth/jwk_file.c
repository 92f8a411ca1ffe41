#include "hub/auth/jwk_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/panic.h"

enum { MAX_BYTES = 1 << 20 };

struct jwk_file {
    char *path;
    struct stat seen;
};

struct jwk_file *jwk_file_new(const char *path)
{
    struct jwk_file *file = xcalloc(1, sizeof(*file));
    file->path = xstrdup(path);
    return file;
}

void jwk_file_free(struct jwk_file *file)
{
    if (!file)
        return;
    free(file->path);
    free(file);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct jwk_set *parse_pem(const struct jwk_file *file, const char *text, size_t length,
                                 struct error *error)
{
    struct jwk_set *set = jwk_set_parse_pem(text, length, error);
    if (!set) {
        error_prefix(error, "%s", file->path);
        error->code = ERROR_CONFIG;
    }
    return set;
}

static struct jwk_set *parse(const struct jwk_file *file, FILE *stream, struct error *error)
{
    char *text = xmalloc(MAX_BYTES);
    struct jwk_set *set = NULL;
    size_t length = fread(text, 1, MAX_BYTES, stream);
    if (ferror(stream))
        error_set(error, ERROR_CONFIG, false, "cannot read %s: %s", file->path, strerror(errno));
    else if (length == MAX_BYTES)
        error_set(error, ERROR_CONFIG, false, "%s is too large", file->path);
    else
        set = parse_pem(file, text, length, error);
    free(text);
    return set;
}

struct jwk_set *jwk_file_read_changed(struct jwk_file *file, struct error *error)
{
    struct stat now;
    struct jwk_set *set = NULL;
    FILE *stream = fopen(file->path, "re");
    if (!stream || fstat(fileno(stream), &now) != 0) {
        error_set(error, ERROR_CONFIG, false, "cannot read %s: %s", file->path, strerror(errno));
    } else if (!is_same(&file->seen, &now)) {
        file->seen = now;
        set = parse(file, stream, error);
    }
    if (stream)
        fclose(stream);
    return set;
}
