/**
 * The webhook that notices are sent to: a POST as Standard Webhooks describes it
 * (common/webhook_signature.h), the body being the record of the notices topic byte for byte.
 *
 * The URL is the operator's own, like those of the providers: it is not judged by the guard of
 * callbacks (common/http_fetch.h).
 */
#ifndef WEBSUB_DISPATCHER_WEBHOOK_H
#define WEBSUB_DISPATCHER_WEBHOOK_H

#include "common/config.h"
#include "common/http_fetch.h"

struct webhook;

/** `config` is borrowed, and was checked when it was loaded. Starts a thread. NULL on failure. */
struct webhook *webhook_new(const struct config *config, struct error *error);
/** Ends what is under way: `done` is called. NULL is fine. */
void webhook_free(struct webhook *webhook);

/**
 * Sends one attempt, whose time is signed with it. Copies all. `done` as in http_fetch_request:
 * once, on a thread of its own; only 2xx means that the notice was taken. Thread-safe, never
 * blocks.
 */
void webhook_send(struct webhook *webhook, const char *id, const char *body, size_t length,
                  void (*done)(void *context, const struct http_fetch_result *result),
                  void *context);

#endif
