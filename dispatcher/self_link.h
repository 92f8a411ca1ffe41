/**
 * The canonical topic that a resource names with rel="self" (WebSub section 4): in a Link header,
 * or in the resource itself, if that is HTML, Atom or RSS. Bytes of strangers all: parsed with
 * libxml2, without network, document types or entities, and only so far as heads go. Pure.
 */
#ifndef WEBSUB_DISPATCHER_SELF_LINK_H
#define WEBSUB_DISPATCHER_SELF_LINK_H

#include <stddef.h>

/** The first target of rel="self" in a Link field's value (RFC 8288), as it is there; NULL: none.
 * The caller frees it. */
char *self_link_of_header(const char *value, size_t length);

/** The same for a resource with this Content-Type (or NULL). */
char *self_link_of_content(const char *content_type, const char *body, size_t length);

/**
 * `reference`, which may be relative to `base`, as a topic: an absolute http(s) URL. NULL when it
 * makes none. The caller frees it.
 */
char *self_link_resolve(const char *base, const char *reference);

#endif
