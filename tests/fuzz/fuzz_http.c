/*
 * Raw bytes, sent to a live hub on a connection of their own: whatever they are, each answer that
 * comes is well-formed and its status one that the hub has (docs/http-api.md), and the hub goes on
 * serving.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/live_hub.h"

enum { CHECK_EVERY = 32 };

static const int statuses[] = {100, 200, 202, 204, 304, 308, 400, 401, 403, 404, 405, 408,
                               409, 411, 413, 414, 415, 417, 429, 431, 501, 503, 505};

static bool is_known(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i] == status)
            return true;
    return false;
}

/** What one answer is, as far as the next can be found. */
struct answer {
    int status;
    bool retry_after;
    size_t content_length;
};

static bool begins_with(const char *text, const char *end, const char *prefix)
{
    size_t length = strlen(prefix);
    return (size_t)(end - text) >= length && strncasecmp(text, prefix, length) == 0;
}

static void check_header(const char *line, const char *end, struct answer *answer)
{
    const char *colon = memchr(line, ':', (size_t)(end - line));
    ENSURE(colon && colon > line);
    for (const char *c = line; c < end; c++)
        ENSURE((*c >= ' ' && *c != 127) || *c == '\t');
    if (begins_with(line, end, "Content-Length:"))
        answer->content_length = strtoul(colon + 1, NULL, 10);
    answer->retry_after |= begins_with(line, end, "Retry-After:");
}

/** "HTTP/1.1 200 OK": @returns the status */
static int check_status_line(const char *line, const char *end)
{
    static const char version[] = "HTTP/1.";
    size_t length = strlen(version);
    ENSURE(begins_with(line, end, version) && end - line > (ptrdiff_t)length + 5);
    const char *c = line + length;
    ENSURE((c[0] == '0' || c[0] == '1') && c[1] == ' ' && c[5] == ' ');
    for (int i = 2; i < 5; i++)
        ENSURE(c[i] >= '0' && c[i] <= '9');
    return atoi(c + 2);
}

static const char *line_end(const char *line, const char *end)
{
    const char *found = memmem(line, (size_t)(end - line), "\r\n", 2);
    if (!found)
        PANIC("an answer's head ends early");
    return found;
}

static const char *check_head(const char *at, const char *end, struct answer *answer)
{
    const char *line = at, *stop = line_end(line, end);
    answer->status = check_status_line(line, stop);
    for (line = stop + 2; (stop = line_end(line, end)) != line; line = stop + 2)
        check_header(line, stop, answer);
    return stop + 2;
}

/** Answers to HEAD announce a length without a body; none of our bodies looks like an answer. */
static const char *skip_body(const char *at, const char *end, const struct answer *answer)
{
    if (at == end || begins_with(at, end, "HTTP/1."))
        return at;
    ENSURE((size_t)(end - at) >= answer->content_length);
    return at + answer->content_length;
}

static void check_answers(const char *at, const char *end)
{
    while (at < end) {
        struct answer answer = {0};
        at = check_head(at, end, &answer);
        if (!is_known(answer.status))
            PANIC("status %d", answer.status);
        ENSURE(answer.status != 503 || answer.retry_after);
        at = skip_body(at, end, &answer);
    }
}

#define HEADERS " HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Type: text/plain\r\n"
#define TOPIC   "&hub.topic=the%20topic%20that%20stays"

/** The input may have deregistered even this topic. */
static void check_that_it_serves(void)
{
    static const char publication[] =
        "POST /hub?hub.mode=publish" TOPIC HEADERS "Content-Length: 5\r\n\r\nhello";
    static const char registration[] =
        "POST /hub?hub.mode=register" TOPIC HEADERS "Content-Length: 0\r\n\r\n";
    int status = live_hub_ask(publication);
    if (status == 404) {
        status = live_hub_ask(registration);
        if (status != 200)
            PANIC("a good registration was answered %d", status);
        status = live_hub_ask(publication);
    }
    if (status != 200)
        PANIC("a good publication was answered %d", status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    size_t length;
    live_hub_start();
    char *answer = live_hub_try(data, size, &length);
    check_answers(answer, answer + length);
    free(answer);
    if (inputs++ % CHECK_EVERY == 0)
        check_that_it_serves();
    return 0;
}
