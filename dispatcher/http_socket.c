#include "dispatcher/http_socket.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/container.h"
#include "common/panic.h"

/**
 * One for each socket, kept as long as libcurl keeps the connection. When libcurl loses interest
 * (between two requests), the socket stays watched for input until something comes: on a busy
 * connection this saves two system calls for each request.
 */
struct watch {
    uv_poll_t poll;
    struct http_sockets *sockets;
    bool ours; /* we opened the socket, so we are told when it closes; libcurl's resolver has others
                */
    int wanted;  /* UV_READABLE | UV_WRITABLE that libcurl asks for */
    int watched; /* what libuv watches */
};

struct http_sockets {
    uv_loop_t *loop;
    CURLM *multi;
    void (*acted)(void *context);
    void *context;
    struct watch **watches; /* by descriptor */
    size_t capacity;
};

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = CONTAINER_OF(poll, struct watch, poll);
    struct http_sockets *sockets = watch->sockets;
    int flags = 0, running;
    uv_os_fd_t descriptor;
    if (watch->wanted == 0) {
        /* The peer of an idle connection did something: libcurl finds out when it wants it again.
         */
        uv_poll_stop(poll);
        watch->watched = 0;
        return;
    }
    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    uv_fileno((uv_handle_t *)poll, &descriptor);
    curl_multi_socket_action(sockets->multi, descriptor, flags, &running);
    sockets->acted(sockets->context);
}

static void on_closed(uv_handle_t *handle)
{
    free(CONTAINER_OF((uv_poll_t *)handle, struct watch, poll));
}

static void forget_watch(struct http_sockets *sockets, curl_socket_t socket)
{
    if ((size_t)socket >= sockets->capacity || !sockets->watches[socket])
        return;
    struct watch *watch = sockets->watches[socket];
    sockets->watches[socket] = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}

static struct watch *get_watch(struct http_sockets *sockets, curl_socket_t socket)
{
    size_t index = (size_t)socket;
    if (index >= sockets->capacity) {
        size_t capacity = index * 2 + 64;
        sockets->watches = xrealloc(sockets->watches, capacity * sizeof(*sockets->watches));
        memset(sockets->watches + sockets->capacity, 0,
               (capacity - sockets->capacity) * sizeof(*sockets->watches));
        sockets->capacity = capacity;
    }
    if (!sockets->watches[index]) {
        struct watch *watch = xcalloc(1, sizeof(*watch));
        watch->sockets = sockets;
        ENSURE(uv_poll_init_socket(sockets->loop, &watch->poll, socket) == 0);
        sockets->watches[index] = watch;
    }
    return sockets->watches[index];
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_data)
{
    (void)easy;
    (void)socket_data;
    struct http_sockets *sockets = context;
    struct watch *watch = get_watch(sockets, socket);
    if (what == CURL_POLL_REMOVE) {
        watch->wanted = 0;
        if (!watch->ours)
            forget_watch(sockets, socket);
        return 0;
    }
    watch->wanted =
        (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (watch->watched != watch->wanted) {
        watch->watched = watch->wanted;
        uv_poll_start(&watch->poll, watch->wanted, on_ready);
    }
    return 0;
}

curl_socket_t http_sockets_open(struct http_sockets *sockets, const struct curl_sockaddr *address)
{
    int descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                            address->protocol);
    if (descriptor < 0)
        return CURL_SOCKET_BAD;
    get_watch(sockets, descriptor)->ours = true;
    return descriptor;
}

int http_sockets_close(void *context, curl_socket_t socket)
{
    forget_watch(context, socket);
    return close(socket);
}

struct http_sockets *http_sockets_new(uv_loop_t *loop, CURLM *multi, void (*acted)(void *context),
                                      void *context)
{
    struct http_sockets *sockets = xcalloc(1, sizeof(*sockets));
    sockets->loop = loop;
    sockets->multi = multi;
    sockets->acted = acted;
    sockets->context = context;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets);
    return sockets;
}

void http_sockets_free(struct http_sockets *sockets)
{
    for (size_t i = 0; i < sockets->capacity; i++)
        forget_watch(sockets, (curl_socket_t)i);
    free(sockets->watches);
    free(sockets);
}
