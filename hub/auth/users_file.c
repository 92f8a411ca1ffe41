#include "hub/auth/users_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"

enum { MAX_BYTES = 64 << 20 };

static struct users_file_stamp stamp_of(const struct stat *status)
{
    return (struct users_file_stamp){status->st_dev, status->st_ino, status->st_size,
                                     status->st_mtim};
}

static bool same(const struct users_file_stamp *a, const struct users_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

static struct users_file_stamp stamp_now(const struct users_file *file)
{
    struct stat status;
    if (stat(file->path, &status) != 0)
        return (struct users_file_stamp){0};
    return stamp_of(&status);
}

static int read_all(int descriptor, const char *path, struct buffer *text, struct error *error)
{
    char block[16384];
    ssize_t length;
    while ((length = read(descriptor, block, sizeof(block))) != 0) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_set(error, ERROR_CONFIG, false, "%s: %s", path, strerror(errno));
        if (text->length + (size_t)length > MAX_BYTES)
            return error_set(error, ERROR_CONFIG, false, "%s: larger than %d MiB", path,
                             MAX_BYTES >> 20);
        buffer_append(text, block, (size_t)length);
    }
    explicit_bzero(block, sizeof(block));
    return 0;
}

static struct users *read_users(struct users_file *file, int descriptor, struct error *error)
{
    struct stat status;
    struct buffer text = {0};
    struct users *users = NULL;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        error_set(error, ERROR_CONFIG, false, "%s: not a regular file", file->path);
        return NULL;
    }
    file->tried = file->seen = stamp_of(&status);
    if (read_all(descriptor, file->path, &text, error) == 0) {
        users = users_parse(text.data, text.length, file->prefix, error);
        if (!users)
            error_prefix(error, "%s", file->path);
    }
    if (text.data)
        explicit_bzero(text.data, text.length);
    buffer_fini(&text);
    return users;
}

static struct users *load(struct users_file *file, struct error *error)
{
    /* Not blocking: somebody's FIFO must not hold up the start. */
    int descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        error_set(error, ERROR_CONFIG, false, "%s: %s", file->path, strerror(errno));
        return NULL;
    }
    struct users *users = read_users(file, descriptor, error);
    close(descriptor);
    return users;
}

struct users *users_file_open(struct users_file *file, const char *path, const char *prefix,
                              struct error *error)
{
    *file = (struct users_file){.path = path, .prefix = prefix};
    return load(file, error);
}

struct users *users_file_look(struct users_file *file, bool *failed, struct error *error)
{
    struct users_file_stamp now = stamp_now(file);
    bool settled = same(&now, &file->seen);
    file->seen = now;
    *failed = false;
    if (!settled || same(&now, &file->tried))
        return NULL;
    file->tried = now;
    struct users *users = load(file, error);
    *failed = !users;
    return users;
}
