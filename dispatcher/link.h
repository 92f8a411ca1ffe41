/** The Link header of deliveries (WebSub section 7, item 39). Pure. */
#ifndef WEBSUB_DISPATCHER_LINK_H
#define WEBSUB_DISPATCHER_LINK_H

/**
 * `Link: <hub>; rel="hub", <topic>; rel="self"` for the caller to free. Bytes that cannot stand
 * between the angle brackets (a topic may be any text) are percent-encoded.
 */
char *link_header(const char *hub_url, const char *topic);

#endif
