/*
 * bench-blaster: the baseline of deliveries. libcurl's multi-socket interface with epoll and
 * nothing else: one thread keeps a number of POSTs to one URL under way, each on a handle that is
 * used again and again.
 */
#include <argp.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/panic.h"
#include "tests/benchmark/programs/stamp.h"

enum { EVENTS = 256 };

struct blaster {
    const char *url;
    unsigned connections;
    double seconds;
    size_t size;
    CURLM *multi;
    int epoll;
    int64_t timer_at_ms; /* -1: none */
    int64_t end_us;
    uint64_t done, failed;
    unsigned under_way;
};

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known)
{
    (void)easy;
    struct blaster *blaster = context;
    struct epoll_event event = {.data.fd = socket};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(blaster->epoll, EPOLL_CTL_DEL, socket, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    epoll_ctl(blaster->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
    curl_multi_assign(blaster->multi, socket, blaster);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct blaster *blaster = context;
    blaster->timer_at_ms = timeout_ms < 0 ? -1 : clock_monotonic_ms() + timeout_ms;
    return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static void add_request(struct blaster *blaster, const char *body)
{
    CURL *easy = curl_easy_init();
    ENSURE(easy);
    curl_easy_setopt(easy, CURLOPT_URL, blaster->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)blaster->size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    ENSURE(curl_multi_add_handle(blaster->multi, easy) == CURLM_OK);
    blaster->under_way++;
}

static void take_finished(struct blaster *blaster)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(blaster->multi, &left))) {
        CURL *easy = message->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result == CURLE_OK && status / 100 == 2)
            blaster->done++;
        else
            blaster->failed++;
        curl_multi_remove_handle(blaster->multi, easy);
        if (clock_monotonic_us() < blaster->end_us) {
            curl_multi_add_handle(blaster->multi, easy);
        } else {
            curl_easy_cleanup(easy);
            blaster->under_way--;
        }
    }
}

static void run(struct blaster *blaster)
{
    struct epoll_event events[EVENTS];
    int running;
    while (blaster->under_way > 0) {
        int64_t pause = 1000;
        if (blaster->timer_at_ms >= 0)
            pause = blaster->timer_at_ms - clock_monotonic_ms();
        int count = epoll_wait(blaster->epoll, events, EVENTS, pause > 0 ? (int)pause : 0);
        for (int i = 0; i < count; i++) {
            int flags = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(blaster->multi, events[i].data.fd, flags, &running);
        }
        if (blaster->timer_at_ms >= 0 && clock_monotonic_ms() >= blaster->timer_at_ms) {
            blaster->timer_at_ms = -1;
            curl_multi_socket_action(blaster->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        take_finished(blaster);
    }
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct blaster *blaster = state->input;
    switch (key) {
    case 'c':
        blaster->connections = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case 's':
        blaster->seconds = strtod(argument, NULL);
        return 0;
    case 'b':
        blaster->size = strtoul(argument, NULL, 10);
        return 0;
    case ARGP_KEY_ARG:
        blaster->url = argument;
        return 0;
    case ARGP_KEY_END:
        if (!blaster->url || !blaster->connections || blaster->size < STAMP_LENGTH)
            argp_error(state, "needs a URL, and bodies of at least %d bytes", STAMP_LENGTH);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"connections", 'c', "N", 0, "POSTs under way at the same time (64)", 0},
    {"seconds", 's', "N", 0, "Stop after so long (5)", 0},
    {"size", 'b', "BYTES", 0, "Of a body (1024)", 0},
    {0},
};
static const struct argp arguments = {
    .options = option_list,
    .parser = take_option,
    .args_doc = "URL",
    .doc = "Posts to one URL as fast as libcurl can on one thread, and prints POSTs a second and "
           "CPU time "
           "for each as JSON: the baseline of deliveries.",
};

int main(int argc, char **argv)
{
    struct blaster blaster = {.connections = 64, .seconds = 5, .size = 1024, .timer_at_ms = -1};
    argp_parse(&arguments, argc, argv, 0, NULL, &blaster);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    blaster.epoll = epoll_create1(EPOLL_CLOEXEC);
    blaster.multi = curl_multi_init();
    ENSURE(blaster.epoll >= 0 && blaster.multi);
    curl_multi_setopt(blaster.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(blaster.multi, CURLMOPT_SOCKETDATA, &blaster);
    curl_multi_setopt(blaster.multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(blaster.multi, CURLMOPT_TIMERDATA, &blaster);
    curl_multi_setopt(blaster.multi, CURLMOPT_MAXCONNECTS, (long)blaster.connections);
    char *body = xmalloc(blaster.size);
    memset(body, '.', blaster.size);
    stamp_write(body, stamp_now());

    int64_t started_us = clock_monotonic_us(), cpu_before_us = cpu_us();
    blaster.end_us = started_us + (int64_t)(blaster.seconds * 1e6);
    for (unsigned i = 0; i < blaster.connections; i++)
        add_request(&blaster, body);
    run(&blaster);

    double seconds = (double)(clock_monotonic_us() - started_us) / 1e6;
    double posts = blaster.done > 0 ? (double)blaster.done : 1;
    printf("{\"posts\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"posts_per_second\":%.0f,"
           "\"cpu_us_per_post\":%.3f}\n",
           (unsigned long long)blaster.done, (unsigned long long)blaster.failed, seconds,
           (double)blaster.done / seconds, (double)(cpu_us() - cpu_before_us) / posts);
    free(body);
    return blaster.failed > 0;
}
