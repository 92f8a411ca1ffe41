/*
 * auth.mode "basic": names and passwords (RFC 7617), checked against a users file.
 *
 * A password hash is made to be slow, 10 to 100 ms of CPU, and server threads must not be: one
 * worker checks, one after the other, what waits in a bounded queue. Invariants:
 *   - Everything about the file and the users is the worker's alone. It changes them between two
 *     checks, never during one, and clears the cache before it goes on: nothing that the old users
 *     were good for is remembered after that (auth_cache_generation).
 *   - What waits is guarded by `lock`. A job stays in the queue while it is worked on, so that the
 *     same credentials, asked for meanwhile, join it instead of costing the same again: a client
 *     with many connections needs one hash when its cached answer has run out.
 *   - When the queue is full, the answer is "not now". Somebody who tries passwords can keep others
 *     from logging in that way, for as long as it goes on, but not those whom the cache knows.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/utf8.h"
#include "hub/auth/cache.h"
#include "hub/auth/method.h"
#include "hub/auth/users_file.h"

enum { MAX_JOBS = 64, LOOK_SECONDS = 1 };

struct job {
    unsigned char key[AUTH_CACHE_KEY_SIZE]; /* of the credentials, to find the same again */
    char *name;                             /* "name\0password", wiped at the end */
    const char *password;
    size_t size;               /* of what `name` points to */
    struct auth_check *checks; /* waiting for it, linked by `context` */
    struct job *next;
};

struct basic {
    struct auth_method method;
    struct auth_cache *cache;
    pthread_t worker;

    /* the worker's */
    struct users_file file;
    struct users *users;
    struct crypt_data *scratch;
    struct timespec next_look;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    struct job *first, **last;
    size_t count;
    bool stopping;
};

static void job_free(struct job *job)
{
    explicit_bzero(job->name, job->size);
    free(job->name);
    free(job);
}

/* --- taking apart --- */

/** Decodes "name:password"; NULL when it is not that. Wiped and freed with the job. */
static struct job *job_new(const struct credentials *credentials)
{
    /* These four can be in a token but not in base64, where EVP_DecodeBlock would pass over '-'. */
    const char *text = credentials->password;
    size_t length = credentials->password_length;
    if (length == 0 || length % 4 != 0 || strcspn(text, "-._~") < length)
        return NULL;
    struct job *job = xcalloc(1, sizeof(*job));
    job->size = length / 4 * 3 + 1;
    job->name = xcalloc(1, job->size);
    int decoded =
        EVP_DecodeBlock((unsigned char *)job->name, (const unsigned char *)text, (int)length);
    size_t padding = (size_t)(text[length - 1] == '=') + (text[length - 2] == '=');
    size_t plain = decoded < 0 ? 0 : (size_t)decoded - padding;
    char *colon = memchr(job->name, ':', plain);
    if (!colon || strlen(job->name) != plain || !utf8_valid(job->name, plain) ||
        utf8_has_control(job->name, plain) || strlen(colon + 1) >= CRYPT_MAX_PASSPHRASE_SIZE) {
        job_free(job);
        return NULL;
    }
    *colon = '\0';
    job->password = colon + 1;
    auth_cache_key(credentials, job->key);
    return job;
}

/* --- the queue --- */

/** The job takes `check` over if it is about the same; under the lock. */
static bool join(struct basic *basic, const struct job *wanted, struct auth_check *check)
{
    for (struct job *job = basic->first; job; job = job->next) {
        if (memcmp(job->key, wanted->key, sizeof(job->key)) != 0)
            continue;
        check->context = job->checks;
        job->checks = check;
        return true;
    }
    return false;
}

/** False: the queue is full. `job` is taken over if it was not joined to another. */
static bool enqueue(struct basic *basic, struct job *job, struct auth_check *check)
{
    bool joined = false, full = false;
    pthread_mutex_lock(&basic->lock);
    joined = join(basic, job, check);
    full = !joined && basic->count == MAX_JOBS;
    if (!joined && !full) {
        check->context = NULL;
        job->checks = check;
        *basic->last = job;
        basic->last = &job->next;
        basic->count++;
        pthread_cond_signal(&basic->changed);
    }
    pthread_mutex_unlock(&basic->lock);
    if (joined || full)
        job_free(job);
    return !full;
}

/* @locality server thread */
static void basic_check(struct auth_method *method, struct auth_check *check)
{
    struct basic *basic = CONTAINER_OF(method, struct basic, method);
    struct job *job = job_new(check->credentials);
    if (!job) {
        auth_check_set_reason(check, "the Authorization header has no name and password of the "
                                     "right form");
        check->done(check, AUTH_REFUSED);
    } else if (!enqueue(basic, job, check)) {
        auth_check_set_reason(check, "too many passwords to check");
        check->done(check, AUTH_UNAVAILABLE);
    }
}

