#include "dispatcher/self_link.h"

#include <ctype.h>
#include <curl/curl.h>
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/panic.h"
#include "common/url.h"
#include "dispatcher/media_type.h"

/* Heads come first; what is behind this costs nobody's time. */
enum { LOOK_AT = 256 << 10, PIECE = 4096 };

static const char blanks[] = " \t\r\n\f";

/** Whether a list of relation types names "self": separated by blanks, in any case. */
static bool names_self(const char *rel, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && !strchr(blanks, rel[end]))
            end++;
        if (end - i == 4 && strncasecmp(rel + i, "self", 4) == 0)
            return true;
        i = end + 1;
    }
    return false;
}

/* --- the Link header --- */

struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/** The text up to `end`, which is passed too; false: there is no such end. */
static bool take_until(struct cursor *c, char end, const char **text, size_t *length)
{
    const char *found = memchr(c->at, end, (size_t)(c->end - c->at));
    if (!found)
        return false;
    *text = c->at;
    *length = (size_t)(found - c->at);
    c->at = found + 1;
    return true;
}

static void take_token(struct cursor *c, const char **text, size_t *length)
{
    skip_blanks(c);
    *text = c->at;
    while (c->at < c->end && !strchr(" \t;,=\"", *c->at))
        c->at++;
    *length = (size_t)(c->at - *text);
}

/** A token or a quoted string, whose backslashes stay: no relation type has any. */
static bool take_value(struct cursor *c, const char **text, size_t *length)
{
    if (!take(c, '"')) {
        take_token(c, text, length);
        return true;
    }
    *text = c->at;
    while (c->at < c->end && *c->at != '"')
        c->at += *c->at == '\\' && c->at + 1 < c->end ? 2 : 1;
    *length = (size_t)(c->at - *text);
    return take(c, '"');
}

/** The parameters of one link. Only the first rel counts (RFC 8288 section 3.3), and one with an
 * anchor is about something else. False: malformed. */
static bool take_parameters(struct cursor *c, bool *is_self)
{
    bool has_rel = false, has_anchor = false;
    *is_self = false;
    while (take(c, ';')) {
        const char *name, *value = "";
        size_t name_length, length = 0;
        take_token(c, &name, &name_length);
        if (take(c, '=') && !take_value(c, &value, &length))
            return false;
        if (name_length == 3 && strncasecmp(name, "rel", 3) == 0 && !has_rel) {
            has_rel = true;
            *is_self = names_self(value, length);
        }
        has_anchor |= name_length == 6 && strncasecmp(name, "anchor", 6) == 0;
    }
    *is_self = *is_self && !has_anchor;
    return true;
}

char *self_link_of_header(const char *value, size_t length)
{
    struct cursor c = {value, value + length};
    do {
        const char *target;
        size_t target_length;
        bool is_self;
        if (!take(&c, '<') || !take_until(&c, '>', &target, &target_length) ||
            !take_parameters(&c, &is_self))
            return NULL;
        if (is_self)
            return xstrndup(target, target_length);
    } while (take(&c, ','));
    return NULL;
}

/* --- HTML, Atom and RSS --- */

/** What the parsers tell. */
struct finder {
    xmlParserCtxtPtr parser;
    int depth;       /* of the element that is told of now; the root's is 1 */
    bool in_channel; /* RSS: below its channel */
    bool ended;
    char *found;
};

static void stop(struct finder *finder)
{
    finder->ended = true;
    xmlStopParser(finder->parser);
}

static void find(struct finder *finder, char *reference)
{
    finder->found = reference;
    stop(finder);
}

static void on_html_element(void *context, const xmlChar *name, const xmlChar **attributes)
{
    struct finder *finder = context;
    const char *rel = NULL, *href = NULL;
    if (finder->ended)
        return;
    if (strcasecmp((const char *)name, "body") == 0) {
        stop(finder); /* what is in there is content, which others may have written */
        return;
    }
    if (strcasecmp((const char *)name, "link") != 0)
        return;
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        if (strcasecmp((const char *)attributes[i], "rel") == 0)
            rel = (const char *)attributes[i + 1];
        else if (strcasecmp((const char *)attributes[i], "href") == 0)
            href = (const char *)attributes[i + 1];
    }
    if (rel && href && names_self(rel, strlen(rel)))
        find(finder, xstrdup(href));
}

/* libxml2 gives five pointers for an attribute: name, prefix, namespace, value, end of value. */
enum { NAME = 0, NAMESPACE = 2, VALUE = 3, VALUE_END = 4, ATTRIBUTE = 5 };

