/** What tests of HTTP servers share: a free port, and connections on which any bytes can be sent.
 */
#ifndef WEBSUB_TESTS_UNIT_HTTP_TESTING_H
#define WEBSUB_TESTS_UNIT_HTTP_TESTING_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/buffer.h"

static inline struct sockaddr_in http_loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/** A port that nobody listens on now. */
static inline uint16_t http_free_port(void)
{
    struct sockaddr_in address = http_loopback(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/** A connection whose reads give up after some seconds; -1 when refused. */
static inline int http_connect(uint16_t port)
{
    struct sockaddr_in address = http_loopback(port);
    struct timeval patience = {20, 0};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/** False when the peer has closed meanwhile. */
static inline bool http_send(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

static inline bool http_send_text(int fd, const char *text)
{
    return http_send(fd, text, strlen(text));
}

/** Where the body of the first answer in `buffer` begins, and its announced length; NULL: not
 * complete yet. */
static inline const char *http_complete_answer(const struct buffer *buffer, size_t *length)
{
    const char *end = buffer->data ? strstr(buffer->data, "\r\n\r\n") : NULL;
    const char *header = buffer->data ? strcasestr(buffer->data, "Content-Length:") : NULL;
    if (!end || !header)
        return NULL;
    *length = strtoul(header + strlen("Content-Length:"), NULL, 10);
    const char *body = end + 4;
    return buffer->length >= (size_t)(body - buffer->data) + *length ? body : NULL;
}

/** Reads one answer; returns its status, or 0 when the connection ended before. `body` may be NULL.
 */
static inline int http_read_answer(int fd, struct buffer *body)
{
    struct buffer buffer = {0};
    const char *start = NULL;
    size_t length = 0;
    char byte;
    /* Byte by byte: what follows belongs to the next answer. */
    while (!(start = http_complete_answer(&buffer, &length)) && recv(fd, &byte, 1, 0) == 1)
        buffer_append(&buffer, &byte, 1);
    int status = start ? atoi(buffer.data + strlen("HTTP/1.1 ")) : 0;
    if (start && body)
        buffer_append(body, start, length);
    buffer_fini(&buffer);
    return status;
}

/** Sends `bytes` on a connection of their own; reads one answer. @returns its status, 0: none */
static inline int http_exchange_bytes(uint16_t port, const void *bytes, size_t length,
                                      struct buffer *body)
{
    int fd = http_connect(port);
    assert_true(fd >= 0);
    http_send(fd, bytes, length);
    int status = http_read_answer(fd, body);
    close(fd);
    return status;
}

static inline int http_exchange_text(uint16_t port, const char *text, struct buffer *body)
{
    return http_exchange_bytes(port, text, strlen(text), body);
}

/** Whether the server closes the connection, whatever it sends before. */
static inline bool http_is_closed(int fd)
{
    char bytes[4096];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        ;
    return got == 0 || errno == ECONNRESET;
}

#endif
