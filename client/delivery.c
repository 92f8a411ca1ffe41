#include "client/delivery.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "client/websub.h"
#include "common/clock.h"
#include "common/panic.h"
#include "common/utf8.h"

enum { SHOWN_TEXT = 16384, SHOWN_BINARY = 256, ROW = 16 };

static enum delivery_signature judge_signature(const struct delivery *delivery, const char *secret)
{
    const char *header = delivery->signature_header;
    if (!secret)
        return header ? DELIVERY_UNCHECKED : DELIVERY_UNSIGNED;
    if (!header)
        return DELIVERY_NOT_SIGNED;
    return websub_signature_verify(header, secret, delivery->body, delivery->length)
               ? DELIVERY_VALID
               : DELIVERY_INVALID;
}

static enum delivery_match match(bool same)
{
    return same ? DELIVERY_SAME : DELIVERY_DIFFERENT;
}

void delivery_judge(struct delivery *delivery, const struct delivery_expectation *expectation)
{
    const struct buffer *body = expectation->body;
    const char *type = expectation->content_type;
    delivery->signature = judge_signature(delivery, expectation->secret);
    delivery->type = DELIVERY_NOT_COMPARED;
    delivery->content = DELIVERY_NOT_COMPARED;
    if (type)
        delivery->type = match(delivery->content_type && strcmp(delivery->content_type, type) == 0);
    if (body)
        delivery->content =
            match(delivery->length == body->length &&
                  (body->length == 0 || memcmp(delivery->body, body->data, body->length) == 0));
}

bool delivery_is_authentic(const struct delivery *delivery)
{
    return delivery->signature != DELIVERY_INVALID && delivery->signature != DELIVERY_NOT_SIGNED;
}

bool delivery_is_good(const struct delivery *delivery)
{
    return delivery_is_authentic(delivery) && delivery->type != DELIVERY_DIFFERENT &&
           delivery->content != DELIVERY_DIFFERENT;
}

/* Text from outside, for a terminal: what it would obey becomes '?'. */
static void append_shown(struct buffer *out, const char *text, size_t length)
{
    struct buffer repaired = {0};
    utf8_append_repaired(&repaired, text, length);
    for (size_t i = 0; i < repaired.length;) {
        size_t size = utf8_sequence(repaired.data + i, repaired.length - i);
        ENSURE(size > 0);
        if (repaired.data[i] != '\t' && utf8_has_control(repaired.data + i, size))
            buffer_append(out, "?", 1);
        else
            buffer_append(out, repaired.data + i, size);
        i += size;
    }
    buffer_fini(&repaired);
}

void delivery_append_shown(struct buffer *out, const char *text)
{
    append_shown(out, text, strlen(text));
}

static void append_field(struct buffer *out, const char *label, const char *value)
{
    buffer_append_format(out, "  %-13s ", label);
    append_shown(out, value, strlen(value));
}

static void append_verdict(struct buffer *out, enum delivery_match verdict)
{
    if (verdict == DELIVERY_SAME)
        buffer_append_string(out, ", as expected");
    if (verdict == DELIVERY_DIFFERENT)
        buffer_append_string(out, ", NOT AS EXPECTED");
    buffer_append_string(out, "\n");
}

static void append_signature(struct buffer *out, const struct delivery *delivery)
{
    const char *header = delivery->signature_header;
    switch (delivery->signature) {
    case DELIVERY_UNSIGNED:
        buffer_append_string(out, "none");
        break;
    case DELIVERY_UNCHECKED:
        buffer_append_string(out, "not checked, as no secret was given");
        break;
    case DELIVERY_VALID:
        buffer_append_format(out, "valid (%.*s)", (int)strcspn(header, "="), header);
        break;
    case DELIVERY_INVALID:
        buffer_append_string(out, "INVALID: not from this hub, or another secret; refused");
        break;
    case DELIVERY_NOT_SIGNED:
        buffer_append_string(out, "MISSING, although a secret was given; refused");
        break;
    }
}

static bool parse_timestamp(const char *text, int64_t *wall_ms)
{
    char *end;
    errno = 0;
    long long seconds = text ? strtoll(text, &end, 10) : 0;
    if (!text || errno != 0 || end == text || *end || seconds < 0 || seconds > INT32_MAX * 4LL)
        return false;
    *wall_ms = seconds * 1000;
    return true;
}

/* Whether the body can be shown as it is. */
static bool is_text(const char *body, size_t length)
{
    if (!utf8_valid(body, length))
        return false;
    for (size_t i = 0; i < length;) {
        size_t run = 0;
        while (i + run < length && !strchr("\t\n\r", body[i + run]))
            run++;
        /* strchr finds the NUL too: it ends a run and is a control character. */
        if (i + run < length && body[i + run] == '\0')
            return false;
        if (utf8_has_control(body + i, run))
            return false;
        i += run + 1;
    }
    return true;
}

