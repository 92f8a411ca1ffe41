#include "client/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/fail.h"
#include "common/form.h"
#include "common/utf8.h"

static const char form_type[] = "application/x-www-form-urlencoded";

enum { MAX_REASON = 300 };

void answer_fini(struct answer *answer)
{
    free(answer->content_type);
    free(answer->location);
    buffer_fini(&answer->body);
}

static bool is_form(const char *content_type)
{
    size_t length = sizeof(form_type) - 1;
    return content_type && strncasecmp(content_type, form_type, length) == 0 &&
           (content_type[length] == '\0' || strchr("; ", content_type[length]));
}

/* Asking later can help with these; with the other 4xx and 5xx it cannot. */
static bool is_passing(int status)
{
    return status == 408 || status == 425 || status == 429 ||
           (status >= 500 && status != 501 && status != 505);
}

/* The first line of a text that somebody else than a hub may have written. */
static void append_first_line(struct buffer *out, const struct buffer *body)
{
    size_t length = body->data ? strcspn(body->data, "\r\n") : 0;
    utf8_append_repaired(out, body->data ? body->data : "", length);
}

static void append_reason(struct buffer *out, const struct answer *answer, const struct form *form)
{
    const char *reason = form_get(form, "hub.reason");
    if (reason)
        buffer_append_string(out, reason);
    else if (answer->content_type && strncasecmp(answer->content_type, "text/plain", 10) == 0)
        append_first_line(out, &answer->body);
    if (out->length > MAX_REASON)
        out->length = MAX_REASON;
    buffer_append_format(out, out->length > 0 ? " (HTTP status %d)" : "HTTP status %d",
                         answer->status);
}

static int refuse(const struct answer *answer, const struct form *form, struct websub_error *error)
{
    struct buffer reason = {0};
    append_reason(&reason, answer, form);
    if (is_passing(answer->status))
        fail_set(error, WEBSUB_ERROR_UNAVAILABLE, answer->status, "the hub cannot do it now: %s",
                 reason.data);
    else
        fail_set(error, WEBSUB_ERROR_DENIED, answer->status, "the hub refused: %s", reason.data);
    buffer_fini(&reason);
    return -1;
}

int answer_judge(const struct answer *answer, struct websub_error *error)
{
    struct form form = {0};
    struct error ignored; /* what cannot be parsed gives no reason: the status still tells */
    int result = 0;
    if (is_form(answer->content_type))
        form_parse(&form, answer->body.data ? answer->body.data : "", answer->body.length,
                   &ignored);
    const char *mode = form_get(&form, "hub.mode");
    /* Some hubs say "denied" with status 200. */
    bool denied = mode && strcmp(mode, "denied") == 0;
    if (denied || (answer->status >= 400 && answer->status <= 599))
        result = refuse(answer, &form, error);
    else if (answer->status < 200 || answer->status > 299)
        result = fail_set(error, WEBSUB_ERROR_PROTOCOL, answer->status,
                          "unexpected answer with HTTP status %d: is this the URL of a hub?",
                          answer->status);
    form_fini(&form);
    return result;
}
