/** Where a subscriber listens, and the URL under which the hub finds it there. */
#ifndef WEBSUB_CLIENT_ENDPOINT_H
#define WEBSUB_CLIENT_ENDPOINT_H

#include <stdint.h>

#include "common/error.h"

struct endpoint {
    char *address; /**< owned: numeric IPv4 or IPv6, without brackets */
    uint16_t port;
    char *callback; /**< owned; normalized (url_normalize) */
    char *path;     /**< owned: of the callback, as it is there; without the query */
};

/**
 * @param listen   "ADDRESS:PORT", "[IPv6]:PORT" or "PORT"; port 0: any free one. NULL: what the
 *                 callback says when its host is a literal address, else 127.0.0.1 and port 0.
 * @param callback NULL: the address listened on, with an unguessable path.
 *
 * The messages of errors are sentences about --listen or --callback. endpoint_fini
 * may be called in either case, and more than once.
 */
int endpoint_init(struct endpoint *endpoint, const char *listen, const char *callback,
                  struct error *error);
void endpoint_fini(struct endpoint *endpoint);

#endif
