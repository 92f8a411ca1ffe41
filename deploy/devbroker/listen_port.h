/**
 * Chooses the port of the mock cluster, which always asks the kernel for any loopback port and
 * offers no setting for it.
 *
 * The mock's listening socket is bound inside of librdkafka, and the port that it finds there is
 * the one it advertises to clients. So this program defines bind() itself: librdkafka, a shared
 * library, calls it instead of the C library's. A forwarder in front of the mock would need more
 * code and still leave clients on the random port after their first connection.
 */
#ifndef WEBSUB_DEVBROKER_LISTEN_PORT_H
#define WEBSUB_DEVBROKER_LISTEN_PORT_H

#include <stdint.h>

#include "common/error.h"

/** Whether `port` can be listened on: ERROR_CONFIG when it is taken or not permitted. */
int listen_port_check(uint16_t port, struct error *error);

/**
 * From now on, sockets of this thread that are bound to 127.0.0.1 with any port get `port`; 0: no
 * longer.
 */
void listen_port_choose(uint16_t port);

#endif
