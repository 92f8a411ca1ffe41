#include "dispatcher/host_limit.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/panic.h"
#include "common/url.h"

struct host {
    struct host_limits *limits;
    uint32_t users;
    int64_t active;
    bool serial;
    struct host_entry *queue;
    double tokens;
    int64_t refilled_us;
    uv_timer_t *timer; /* only while the rate makes somebody wait */
    UT_hash_handle hh;
    char origin[];
};

struct host_limits {
    uv_loop_t *loop;
    int64_t max_active;
    double per_second;
    struct host *hosts;
};

struct host_limits *host_limits_new(uv_loop_t *loop, int64_t max_active, double per_second)
{
    struct host_limits *limits = xcalloc(1, sizeof(*limits));
    limits->loop = loop;
    limits->max_active = max_active;
    limits->per_second = per_second;
    return limits;
}

void host_limits_free(struct host_limits *limits)
{
    ENSURE(!limits->hosts);
    free(limits);
}

/** A second's worth can be saved up, and at least one exchange. */
static double burst(const struct host_limits *limits)
{
    return limits->per_second > 1 ? limits->per_second : 1;
}

struct host *host_get(struct host_limits *limits, const char *url)
{
    struct buffer origin = {0};
    struct host *host;
    if (url_origin(url, &origin) != 0)
        buffer_append_string(&origin, url); /* cannot be dialled either: any key will do */
    HASH_FIND(hh, limits->hosts, origin.data, origin.length, host);
    if (!host) {
        host = xcalloc(1, sizeof(*host) + origin.length + 1);
        memcpy(host->origin, origin.data, origin.length);
        host->limits = limits;
        host->tokens = burst(limits);
        host->refilled_us = clock_monotonic_us();
        HASH_ADD(hh, limits->hosts, origin, origin.length, host);
    }
    host->users++;
    buffer_fini(&origin);
    return host;
}

static void stop_timer(struct host *host)
{
    if (!host->timer)
        return;
    uv_close((uv_handle_t *)host->timer, (uv_close_cb)free);
    host->timer = NULL;
}

void host_release(struct host *host)
{
    if (--host->users > 0)
        return;
    ENSURE(!host->queue && host->active == 0);
    stop_timer(host);
    HASH_DEL(host->limits->hosts, host);
    free(host);
}

bool host_is_serial(const struct host *host)
{
    return host->serial;
}

void host_set_serial(struct host *host, bool serial)
{
    host->serial = serial;
}

static bool take_token(struct host *host)
{
    const struct host_limits *limits = host->limits;
    if (limits->per_second <= 0)
        return true;
    int64_t now = clock_monotonic_us();
    host->tokens += (double)(now - host->refilled_us) / 1e6 * limits->per_second;
    if (host->tokens > burst(limits))
        host->tokens = burst(limits);
    host->refilled_us = now;
    if (host->tokens < 1)
        return false;
    host->tokens -= 1;
    return true;
}

static void let_in(struct host *host);

static void on_timer(uv_timer_t *timer)
{
    struct host *host = timer->data;
    stop_timer(host);
    let_in(host);
}

static void wait_for_token(struct host *host)
{
    if (host->timer)
        return;
    double seconds = (1 - host->tokens) / host->limits->per_second;
    host->timer = xmalloc(sizeof(*host->timer));
    uv_timer_init(host->limits->loop, host->timer);
    host->timer->data = host;
    uv_timer_start(host->timer, on_timer, (uint64_t)(seconds * 1000) + 1, 0);
}

static void let_in(struct host *host)
{
    while (host->queue && host->active < host->limits->max_active) {
        struct host_entry *entry = host->queue;
        if (!take_token(host)) {
            wait_for_token(host);
            return;
        }
        DL_DELETE(host->queue, entry);
        entry->waiting = false;
        host->active++;
        entry->enter(entry);
    }
}

bool host_enter(struct host *host, struct host_entry *entry)
{
    entry->host = host;
    if (!host->queue && host->active < host->limits->max_active && take_token(host)) {
        host->active++;
        entry->waiting = false;
        return true;
    }
    entry->waiting = true;
    DL_APPEND(host->queue, entry);
    if (host->active < host->limits->max_active)
        wait_for_token(host);
    return false;
}

void host_leave(struct host_entry *entry)
{
    entry->host->active--;
    let_in(entry->host);
}

void host_cancel(struct host_entry *entry)
{
    DL_DELETE(entry->host->queue, entry);
    entry->waiting = false;
}
