#include "dispatcher/fetch_content.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"
#include "dispatcher/feed_diff.h"
#include "dispatcher/media_type.h"
#include "dispatcher/self_link.h"

static const char default_type[] = "application/octet-stream";

static void replace(char **to, char *value)
{
    free(*to);
    *to = value;
}

/** Validators are those of this URL only. */
static void take_validators(const struct fetch_content *content, struct fetched *fetched)
{
    const struct fetch_head *head = content->head;
    replace(&fetched->etag, xstrdup_or_null(head->etag));
    replace(&fetched->last_modified, xstrdup_or_null(head->last_modified));
    bool has_any = fetched->etag || fetched->last_modified;
    replace(&fetched->url, has_any ? xstrdup(content->url) : NULL);
}

/** The canonical topic, if it is another than the one that we know; NULL: it is not, or there is
 * none. */
static char *find_self(const struct fetch_content *content)
{
    char *found = xstrdup_or_null(content->head->self);
    if (!found)
        found = self_link_of_content(content->head->content_type, content->body, content->length);
    char *self = found ? self_link_resolve(content->url, found) : NULL;
    free(found);
    if (self && strcmp(self, content->topic) == 0)
        replace(&self, NULL);
    return self;
}

/** Of a feed, only what is new. */
static void take_part(const struct fetch_content *content, struct fetch_verdict *verdict)
{
    char *entries = NULL;
    switch (feed_diff(content->body, content->length, verdict->fetched.entries, content->feed_diff,
                      &verdict->part, &entries)) {
    case FEED_SOME:
        verdict->body = verdict->part.data;
        verdict->length = verdict->part.length;
        break;
    case FEED_UNCHANGED:
        verdict->distribute = false;
        break;
    default:
        break;
    }
    replace(&verdict->fetched.entries, entries);
}

void fetch_content_judge(const struct fetch_content *content, struct fetch_verdict *verdict)
{
    const struct fetch_head *head = content->head;
    char digest[ID_DIGEST_SIZE];
    memset(verdict, 0, sizeof(*verdict));
    fetched_copy(&verdict->fetched, content->known);
    if (content->not_modified)
        return;
    take_validators(content, &verdict->fetched);
    verdict->content_type = head->content_type ? head->content_type : default_type;
    verdict->body = content->body;
    verdict->length = content->length;
    id_content(verdict->content_type, content->body, content->length, digest);
    const char *known = content->known->digest;
    verdict->distribute = !known || strcmp(known, digest) != 0;
    if (!verdict->distribute)
        return;
    replace(&verdict->fetched.digest, xstrdup(digest));
    replace(&verdict->fetched.self, find_self(content));
    if (content->feed_diff > 0 && media_type_of(head->content_type) == MEDIA_XML)
        take_part(content, verdict);
    else
        replace(&verdict->fetched.entries, NULL);
}

void fetch_verdict_fini(struct fetch_verdict *verdict)
{
    buffer_fini(&verdict->part);
    fetched_fini(&verdict->fetched);
}
