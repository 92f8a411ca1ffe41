/**
 * libcurl's sockets on libuv, for one multi handle and one loop (libcurl's multi-socket interface).
 *
 * @locality the loop's thread
 */
#ifndef WEBSUB_DISPATCHER_HTTP_SOCKET_H
#define WEBSUB_DISPATCHER_HTTP_SOCKET_H

#include <curl/curl.h>
#include <uv.h>

struct http_sockets;

/**
 * Sets the socket callback of `multi`, which must live until http_sockets_free.
 * @param acted called after libcurl was told that a socket is ready: exchanges may have ended
 */
struct http_sockets *http_sockets_new(uv_loop_t *loop, CURLM *multi, void (*acted)(void *context),
                                      void *context);
/** When libcurl has no sockets any more. Their libuv handles close while the loop runs on. */
void http_sockets_free(struct http_sockets *sockets);

/** Makes a socket for this address, not connected yet; CURL_SOCKET_BAD: none to be had. */
curl_socket_t http_sockets_open(struct http_sockets *sockets, const struct curl_sockaddr *address);
/** CURLOPT_CLOSESOCKETFUNCTION; its data is the struct http_sockets. */
int http_sockets_close(void *sockets, curl_socket_t socket);

#endif
