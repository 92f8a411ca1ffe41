#include "dispatcher/fetch_head.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fetched.h"
#include "common/message.h"
#include "common/panic.h"
#include "dispatcher/self_link.h"

void fetch_head_fini(struct fetch_head *head)
{
    free(head->content_type);
    free(head->etag);
    free(head->last_modified);
    free(head->self);
    memset(head, 0, sizeof(*head));
}

/** The value if the line is the field `name`, without blanks around it; NULL: it is another. */
static const char *value_of(const char *line, size_t *length, const char *name)
{
    size_t name_length = strlen(name);
    if (*length <= name_length || line[name_length] != ':' ||
        strncasecmp(line, name, name_length) != 0)
        return NULL;
    const char *value = line + name_length + 1, *end = line + *length;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
        end--;
    *length = (size_t)(end - value);
    return value;
}

/** What we send back as it came, and keep in JSON. */
static bool is_validator(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    return length > 0 && length <= FETCHED_MAX_VALIDATOR;
}

/** The first of several fields of a name counts. */
static void keep(char **to, const char *value, size_t length, bool is_usable)
{
    if (!*to && is_usable)
        *to = xstrndup(value, length);
}

void fetch_head_take_line(struct fetch_head *head, const char *line, size_t length)
{
    const char *value;
    size_t rest = length;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        fetch_head_fini(head);
    } else if ((value = value_of(line, &rest, "Content-Type"))) {
        keep(&head->content_type, value, rest, rest > 0 && message_header_is_sendable(value, rest));
    } else if ((value = value_of(line, &rest, "ETag"))) {
        keep(&head->etag, value, rest, is_validator(value, rest));
    } else if ((value = value_of(line, &rest, "Last-Modified"))) {
        keep(&head->last_modified, value, rest, is_validator(value, rest));
    } else if ((value = value_of(line, &rest, "Link")) && !head->self) {
        head->self = self_link_of_header(value, rest);
    }
}
