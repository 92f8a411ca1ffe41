/*
 * The memory of a feed is text: for each entry 32 hex digits, 16 of the hash of its id and 16 of
 * that of all of it. It holds the entries of the feed as it is, and, while there is room, those
 * that have left it: one that comes back because another was deleted is not new.
 */
#include "dispatcher/feed_diff.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"

enum { HASH = 16, RECORD = 2 * HASH };

/* --- the document --- */

/** Feeds have no document type, and what is declared in one could only hurt. */
static void on_document_type(void *context, const xmlChar *name, const xmlChar *external_id,
                             const xmlChar *system_id)
{
    xmlParserCtxtPtr parser = context;
    (void)name, (void)external_id, (void)system_id;
    parser->wellFormed = 0;
    xmlStopParser(parser);
}

/** NULL: not well-formed, or with a document type. */
static xmlDocPtr parse(const char *body, size_t length)
{
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    ENSURE(parser);
    parser->sax->internalSubset = on_document_type;
    xmlDocPtr document =
        xmlCtxtReadMemory(parser, body, (int)length, NULL, NULL,
                          XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlFreeParserCtxt(parser);
    return document;
}

static bool is_named(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static xmlNodePtr child_named(const xmlNode *parent, const char *name)
{
    xmlNodePtr child = parent->children;
    while (child && !is_named(child, name))
        child = child->next;
    return child;
}

/** The element whose children named `*entry` are the feed's entries; NULL: it is no feed. */
static xmlNodePtr find_list(xmlDocPtr document, const char **entry)
{
    xmlNodePtr root = xmlDocGetRootElement(document);
    *entry = "item";
    if (!root)
        return NULL;
    if (is_named(root, "rss"))
        return child_named(root, "channel");
    if (is_named(root, "RDF"))
        return root;
    *entry = "entry";
    return is_named(root, "feed") ? root : NULL;
}

/* --- entries --- */

static void hash(const xmlChar *text, char out[HASH])
{
    char id[ID_HEX_SIZE];
    id_topic(text ? (const char *)text : "", id);
    memcpy(out, id, HASH);
}

/** What tells an entry from others, for the caller to xmlFree; NULL: nothing does. */
static xmlChar *id_of(xmlNodePtr entry)
{
    static const char *const names[] = {"id", "guid", "link"};
    xmlChar *about = xmlGetProp(entry, (const xmlChar *)"about");
    for (size_t i = 0; !about && i < sizeof(names) / sizeof(names[0]); i++) {
        xmlNodePtr child = child_named(entry, names[i]);
        about = child ? xmlNodeGetContent(child) : NULL;
    }
    return about;
}

static void record_of(xmlDocPtr document, xmlNodePtr entry, char out[RECORD])
{
    xmlBufferPtr text = xmlBufferCreate();
    ENSURE(text && xmlNodeDump(text, document, entry, 0, 0) >= 0);
    xmlChar *id = id_of(entry);
    hash(id ? id : xmlBufferContent(text), out);
    hash(xmlBufferContent(text), out + HASH);
    xmlFree(id);
    xmlBufferFree(text);
}

/* --- the memory --- */

/** Whether `list` has a record that begins with these bytes. */
static bool has(const char *list, size_t length, const char *bytes, size_t count)
{
    for (size_t at = 0; at + RECORD <= length; at += RECORD)
        if (memcmp(list + at, bytes, count) == 0)
            return true;
    return false;
}

/** Adds those that have left the feed while there is room. */
static void keep_former(struct buffer *entries, const char *known, size_t length, size_t max)
{
    size_t current = entries->length;
    for (size_t at = 0; at + RECORD <= length && entries->length < max * RECORD; at += RECORD)
        if (!has(entries->data, current, known + at, HASH))
            buffer_append(entries, known + at, RECORD);
}

/** What we wrote; anything else is of no use. */
static bool is_memory(const char *text)
{
    return strlen(text) % RECORD == 0 && strspn(text, "0123456789abcdef") == strlen(text);
}

/* --- the feed --- */

struct comparison {
    size_t total, same;
    struct buffer entries;
};

static struct comparison compare(xmlDocPtr document, xmlNodePtr list, const char *name,
                                 const char *known, size_t max)
{
    struct comparison comparison = {0};
    xmlNodePtr entry = list->children, next;
    for (; entry; entry = next) {
        char record[RECORD];
        next = entry->next;
        if (!is_named(entry, name))
            continue;
        comparison.total++;
        record_of(document, entry, record);
        if (comparison.entries.length < max * RECORD)
            buffer_append(&comparison.entries, record, RECORD);
        if (!has(known, strlen(known), record, RECORD))
            continue;
        comparison.same++;
        xmlUnlinkNode(entry);
        xmlFreeNode(entry);
    }
    return comparison;
}

static enum feed_change judge(xmlDocPtr document, const struct comparison *comparison,
                              struct buffer *changed)
{
    xmlChar *text = NULL;
    int length = 0;
    if (comparison->same == 0)
        return FEED_ALL;
    if (comparison->same == comparison->total)
        return FEED_UNCHANGED;
    xmlDocDumpMemory(document, &text, &length);
    if (!text)
        return FEED_ALL; /* in an encoding that cannot be written */
    buffer_append(changed, text, (size_t)length);
    xmlFree(text);
    return FEED_SOME;
}

enum feed_change feed_diff(const char *body, size_t length, const char *known, size_t max,
                           struct buffer *changed, char **entries)
{
    const char *name;
    xmlDocPtr document = parse(body, length);
    xmlNodePtr list = document ? find_list(document, &name) : NULL;
    enum feed_change change = FEED_NONE;
    if (!known || !is_memory(known))
        known = "";
    if (list) {
        struct comparison comparison = compare(document, list, name, known, max);
        change = judge(document, &comparison, changed);
        keep_former(&comparison.entries, known, strlen(known), max);
        buffer_append(&comparison.entries, "", 0);
        *entries = comparison.entries.data;
    }
    xmlFreeDoc(document);
    return change;
}
