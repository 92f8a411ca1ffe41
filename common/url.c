#include "common/url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/panic.h"
#include "common/utf8.h"

/* What is looked at of a parsed URL; strings are curl's. */
struct parts {
    char *scheme;
    char *host;
    char *port;
};

static void parts_fini(struct parts *parts)
{
    curl_free(parts->scheme);
    curl_free(parts->host);
    curl_free(parts->port);
}

/* Length of "http://" or "https://" at the start of `url`, or 0. curl would also take "http:/x". */
static size_t scheme_length(const char *url)
{
    if (strncasecmp(url, "http://", 7) == 0)
        return 7;
    if (strncasecmp(url, "https://", 8) == 0)
        return 8;
    return 0;
}

/* Refuses the bytes that RFC 3986 does not know and that parsers are known to disagree about: an
 * URL that reads differently here than where it is dialled is the stuff of request forgery. */
static int check_bytes(const char *url, struct error *error)
{
    for (const char *c = url; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte <= ' ' || byte == 0x7f)
            return error_set(error, ERROR_INVALID, false, "contains a space or control character");
        if (byte >= 0x80)
            return error_set(error, ERROR_INVALID, false,
                             "contains a character that is not ASCII and must be percent-encoded");
        if (byte == '\\' || byte == '"' || byte == '<' || byte == '>')
            return error_set(error, ERROR_INVALID, false,
                             "contains '%c', which must be percent-encoded", byte);
        if (byte == '#')
            return error_set(error, ERROR_INVALID, false, "must not have a fragment");
    }
    return 0;
}

static int check_parts(CURLU *handle, struct parts *parts, struct error *error)
{
    char *user = NULL;
    if (curl_url_get(handle, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        curl_free(user);
        return error_set(error, ERROR_INVALID, false, "must not contain a user name or password");
    }
    if (curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0) != CURLUE_OK ||
        curl_url_get(handle, CURLUPART_HOST, &parts->host, 0) != CURLUE_OK || !parts->host[0])
        return error_set(error, ERROR_INVALID, false, "has no host");
    if (curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        atoi(parts->port) < 1 || atoi(parts->port) > 65535)
        return error_set(error, ERROR_INVALID, false, "has a bad port");
    return 0;
}

/* On failure `*parts` needs no cleanup. */
static int parse(const char *url, struct parts *parts, struct error *error)
{
    *parts = (struct parts){0};
    size_t length = strnlen(url, URL_MAX_LENGTH + 1);
    if (length == 0)
        return error_set(error, ERROR_INVALID, false, "is empty");
    if (length > URL_MAX_LENGTH)
        return error_set(error, ERROR_INVALID, false, "is longer than %d bytes", URL_MAX_LENGTH);
    size_t scheme = scheme_length(url);
    if (scheme == 0)
        return error_set(error, ERROR_INVALID, false, "is not an absolute http or https URL");
    if (url[scheme] == '\0' || strchr("/?#:", url[scheme]))
        return error_set(error, ERROR_INVALID, false, "has no host");
    /* Parsers disagree about what such a host names. */
    if (memchr(url + scheme, '%', strcspn(url + scheme, "/?")))
        return error_set(error, ERROR_INVALID, false, "has a percent-encoded host");
    if (check_bytes(url, error) != 0)
        return -1;

    CURLU *handle = curl_url();
    ENSURE(handle != NULL);
    int result = -1;
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, url, 0);
    if (code != CURLUE_OK)
        error_set(error, ERROR_INVALID, false, "is not a URL: %s", curl_url_strerror(code));
    else
        result = check_parts(handle, parts, error);
    curl_url_cleanup(handle);
    if (result != 0)
        parts_fini(parts);
    return result;
}

int url_check_callback(const char *url, struct error *error)
{
    struct parts parts;
    if (parse(url, &parts, error) != 0)
        return -1;
    parts_fini(&parts);
    return 0;
}

int topic_check(const char *topic, struct error *error)
{
    size_t length = strnlen(topic, TOPIC_MAX_LENGTH + 1);
    if (length == 0)
        return error_set(error, ERROR_INVALID, false, "is empty");
    if (length > TOPIC_MAX_LENGTH)
        return error_set(error, ERROR_INVALID, false, "is longer than %d bytes", TOPIC_MAX_LENGTH);
    if (!utf8_valid(topic, length))
        return error_set(error, ERROR_INVALID, false, "is not valid UTF-8");
    if (utf8_has_control(topic, length))
        return error_set(error, ERROR_INVALID, false, "contains a control character");
    return 0;
}

void url_append_query(struct buffer *out, const char *url, const char *parameters)
{
    buffer_append_string(out, url);
    if (!parameters[0])
        return;
    size_t length = strlen(url);
    if (!strchr(url, '?'))
        buffer_append_string(out, "?");
    else if (url[length - 1] != '?' && url[length - 1] != '&')
        buffer_append_string(out, "&");
    buffer_append_string(out, parameters);
}

static void append_lower(struct buffer *out, const char *text)
{
    size_t start = out->length;
    buffer_append_string(out, text);
    for (char *c = out->data + start; *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

bool url_is_https(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0;
}

uint16_t url_port(const char *url)
{
    struct parts parts;
    struct error ignored;
    if (parse(url, &parts, &ignored) != 0)
        return 0;
    int port = atoi(parts.port); /* from 1 to 65535: check_parts */
    parts_fini(&parts);
    return (uint16_t)port;
}

int url_origin(const char *url, struct buffer *out)
{
    struct parts parts;
    struct error ignored;
    if (parse(url, &parts, &ignored) != 0)
        return -1;
    append_lower(out, parts.scheme);
    buffer_append_string(out, "://");
    append_lower(out, parts.host);
    buffer_append_string(out, ":");
    buffer_append_string(out, parts.port);
    parts_fini(&parts);
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** The unreserved character that "%XX" at `text` stands for, or 0. */
static char unreserved_at(const char *text)
{
    int high = text[0] == '%' ? hex_value(text[1]) : -1;
    int low = high >= 0 ? hex_value(text[2]) : -1;
    if (low < 0)
        return 0;
    char c = (char)(high * 16 + low);
    bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_' || c == '~';
    return unreserved ? c : 0;
}

void url_normalize(char *url)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return;
    char *to = url;
    for (const char *from = url; *from; to++) {
        /* Right behind a stray '%' a decoded character would make an encoding that was none. */
        bool stray = (to > url && to[-1] == '%') || (to > url + 1 && to[-2] == '%');
        char decoded = stray ? 0 : unreserved_at(from);
        *to = decoded ? decoded : *from;
        from += decoded ? 3 : 1;
    }
    *to = '\0';
}