/** The value of an attribute without namespace, and its length; NULL: it is not there. */
static const char *get_attribute(const xmlChar **attributes, int count, const char *name,
                                 size_t *length)
{
    for (int i = 0; i < count; i++, attributes += ATTRIBUTE) {
        if (attributes[NAMESPACE] || strcmp((const char *)attributes[NAME], name) != 0)
            continue;
        *length = (size_t)(attributes[VALUE_END] - attributes[VALUE]);
        return (const char *)attributes[VALUE];
    }
    return NULL;
}

/** Whether a link at this place is the feed's own, not that of one of its entries. */
static bool is_in_head(const struct finder *finder)
{
    return finder->depth == (finder->in_channel ? 3 : 2);
}

static void on_xml_element(void *context, const xmlChar *name, const xmlChar *prefix,
                           const xmlChar *namespace, int namespaces_count,
                           const xmlChar **namespaces, int count, int defaulted,
                           const xmlChar **attributes)
{
    static const char atom[] = "http://www.w3.org/2005/Atom";
    struct finder *finder = context;
    size_t rel_length = 0, href_length = 0;
    (void)prefix, (void)namespaces_count, (void)namespaces, (void)defaulted;
    if (finder->ended)
        return;
    finder->depth++;
    if (finder->depth == 2 && strcmp((const char *)name, "channel") == 0)
        finder->in_channel = true;
    if (!is_in_head(finder) || !namespace || strcmp((const char *)namespace, atom) != 0 ||
        strcmp((const char *)name, "link") != 0)
        return;
    const char *rel = get_attribute(attributes, count, "rel", &rel_length);
    const char *href = get_attribute(attributes, count, "href", &href_length);
    if (rel && href && names_self(rel, rel_length))
        find(finder, xstrndup(href, href_length));
}

static void on_xml_end(void *context, const xmlChar *name, const xmlChar *prefix,
                       const xmlChar *namespace)
{
    struct finder *finder = context;
    (void)name, (void)prefix, (void)namespace;
    if (finder->depth == 2)
        finder->in_channel = false;
    finder->depth--;
}

/** Feeds have no document type, and what is declared in one could only hurt. */
static void on_document_type(void *context, const xmlChar *name, const xmlChar *external_id,
                             const xmlChar *system_id)
{
    (void)name, (void)external_id, (void)system_id;
    stop(context);
}

static void parse(struct finder *finder, const char *body, size_t length,
                  int (*take_piece)(xmlParserCtxtPtr, const char *, int, int))
{
    if (length > LOOK_AT)
        length = LOOK_AT;
    for (size_t at = 0; at < length && !finder->ended; at += PIECE) {
        size_t piece = length - at < PIECE ? length - at : PIECE;
        int problem = take_piece(finder->parser, body + at, (int)piece, 0);
        if (problem == XML_ERR_NO_MEMORY || finder->parser->disableSAX)
            break;
    }
}

static char *find_in_html(const char *body, size_t length)
{
    struct finder finder = {0};
    htmlSAXHandler handler = {.startElement = on_html_element};
    finder.parser =
        htmlCreatePushParserCtxt(&handler, &finder, NULL, 0, NULL, XML_CHAR_ENCODING_NONE);
    ENSURE(finder.parser);
    htmlCtxtUseOptions(finder.parser, HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);
    parse(&finder, body, length, htmlParseChunk);
    htmlFreeParserCtxt(finder.parser);
    return finder.found;
}

static char *find_in_feed(const char *body, size_t length)
{
    struct finder finder = {0};
    xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .internalSubset = on_document_type,
        .startElementNs = on_xml_element,
        .endElementNs = on_xml_end,
    };
    finder.parser = xmlCreatePushParserCtxt(&handler, &finder, NULL, 0, NULL);
    ENSURE(finder.parser);
    /* NOENT: references to characters are to be replaced. There are no other entities, since those
     * would be declared in a document type. */
    xmlCtxtUseOptions(finder.parser,
                      XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    parse(&finder, body, length, xmlParseChunk);
    xmlFreeParserCtxt(finder.parser);
    return finder.found;
}

char *self_link_of_content(const char *content_type, const char *body, size_t length)
{
    switch (media_type_of(content_type)) {
    case MEDIA_HTML:
        return find_in_html(body, length);
    case MEDIA_XML:
        return find_in_feed(body, length);
    default:
        return NULL;
    }
}

/* --- what it means --- */

char *self_link_resolve(const char *base, const char *reference)
{
    struct error error;
    char *resolved = NULL, *copy = NULL;
    CURLU *url = curl_url();
    ENSURE(url);
    reference += strspn(reference, blanks);
    if (*reference && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, reference, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &resolved, 0) == CURLUE_OK &&
        (strncmp(resolved, "http://", 7) == 0 || strncmp(resolved, "https://", 8) == 0) &&
        topic_check(resolved, &error) == 0)
        copy = xstrdup(resolved);
    curl_free(resolved);
    curl_url_cleanup(url);
    return copy;
}
