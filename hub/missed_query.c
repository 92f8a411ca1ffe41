#include "hub/missed_query.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/form.h"
#include "common/panic.h"
#include "common/signature.h"
#include "common/url.h"
#include "hub/auth/base64url.h"

enum { MAC_SIZE = 32, MAC_BASE64 = 44 };

static int refuse(struct error *error, const char *name, const char *what)
{
    return error_set(error, ERROR_INVALID, false, "%s %s", name, what);
}

/** The value of a parameter, or NULL: it is not there, is empty, or `*error` is set, as also when
 * it is `required` and not there. */
static const char *take(const struct form *form, const char *name, bool required,
                        struct error *error)
{
    const char *value = form_get(form, name);
    if (form_count(form, name) > 1)
        refuse(error, name, "is given more than once");
    else if (required && !value)
        refuse(error, name, "is missing");
    else if (required && !*value)
        refuse(error, name, "is empty");
    else
        return value && *value ? value : NULL;
    return NULL;
}

/* --- topic --- */

static int take_topic(struct missed_query *query, const struct form *form, const char *text,
                      struct error *error)
{
    if (!take(form, "topic", true, error))
        return -1;
    if (topic_readings_init(&query->topics, text, "topic", error) == 0)
        return 0;
    return error_prefix(error, "topic");
}

/* --- the others --- */

static int take_callback(struct missed_query *query, const struct form *form, struct error *error)
{
    size_t decoded = 0;
    const char *text = take(form, "callback", true, error);
    if (!text)
        return -1;
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '=')
        length--;
    query->callback = (char *)base64url_decode(text, length, &decoded);
    if (!query->callback || strlen(query->callback) != decoded)
        return refuse(error, "callback", "must be the base64url of a URL");
    return url_check_callback(query->callback, error) == 0 ? 0 : error_prefix(error, "callback");
}

static int take_timestamp(struct missed_query *query, const struct form *form, struct error *error)
{
    const char *text = take(form, "timestamp", true, error);
    if (!text)
        return -1;
    if (!clock_parse(text, &query->since_ms))
        return refuse(error, "timestamp", "must be a time such as 2026-01-31T12:00:00.000Z");
    query->timestamp = xstrdup(text);
    return 0;
}

static bool parse_number(const char *text, int64_t low, int64_t high, int64_t *number)
{
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
        return false;
    *number = strtoll(text, NULL, 10);
    return *number >= low && *number <= high;
}

static int take_page(struct missed_query *query, const struct form *form, struct error *error)
{
    const char *index = take(form, "pageindex", true, error);
    if (!index)
        return -1;
    if (!parse_number(index, 0, INT32_MAX, &query->skip))
        return refuse(error, "pageindex", "must be a decimal integer from 0 to 2147483647");
    query->page_index = xstrdup(index);
    const char *count = take(form, "messageCount", false, error);
    if (!count && error->code != ERROR_NONE)
        return -1;
    query->count = MISSED_DEFAULT_COUNT;
    if (count && !parse_number(count, 1, MISSED_MAX_COUNT, &query->count))
        return refuse(error, "messageCount", "must be a decimal integer from 1 to 1000");
    query->message_count = xstrdup_or_null(count);
    return 0;
}

int missed_query_parse(struct missed_query *query, const char *text, struct error *error)
{
    struct form form = {0};
    memset(query, 0, sizeof(*query));
    memset(error, 0, sizeof(*error));
    int result = -1;
    if (form_parse_literal(&form, text, strlen(text), error) == 0 &&
        take_topic(query, &form, text, error) == 0 && take_callback(query, &form, error) == 0 &&
        take_timestamp(query, &form, error) == 0 && take_page(query, &form, error) == 0)
        result = 0;
    form_fini(&form);
    if (result != 0)
        missed_query_fini(query);
    return result;
}

void missed_query_fini(struct missed_query *query)
{
    topic_readings_fini(&query->topics);
    free(query->callback);
    free(query->timestamp);
    free(query->page_index);
    free(query->message_count);
    memset(query, 0, sizeof(*query));
}

/* --- the signature --- */

/** As signature_verify wants it; false when it is no base64 of an HMAC-SHA256. */
static bool to_header(const char *base64, char header[SIGNATURE_HEADER_SIZE])
{
    unsigned char mac[MAC_BASE64 / 4 * 3];
    if (!base64 || strlen(base64) != MAC_BASE64 || base64[MAC_BASE64 - 1] != '=' ||
        base64[MAC_BASE64 - 2] == '=' ||
        EVP_DecodeBlock(mac, (const unsigned char *)base64, MAC_BASE64) != (int)sizeof(mac))
        return false;
    char *at = header + sprintf(header, "sha256=");
    for (int i = 0; i < MAC_SIZE; i++)
        at += sprintf(at, "%02x", mac[i]);
    return true;
}

bool missed_query_is_signed(const struct missed_query *query, const char *topic,
                            const char *signature, const char *secret)
{
    char header[SIGNATURE_HEADER_SIZE];
    struct buffer text = {0};
    if (!to_header(signature, header))
        return false;
    buffer_append_string(&text, topic);
    buffer_append_string(&text, query->callback);
    buffer_append_string(&text, query->timestamp);
    buffer_append_string(&text, query->page_index);
    if (query->message_count)
        buffer_append_string(&text, query->message_count);
    bool right = signature_verify(header, secret, strlen(secret), text.data, text.length);
    buffer_fini(&text);
    return right;
}