/** Takes the first job out, with all who joined it; under the lock. */
static struct job *dequeue(struct basic *basic)
{
    struct job *job = basic->first;
    basic->first = job->next;
    if (!basic->first)
        basic->last = &basic->first;
    basic->count--;
    return job;
}

/** Answers all who wait for the job; `identity` NULL: `reason` says why not. */
static void settle(struct job *job, struct identity *identity, enum auth_outcome otherwise,
                   const char *reason)
{
    struct auth_check *next;
    for (struct auth_check *check = job->checks; check; check = next) {
        next = check->context;
        if (identity) {
            check->identity = identity_ref(identity);
            check->expires_ms = INT64_MAX;
        } else {
            auth_check_set_reason(check, "%s", reason);
        }
        check->done(check, identity ? AUTH_GRANTED : otherwise);
    }
    job_free(job);
}

/* --- the worker --- */

static void look_at_file(struct basic *basic)
{
    struct error error;
    bool failed;
    struct users *users = users_file_look(&basic->file, &failed, &error);
    if (failed)
        log_warning("auth.users_kept", LOG_STR("reason", error.message));
    if (!users)
        return;
    users_free(basic->users);
    basic->users = users;
    auth_cache_clear(basic->cache);
    log_info("auth.users_read", LOG_STR("file", basic->file.path),
             LOG_INT("users", users_count(users)));
}

static bool is_time(const struct timespec *due)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > due->tv_sec || (now.tv_sec == due->tv_sec && now.tv_nsec >= due->tv_nsec);
}

static void look_when_due(struct basic *basic)
{
    if (!is_time(&basic->next_look))
        return;
    look_at_file(basic);
    clock_gettime(CLOCK_MONOTONIC, &basic->next_look);
    basic->next_look.tv_sec += LOOK_SECONDS;
}

/** Waits for a job (`*job`, which stays in the queue), or until the next look at the file is due
 * (NULL). False: the worker is to end. */
static bool wait_for_job(struct basic *basic, struct job **job)
{
    pthread_mutex_lock(&basic->lock);
    while (!basic->stopping && !basic->first && !is_time(&basic->next_look))
        pthread_cond_timedwait(&basic->changed, &basic->lock, &basic->next_look);
    bool go_on = !basic->stopping;
    *job = basic->first;
    pthread_mutex_unlock(&basic->lock);
    return go_on;
}

static void *work(void *context)
{
    struct basic *basic = context;
    struct job *job;
    while (wait_for_job(basic, &job)) {
        look_when_due(basic);
        if (!job)
            continue;
        struct identity *found = users_find(basic->users, job->name, job->password, basic->scratch);
        pthread_mutex_lock(&basic->lock);
        struct job *done = dequeue(basic);
        pthread_mutex_unlock(&basic->lock);
        ENSURE(done == job);
        settle(job, found, AUTH_REFUSED, "wrong name or password");
    }
    return NULL;
}

/* --- life --- */

static void basic_free(struct auth_method *method)
{
    struct basic *basic = CONTAINER_OF(method, struct basic, method);
    pthread_mutex_lock(&basic->lock);
    basic->stopping = true;
    pthread_cond_signal(&basic->changed);
    pthread_mutex_unlock(&basic->lock);
    pthread_join(basic->worker, NULL);
    while (basic->first)
        settle(dequeue(basic), NULL, AUTH_UNAVAILABLE, "the hub is stopping");
    users_free(basic->users);
    pthread_cond_destroy(&basic->changed);
    pthread_mutex_destroy(&basic->lock);
    free(basic->scratch);
    free(basic);
}

static void start(struct basic *basic)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&basic->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&basic->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    basic->last = &basic->first;
    clock_gettime(CLOCK_MONOTONIC, &basic->next_look);
    ENSURE(pthread_create(&basic->worker, NULL, work, basic) == 0);
}

struct auth_method *auth_basic_new(const struct config *config, struct auth_cache *cache,
                                   struct error *error)
{
    struct basic *basic = xcalloc(1, sizeof(*basic));
    basic->method = (struct auth_method){
        .name = "basic",
        .kinds = CREDENTIALS_PASSWORD,
        .check = basic_check,
        .free = basic_free,
    };
    basic->cache = cache;
    basic->users = users_file_open(&basic->file, config->auth.basic_users_file,
                                   config->auth.user_prefix, error);
    if (!basic->users) {
        error_prefix(error, "auth.basic_users_file");
        free(basic);
        return NULL;
    }
    basic->scratch = xcalloc(1, sizeof(*basic->scratch));
    start(basic);
    return &basic->method;
}
