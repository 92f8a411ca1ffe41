/** URLs that strangers choose: what we accept as a callback, and how parameters are added to it. */
#ifndef WEBSUB_COMMON_URL_H
#define WEBSUB_COMMON_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

#define URL_MAX_LENGTH   2048 /**< of a callback */
#define TOPIC_MAX_LENGTH 4096

/**
 * Checks a callback: an absolute http or https URL with a host, no fragment, no control characters
 * or spaces, at most URL_MAX_LENGTH bytes (WebSub section 5.1.1). Also refused: bytes that are not
 * ASCII,
 * '\', '"', '<' and '>', which RFC 3986 wants percent-encoded and parsers disagree about; and a
 * user name or password, because callbacks are logged and shown. Whether the address may be dialled
 * is decided when it is dialled.
 *
 * Messages have no subject ("is empty", "has no host"): callers put the parameter's name before.
 */
int url_check_callback(const char *url, struct error *error);

/**
 * Checks a topic: any non-empty UTF-8 string of at most TOPIC_MAX_LENGTH bytes without control
 * characters (U+0000-U+001F, U+007F-U+009F). Not necessarily a URL: MOSIP uses plain names.
 * Messages as of url_check_callback.
 */
int topic_check(const char *topic, struct error *error);

/**
 * Appends `parameters` ("a=1&b=2", already encoded) to the query of `url`, keeping the query that
 * is there byte for byte (WebSub section 5.1: never overwriting same-named parameters).
 */
void url_append_query(struct buffer *out, const char *url, const char *parameters);

/** Whether the scheme is https; of a URL that was checked, else it is http. */
bool url_is_https(const char *url);
/** The port of a URL that was checked, or its scheme's; 0 when it is none of ours. */
uint16_t url_port(const char *url);

/**
 * Writes scheme://host:port in lower case with the port always present, e.g.
 * "https://a.example:443": the unit of connection reuse and of per-host limits. 0, or -1 when `url`
 * is no callback.
 */
int url_origin(const char *url, struct buffer *out);

/**
 * Decodes percent-encodings of unreserved characters (RFC 3986 section 2.3) in place, so that
 * equivalent spellings of a URL are one (WebSub item 13): "%7E" becomes "~", "%2F" stays. Only for
 * http(s) URLs.
 */
void url_normalize(char *url);

#endif