static void append_text_body(struct buffer *out, const char *body, size_t length)
{
    for (size_t i = 0; i < length;) {
        const char *end = memchr(body + i, '\n', length - i);
        size_t line = end ? (size_t)(end - (body + i)) : length - i;
        size_t shown = line > 0 && body[i + line - 1] == '\r' ? line - 1 : line;
        buffer_append_string(out, "  | ");
        append_shown(out, body + i, shown);
        buffer_append_string(out, "\n");
        i += line + 1;
    }
}

static void append_binary_row(struct buffer *out, const char *bytes, size_t length)
{
    buffer_append_string(out, "  |");
    for (size_t i = 0; i < ROW; i++) {
        if (i < length)
            buffer_append_format(out, " %02x", (unsigned char)bytes[i]);
        else
            buffer_append_string(out, "   ");
    }
    buffer_append_string(out, "  ");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        buffer_append_format(out, "%c", c < 0x80 && isprint(c) ? c : '.');
    }
    buffer_append_string(out, "\n");
}

static void append_body(struct buffer *out, const struct delivery *delivery)
{
    bool text = is_text(delivery->body, delivery->length);
    size_t shown = text ? SHOWN_TEXT : SHOWN_BINARY;
    if (shown > delivery->length)
        shown = delivery->length;
    if (text) {
        append_text_body(out, delivery->body, shown);
    } else {
        for (size_t i = 0; i < shown; i += ROW)
            append_binary_row(out, delivery->body + i, shown - i < ROW ? shown - i : ROW);
    }
    if (shown < delivery->length)
        buffer_append_format(out, "  | ... %zu bytes more\n", delivery->length - shown);
}

void delivery_append_text(struct buffer *out, const struct delivery *delivery)
{
    int64_t published_ms;
    char published[CLOCK_TIMESTAMP_SIZE] = "not told";
    if (parse_timestamp(delivery->timestamp, &published_ms))
        clock_format(published_ms, published);
    buffer_append_format(out, "\nmessage %lu\n", delivery->number);
    append_field(out, "topic", delivery->topic);
    buffer_append_string(out, "\n");
    append_field(out, "message id", delivery->message_id ? delivery->message_id : "none");
    buffer_append_string(out, "\n");
    append_field(out, "published", published);
    buffer_append_string(out, "\n");
    append_field(out, "signature", "");
    append_signature(out, delivery);
    buffer_append_string(out, "\n");
    append_field(out, "content type", delivery->content_type ? delivery->content_type : "none");
    append_verdict(out, delivery->type);
    append_field(out, "content", "");
    buffer_append_format(out, "%zu byte%s", delivery->length, delivery->length == 1 ? "" : "s");
    append_verdict(out, delivery->content);
    append_body(out, delivery);
}

static void put_string(json_t *object, const char *name, const char *value)
{
    struct buffer repaired = {0};
    if (!value)
        return;
    utf8_append_repaired(&repaired, value, strlen(value));
    json_object_set_new(object, name, json_string(repaired.data ? repaired.data : ""));
    buffer_fini(&repaired);
}

static void put_base64(json_t *object, const char *body, size_t length)
{
    char *text = xmalloc(4 * ((length + 2) / 3) + 1);
    int written = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)body, (int)length);
    json_object_set_new(object, "body_base64", json_stringn(text, (size_t)written));
    free(text);
}

static const char *signature_name(enum delivery_signature signature)
{
    static const char *const names[] = {
        [DELIVERY_UNSIGNED] = "none",      [DELIVERY_UNCHECKED] = "unchecked",
        [DELIVERY_VALID] = "valid",        [DELIVERY_INVALID] = "invalid",
        [DELIVERY_NOT_SIGNED] = "missing",
    };
    return names[signature];
}

void delivery_append_json(struct buffer *out, const struct delivery *delivery)
{
    int64_t published_ms;
    json_t *object = json_object();
    ENSURE(object != NULL);
    json_object_set_new(object, "number", json_integer((json_int_t)delivery->number));
    put_string(object, "topic", delivery->topic);
    put_string(object, "message_id", delivery->message_id);
    if (parse_timestamp(delivery->timestamp, &published_ms))
        json_object_set_new(object, "published_at", json_integer(published_ms / 1000));
    put_string(object, "content_type", delivery->content_type);
    put_string(object, "signature", signature_name(delivery->signature));
    json_object_set_new(object, "good", json_boolean(delivery_is_good(delivery)));
    json_object_set_new(object, "bytes", json_integer((json_int_t)delivery->length));
    if (utf8_valid(delivery->body, delivery->length))
        json_object_set_new(object, "body", json_stringn(delivery->body, delivery->length));
    else
        put_base64(object, delivery->body, delivery->length);
    char *line = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    ENSURE(line != NULL);
    buffer_append_string(out, line);
    buffer_append_string(out, "\n");
    free(line);
    json_decref(object);
}
