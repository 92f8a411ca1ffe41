#include "dispatcher/media_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum media_type type;
} types[] = {
    {"text/html", MEDIA_HTML},
    {"application/xhtml+xml", MEDIA_HTML},
    {"application/atom+xml", MEDIA_XML},
    {"application/rss+xml", MEDIA_XML},
    {"application/rdf+xml", MEDIA_XML},
    {"application/xml", MEDIA_XML},
    {"text/xml", MEDIA_XML},
};

enum media_type media_type_of(const char *content_type)
{
    if (!content_type)
        return MEDIA_OTHER;
    size_t length = strcspn(content_type, "; \t");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strlen(types[i].name) == length &&
            strncasecmp(types[i].name, content_type, length) == 0)
            return types[i].type;
    return MEDIA_OTHER;
}
