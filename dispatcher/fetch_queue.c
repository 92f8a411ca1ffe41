#include "dispatcher/fetch_queue.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/buffer.h"
#include "common/panic.h"
#include "common/url.h"

struct fetch_host {
    int64_t in;
    struct fetch_place *waiting;    /* first come, first served */
    struct fetch_host *prev, *next; /* of those that could let somebody in, in turn */
    bool is_ready;
    UT_hash_handle hh;
    char origin[];
};

struct fetch_queue {
    int64_t max, max_per_host;
    int64_t in;
    struct fetch_host *hosts;
    struct fetch_host *ready;
};

struct fetch_queue *fetch_queue_new(int64_t max, int64_t max_per_host)
{
    struct fetch_queue *queue = xcalloc(1, sizeof(*queue));
    queue->max = max;
    queue->max_per_host = max_per_host;
    return queue;
}

void fetch_queue_free(struct fetch_queue *queue)
{
    ENSURE(!queue->hosts);
    free(queue);
}

static struct fetch_host *get_host(struct fetch_queue *queue, const char *url)
{
    struct buffer origin = {0};
    struct fetch_host *host;
    if (url_origin(url, &origin) != 0) {
        buffer_clear(&origin);
        buffer_append_string(&origin, url); /* cannot be dialled: any key will do */
    }
    HASH_FIND(hh, queue->hosts, origin.data, origin.length, host);
    if (!host) {
        host = xcalloc(1, sizeof(*host) + origin.length + 1);
        memcpy(host->origin, origin.data, origin.length);
        HASH_ADD(hh, queue->hosts, origin, origin.length, host);
    }
    buffer_fini(&origin);
    return host;
}

/** Puts the host among those that could let somebody in, or takes it out; drops it when it is of no
 * use. */
static void settle(struct fetch_queue *queue, struct fetch_host *host)
{
    bool is_ready = host->waiting && host->in < queue->max_per_host;
    if (is_ready && !host->is_ready)
        DL_APPEND(queue->ready, host);
    else if (!is_ready && host->is_ready)
        DL_DELETE(queue->ready, host);
    host->is_ready = is_ready;
    if (host->in > 0 || host->waiting)
        return;
    HASH_DEL(queue->hosts, host);
    free(host);
}

static void let_in(struct fetch_queue *queue, struct fetch_place *place)
{
    place->is_in = 1;
    place->host->in++;
    queue->in++;
}

int fetch_queue_enter(struct fetch_queue *queue, struct fetch_place *place, const char *url)
{
    ENSURE(!place->host);
    struct fetch_host *host = place->host = get_host(queue, url);
    bool at_once = queue->in < queue->max && host->in < queue->max_per_host && !host->waiting;
    if (at_once)
        let_in(queue, place);
    else
        DL_APPEND(host->waiting, place);
    settle(queue, host);
    return at_once;
}

static void let_others_in(struct fetch_queue *queue)
{
    while (queue->in < queue->max && queue->ready) {
        struct fetch_host *host = queue->ready;
        struct fetch_place *place = host->waiting;
        DL_DELETE(host->waiting, place);
        let_in(queue, place);
        DL_DELETE(queue->ready, host); /* to the end, if it still is ready */
        host->is_ready = false;
        settle(queue, host);
        place->enter(place);
    }
}

void fetch_queue_leave(struct fetch_queue *queue, struct fetch_place *place)
{
    struct fetch_host *host = place->host;
    if (!host)
        return;
    if (place->is_in) {
        host->in--;
        queue->in--;
    } else {
        DL_DELETE(host->waiting, place);
    }
    place->host = NULL;
    place->is_in = 0;
    settle(queue, host);
    let_others_in(queue);
}
