/*
 * What a topic's server answers: lines of a head up to an empty
 * one, and a body. What is found in it can be sent on and remembered; the
 * same content again is no news, and neither is a feed without those entries that were.
 */
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/panic.h"
#include "common/url.h"
#include "common/utf8.h"
#include "dispatcher/feed_diff.h"
#include "dispatcher/fetch_content.h"
#include "tests/fuzz/fuzz.h"

enum { ENTRIES = 8 };

/** Passes a line and returns it without its end; what is left moves on. */
static const char *take_line(const char **at, const char *end, size_t *length)
{
    const char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
    *length = newline ? (size_t)(newline - line) : (size_t)(end - line);
    *at = newline ? newline + 1 : end;
    return line;
}

static void check_text(const char *text)
{
    ENSURE(!text || utf8_valid(text, strlen(text)));
}

static void check_verdict(const struct fetch_verdict *verdict)
{
    struct error error;
    const struct fetched *fetched = &verdict->fetched;
    ENSURE(message_header_is_sendable(verdict->content_type, strlen(verdict->content_type)));
    check_text(fetched->etag);
    check_text(fetched->last_modified);
    check_text(fetched->entries);
    ENSURE(!fetched->self || topic_check(fetched->self, &error) == 0);
    ENSURE(!fetched->entries || strlen(fetched->entries) <= ENTRIES * 32);
}

static void check_again(const struct fetch_content *content, const struct fetch_verdict *verdict)
{
    struct fetch_content again = *content;
    struct fetch_verdict second;
    again.known = &verdict->fetched;
    fetch_content_judge(&again, &second);
    ENSURE(!second.distribute);
    fetch_verdict_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fetched nothing = {0};
    struct fetch_head head = {0};
    const char *at = (const char *)data, *end = at + size;
    if (size == 0)
        return 0;
    while (at < end) {
        size_t length;
        const char *line = take_line(&at, end, &length);
        if (length == 0)
            break;
        char *copy = xmemdup(line, length);
        fetch_head_take_line(&head, copy, length);
        free(copy);
    }
    const struct fetch_content content = {
        .topic = "https://topic.example/",
        .url = "https://topic.example/current",
        .known = &nothing,
        .head = &head,
        .body = at,
        .length = (size_t)(end - at),
        .feed_diff = ENTRIES,
    };
    struct fetch_verdict verdict;
    fetch_content_judge(&content, &verdict);
    check_verdict(&verdict);
    check_again(&content, &verdict);
    fetch_verdict_fini(&verdict);
    fetch_head_fini(&head);
    return 0;
}
