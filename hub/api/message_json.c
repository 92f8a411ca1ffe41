/* Messages as the API shows them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base64.h"
#include "common/panic.h"
#include "common/utf8.h"
#include "hub/api/request.h"

static bool is_json(const char *type)
{
    size_t length = type ? strcspn(type, "; ") : 0;
    return (length == strlen("application/json") &&
            strncasecmp(type, "application/json", length) == 0) ||
           (length > strlen("+json") &&
            strncasecmp(type + length - strlen("+json"), "+json", strlen("+json")) == 0);
}

/** As text where it is text; JSON that a JSON library would change (large numbers) is text too, for
 * what was published counts byte for byte. */
static json_t *encode_body(const struct message_row *row)
{
    const char *body = row->body;
    size_t length = row->head.body_length;
    if (utf8_valid(body, length) && !memchr(body, '\0', length))
        return json_pack("{s:s, s:o}", "encoding", "text", "data", json_stringn(body, length));
    char *text = base64_encode(body, length);
    json_t *encoded = json_pack("{s:s, s:s}", "encoding", "base64", "data", text);
    free(text);
    return encoded;
}

json_t *api_encode_message(const struct message_row *row, bool is_letter)
{
    int64_t offset = is_letter ? row->head.origin_offset : row->head.offset;
    json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:b, s:I, s:o}", "id", row->head.id, "offset",
                               offset >= 0 ? json_integer(offset) : json_null(), "published_at",
                               api_time(row->head.published_at_ms), "content_type",
                               row->content_type ? json_string(row->content_type) : json_null(),
                               "json", (int)is_json(row->content_type), "size",
                               (json_int_t)row->head.body_length, "body", encode_body(row));
    ENSURE(object != NULL);
    if (is_letter)
        json_object_set_new(object, "dead_letter",
                            json_pack("{s:s, s:I, s:o}", "reason", row->reason ? row->reason : "",
                                      "failures", (json_int_t)row->failures, "at",
                                      api_time(row->head.dead_lettered_at_ms)));
    return object;
}
