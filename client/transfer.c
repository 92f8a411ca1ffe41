#include "client/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/fail.h"
#include "common/address.h"
#include "common/panic.h"

/* The body under way; libcurl reads it from here. */
struct source {
    const char *body;
    size_t length;
    size_t position;
};

static size_t read_body(char *out, size_t size, size_t count, void *context)
{
    struct source *source = context;
    size_t left = source->length - source->position;
    size_t taken = size * count < left ? size * count : left;
    if (taken > 0)
        memcpy(out, source->body + source->position, taken);
    source->position += taken;
    return taken;
}

/*
 * When a kept connection breaks before the answer, libcurl would send the request again. But the
 * hub may have written the message: sending it again is for the caller to decide.
 */
static int refuse_seek(void *context, curl_off_t offset, int origin)
{
    const struct source *source = context;
    (void)offset;
    (void)origin;
    return source->position == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static size_t keep_answer(char *data, size_t size, size_t count, void *context)
{
    struct buffer *body = context;
    size_t length = size * count, room = ANSWER_MAX_BODY - body->length;
    buffer_append(body, data, length < room ? length : room);
    return length;
}

static bool is_this_machine(const char *url)
{
    char *host = NULL;
    bool loopback = false;
    CURLU *parts = curl_url();
    ENSURE(parts != NULL);
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        loopback = strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
                   address_text_is_loopback(host);
        curl_free(host);
    }
    curl_url_cleanup(parts);
    return loopback;
}

static void set_request(CURL *easy, const struct transfer *transfer, struct source *source,
                        struct curl_slist *headers)
{
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "websub/" WEBSUB_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->length);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, source);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, refuse_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, source);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, transfer->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, transfer->timeout_ms);
    if (transfer->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, transfer->ca_file);
    if (is_this_machine(transfer->url))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static int explain(CURL *easy, CURLcode code, const char *detail, struct websub_error *error)
{
    long sent = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
    const char *text = detail[0] ? detail : curl_easy_strerror(code);
    if (code == CURLE_SEND_FAIL_REWIND)
        text = "the connection was closed";
    if (sent > 0)
        return fail_set(error, WEBSUB_ERROR_UNKNOWN, 0,
                        "no answer from the hub, the request may have been accepted: %s", text);
    return fail_set(error, WEBSUB_ERROR_UNAVAILABLE, 0, "the hub cannot be reached: %s", text);
}

static void read_answer(CURL *easy, struct answer *answer)
{
    long status = 0;
    const char *type = NULL, *location = NULL;
    struct curl_header *id;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &location);
    answer->status = (int)status;
    answer->content_type = xstrdup_or_null(type);
    answer->location = xstrdup_or_null(location);
    if (curl_easy_header(easy, "X-Hub-Message-Id", 0, CURLH_HEADER, -1, &id) == CURLHE_OK)
        snprintf(answer->message_id, sizeof(answer->message_id), "%s", id->value);
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *line)
{
    headers = curl_slist_append(headers, line);
    ENSURE(headers != NULL);
    return headers;
}

static struct curl_slist *make_headers(const struct transfer *transfer)
{
    char *line = xasprintf("Content-Type: %s", transfer->content_type);
    struct curl_slist *headers = add_header(NULL, line);
    free(line);
    return transfer->authorization ? add_header(headers, transfer->authorization) : headers;
}

static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    curl_slist_free_all(headers);
}

int transfer_perform(CURL *easy, const struct transfer *transfer, struct answer *answer,
                     struct websub_error *error)
{
    char detail[CURL_ERROR_SIZE] = "";
    struct source source = {transfer->body, transfer->length, 0};
    struct curl_slist *headers = make_headers(transfer);
    curl_easy_reset(easy); /* keeps its connections */
    set_request(easy, transfer, &source, headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer->body);
    CURLcode code = curl_easy_perform(easy);
    int result = 0;
    if (code == CURLE_OK)
        read_answer(easy, answer);
    else
        result = explain(easy, code, detail, error);
    curl_easy_reset(easy); /* forgets the pointers into this stack frame */
    free_headers(headers);
    return result;
}
