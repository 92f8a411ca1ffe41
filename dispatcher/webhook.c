#include "dispatcher/webhook.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/panic.h"
#include "common/webhook_signature.h"

struct webhook {
    const struct config *config;
    struct webhook_key key;
    struct http_fetcher *fetcher;
};

struct webhook *webhook_new(const struct config *config, struct error *error)
{
    struct webhook *webhook = xcalloc(1, sizeof(*webhook));
    webhook->config = config;
    ENSURE(webhook_key_read(&webhook->key, config->notices.webhook_secret, error) == 0);
    webhook->fetcher = http_fetcher_new(config->security.extra_ca_file, error);
    if (webhook->fetcher)
        return webhook;
    webhook_free(webhook);
    return NULL;
}

void webhook_free(struct webhook *webhook)
{
    if (!webhook)
        return;
    http_fetcher_free(webhook->fetcher);
    webhook_key_fini(&webhook->key);
    free(webhook);
}

void webhook_send(struct webhook *webhook, const char *id, const char *body, size_t length,
                  void (*done)(void *context, const struct http_fetch_result *result),
                  void *context)
{
    int64_t now_s = clock_wall_ms() / 1000;
    char *signature = webhook_sign(&webhook->key, id, now_s, body, length);
    char *id_line = xasprintf("webhook-id: %s", id);
    char *time_line = xasprintf("webhook-timestamp: %" PRId64, now_s);
    char *signature_line = xasprintf("webhook-signature: %s", signature);
    const char *const headers[] = {"Content-Type: application/json", id_line, time_line,
                                   signature_line, NULL};
    const struct http_fetch_request request = {
        .url = webhook->config->notices.webhook_url,
        .headers = headers,
        .body = body,
        .length = length,
        .timeout_ms = webhook->config->notices.webhook_timeout,
        .done = done,
        .context = context,
    };
    http_fetch_start(webhook->fetcher, &request);
    free(signature);
    free(id_line);
    free(time_line);
    free(signature_line);
}
