#include "dispatcher/link.h"

#include <string.h>

#include "common/buffer.h"

static void append_reference(struct buffer *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c <= ' ' || *c >= 127 || strchr("<>\"\\^`{|}", *c))
            buffer_append_format(out, "%%%02X", *c);
        else
            buffer_append(out, c, 1);
    }
}

char *link_header(const char *hub_url, const char *topic)
{
    struct buffer out = {0};
    buffer_append_string(&out, "Link: <");
    append_reference(&out, hub_url);
    buffer_append_string(&out, ">; rel=\"hub\", <");
    append_reference(&out, topic);
    buffer_append_string(&out, ">; rel=\"self\"");
    return out.data;
}
