/** What kind of content a Content-Type names, as far as we look into it. Pure. */
#ifndef WEBSUB_DISPATCHER_MEDIA_TYPE_H
#define WEBSUB_DISPATCHER_MEDIA_TYPE_H

enum media_type {
    MEDIA_OTHER,
    MEDIA_HTML, /**< XHTML too */
    MEDIA_XML,  /**< feeds: Atom, RSS, and what is only called XML */
};

/** NULL is fine. */
enum media_type media_type_of(const char *content_type);

#endif
