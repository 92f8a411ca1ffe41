#include "common/tls_certificate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum { FILES = 3 };

/* Tells one state of a file from another: a new file under the name, or other bytes in the old. */
struct mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed; /* not mtime, which copying can set */
};

struct marks {
    struct mark of[FILES];
};

struct tls_certificate {
    char *paths[FILES];      /* certificate, key, authorities of clients; "" for none */
    pthread_mutex_t loading; /* guards what follows; held while files are read */
    struct marks tried;      /* as they were when last read, with success or without */
    struct marks seen;       /* as they were at the last check */
    pthread_mutex_t lock;    /* guards what follows; never held for long */
    struct tls_snapshot *current;
};

static struct tls_files get_files(const struct tls_certificate *certificate)
{
    return (struct tls_files){certificate->paths[0], certificate->paths[1], certificate->paths[2]};
}

static struct mark look_at(const char *path)
{
    struct stat status;
    if (!path[0] || stat(path, &status) != 0)
        return (struct mark){0};
    return (struct mark){status.st_dev, status.st_ino, status.st_size, status.st_ctim};
}

static bool is_same_file(const struct mark *a, const struct mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static struct marks look(const struct tls_certificate *certificate)
{
    struct marks marks;
    for (int i = 0; i < FILES; i++)
        marks.of[i] = look_at(certificate->paths[i]);
    return marks;
}

static bool is_same(const struct marks *a, const struct marks *b)
{
    for (int i = 0; i < FILES; i++)
        if (!is_same_file(&a->of[i], &b->of[i]))
            return false;
    return true;
}

struct tls_certificate *tls_certificate_new(const struct tls_files *files, struct error *error)
{
    struct tls_certificate *certificate = xcalloc(1, sizeof(*certificate));
    certificate->paths[0] = xstrdup(files->certificate);
    certificate->paths[1] = xstrdup(files->key);
    certificate->paths[2] = xstrdup(files->client_ca ? files->client_ca : "");
    ENSURE(pthread_mutex_init(&certificate->loading, NULL) == 0);
    ENSURE(pthread_mutex_init(&certificate->lock, NULL) == 0);
    certificate->tried = certificate->seen = look(certificate);
    certificate->current = tls_snapshot_load(files, error);
    if (certificate->current)
        return certificate;
    tls_certificate_free(certificate);
    return NULL;
}

void tls_certificate_free(struct tls_certificate *certificate)
{
    if (!certificate)
        return;
    tls_snapshot_release(certificate->current);
    pthread_mutex_destroy(&certificate->lock);
    pthread_mutex_destroy(&certificate->loading);
    for (int i = 0; i < FILES; i++)
        free(certificate->paths[i]);
    free(certificate);
}

struct tls_snapshot *tls_certificate_current(struct tls_certificate *certificate)
{
    pthread_mutex_lock(&certificate->lock);
    struct tls_snapshot *snapshot = tls_snapshot_acquire(certificate->current);
    pthread_mutex_unlock(&certificate->lock);
    return snapshot;
}

static void replace(struct tls_certificate *certificate, struct tls_snapshot *snapshot)
{
    pthread_mutex_lock(&certificate->lock);
    struct tls_snapshot *old = certificate->current;
    certificate->current = snapshot;
    pthread_mutex_unlock(&certificate->lock);
    tls_snapshot_release(old);
}

/* With `loading` held. `marks` were taken before: what changes while we read is seen next time. */
static void load(struct tls_certificate *certificate, const struct marks *marks)
{
    struct error error;
    struct tls_files files = get_files(certificate);
    certificate->tried = certificate->seen = *marks;
    struct tls_snapshot *snapshot = tls_snapshot_load(&files, &error);
    if (!snapshot) {
        log_warning("tls.certificate_kept", LOG_STR("reason", error.message));
        return;
    }
    char expires[CLOCK_TIMESTAMP_SIZE];
    clock_format(tls_snapshot_expires(snapshot), expires);
    replace(certificate, snapshot);
    log_info("tls.certificate_reloaded", LOG_STR("file", files.certificate),
             LOG_STR("expires", expires));
}

void tls_certificate_check(struct tls_certificate *certificate)
{
    pthread_mutex_lock(&certificate->loading);
    struct marks now = look(certificate);
    bool settled = is_same(&now, &certificate->seen);
    certificate->seen = now;
    if (settled && !is_same(&now, &certificate->tried))
        load(certificate, &now);
    pthread_mutex_unlock(&certificate->loading);
}

void tls_certificate_reload(struct tls_certificate *certificate)
{
    pthread_mutex_lock(&certificate->loading);
    struct marks now = look(certificate);
    load(certificate, &now);
    pthread_mutex_unlock(&certificate->loading);
}
