/**
 * An HTTP server whose answers are scripted, byte by byte if need be, in a thread of its own; with
 * TLS when it has a certificate. One connection at a time.
 */
#ifndef WEBSUB_TESTS_UNIT_SCRIPTED_SERVER_H
#define WEBSUB_TESTS_UNIT_SCRIPTED_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "tests/unit/http_testing.h"

struct peer {
    int fd;
    SSL *tls; /* or NULL */
};

/** Answers a request. False: the connection is closed. */
typedef bool (*scripted_answer)(struct peer *peer, const struct buffer *request);

struct scripted_server {
    int fd;
    uint16_t port;
    scripted_answer script;
    SSL_CTX *tls; /* or NULL; owned by the test */
    int connections;
    pthread_t thread;
};

static inline bool peer_send(struct peer *peer, const char *text)
{
    if (!peer->tls)
        return http_send_text(peer->fd, text);
    return SSL_write(peer->tls, text, (int)strlen(text)) > 0;
}

static inline ssize_t peer_receive(struct peer *peer, char *byte)
{
    return peer->tls ? SSL_read(peer->tls, byte, 1) : recv(peer->fd, byte, 1, 0);
}

/** Waits until the other side has closed. */
static inline void peer_wait_closed(struct peer *peer)
{
    char byte;
    while (peer_receive(peer, &byte) == 1)
        ;
}

static inline bool scripted_read_request(struct peer *peer, struct buffer *request)
{
    size_t length = 0;
    char byte;
    buffer_clear(request);
    while (peer_receive(peer, &byte) == 1) {
        buffer_append(request, &byte, 1);
        const char *end = strstr(request->data, "\r\n\r\n");
        if (!end)
            continue;
        const char *header = strcasestr(request->data, "Content-Length:");
        length = header ? strtoul(header + strlen("Content-Length:"), NULL, 10) : 0;
        if (request->length >= (size_t)(end + 4 - request->data) + length)
            return true;
    }
    return false;
}

static inline void scripted_serve(struct scripted_server *server, int fd)
{
    struct peer peer = {.fd = fd};
    struct buffer request = {0};
    if (server->tls) {
        peer.tls = SSL_new(server->tls);
        SSL_set_fd(peer.tls, fd);
    }
    if (!peer.tls || SSL_accept(peer.tls) == 1)
        while (scripted_read_request(&peer, &request) && server->script(&peer, &request))
            ;
    buffer_fini(&request);
    SSL_free(peer.tls);
    close(fd);
}

static inline void *scripted_main(void *context)
{
    struct scripted_server *server = context;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        server->connections++;
        scripted_serve(server, fd);
    }
    return NULL;
}

/** Without a script nobody accepts: connections stay with the kernel. */
static inline void scripted_start(struct scripted_server *server, scripted_answer script,
                                  SSL_CTX *tls)
{
    struct sockaddr_in address = http_loopback(0);
    socklen_t length = sizeof(address);
    *server = (struct scripted_server){.script = script, .tls = tls};
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    if (script)
        assert_int_equal(pthread_create(&server->thread, NULL, scripted_main, server), 0);
}

/** The client must have closed its connections, or does so meanwhile. */
static inline void scripted_stop(struct scripted_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    if (server->script)
        pthread_join(server->thread, NULL);
    close(server->fd);
}

#endif
