#include "dispatcher/delivery_request.h"

#include <string.h>

/* Above this libcurl would ask for "100 Continue" first. */
enum { EXPECT_ABOVE = 1000000 };

/* Of a failed answer's body, for operators. */
enum { EXCERPT = 512 };

static void add_header(struct delivery_request *request, int *count, const char *line)
{
    struct curl_slist *node = &request->headers[*count];
    node->data = (char *)(uintptr_t)line; /* libcurl only reads it */
    node->next = NULL;
    if (*count > 0)
        request->headers[*count - 1].next = node;
    ++*count;
}

void delivery_request_begin(struct delivery_request *request, struct http_exchange *exchange,
                            struct subscription *s, const struct message *message)
{
    *exchange = (struct http_exchange){
        .url = s->callback,
        .host = s->host,
        .post_body = message->body,
        .post_length = message->body_length,
        .headers = request->headers,
        .timeout_ms = s->loop->dispatcher->config.dispatcher.delivery_timeout,
        .keep_bytes = EXCERPT,
    };
    request->trace.attempts = 0;
}

void delivery_request_sign(struct delivery_request *request, struct subscription *s,
                           const struct message *message)
{
    int count = 0;
    for (int i = 0; i < message->header_count; i++)
        add_header(request, &count, message->headers[i]);
    if (delivery_trace_begin(&request->trace, s->loop->dispatcher->tracer, message))
        request->headers[count - 1].data = request->trace.header; /* the message's is the last */
    add_header(request, &count, message->link ? message->link : s->log->link_header);
    /* libcurl formats heads slowly: what need not be there is left out. */
    add_header(request, &count, "Accept:");
    if (message->body_length > EXPECT_ABOVE)
        add_header(request, &count, "Expect:"); /* no round trip before large bodies */
    if (!s->secret)
        return;
    static const char name[] = "X-Hub-Signature: ";
    memcpy(request->signature, name, sizeof(name));
    signer_compute(s->loop->signer, s->method, s->secret, s->secret_length, message->body,
                   message->body_length, request->signature + strlen(name));
    add_header(request, &count, request->signature);
}
