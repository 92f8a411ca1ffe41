/**
 * A hub with its real parts in this process: an in-memory broker (deploy/devbroker), the
 * consolidator's engine, and the hub on a free port of 127.0.0.1. For targets that need a whole
 * one.
 */
#ifndef WEBSUB_TESTS_FUZZ_LIVE_HUB_H
#define WEBSUB_TESTS_FUZZ_LIVE_HUB_H

#include <stddef.h>
#include <stdint.h>

/** Starts it at the first call, and arranges that it is closed at exit. Returns when it is ready.
 */
void live_hub_start(void);

/**
 * Sends `bytes` on a connection of their own and reads all that comes back, NUL-terminated; the
 * caller frees. A hub that lets the connection hang ends the process.
 *
 * The sending side is closed as soon as the hub has nothing under way and says nothing more. If it
 * was only slow to read, or closes before it has read everything, an answer may be lost:
 * libmicrohttpd (0.9.75, in poll mode) takes a half-closed connection for one that is gone.
 */
char *live_hub_try(const void *bytes, size_t length, size_t *answer_length);

/** The same for a request after which the hub closes the connection ("Connection: close"): the
 * answer is never lost. @returns its status */
int live_hub_ask(const char *request);

#endif
