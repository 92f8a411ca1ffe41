/* URLs and topics: what is accepted stays acceptable, and nothing grows. */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/url.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"

static void check_callback(const char *url)
{
    struct error error;
    struct buffer origin = {0}, appended = {0};
    ENSURE(strlen(url) <= URL_MAX_LENGTH);
    ENSURE(strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
    for (const char *c = url; *c; c++)
        ENSURE(*c > ' ' && *c < 127 && *c != '#');

    ENSURE(url_origin(url, &origin) == 0);
    const char *port = strrchr(origin.data, ':');
    ENSURE(port && atoi(port + 1) > 0 && atoi(port + 1) <= 65535);
    ENSURE(url_check_callback(origin.data, &error) == 0);

    url_append_query(&appended, url, "hub.mode=subscribe");
    ENSURE(strncmp(appended.data, url, strlen(url)) == 0);
    ENSURE(appended.length == strlen(url) + 1 + strlen("hub.mode=subscribe") ||
           strchr("?&", url[strlen(url) - 1]));
    ENSURE(strlen(appended.data) > URL_MAX_LENGTH ||
           url_check_callback(appended.data, &error) == 0);
    buffer_fini(&origin);
    buffer_fini(&appended);
}

static void check_normalized(const char *url, bool is_callback)
{
    struct error error;
    char *once = xstrdup(url);
    url_normalize(once);
    ENSURE(strlen(once) <= strlen(url));
    char *twice = xstrdup(once);
    url_normalize(twice);
    ENSURE(!is_callback || strcmp(once, twice) == 0);
    ENSURE(!is_callback || url_check_callback(once, &error) == 0);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct buffer origin = {0};
    char *text = xstrndup((const char *)data, size); /* up to the first NUL */
    bool is_callback = url_check_callback(text, &error) == 0;
    if (is_callback)
        check_callback(text);
    else
        ENSURE(error.code == ERROR_INVALID || error.code == ERROR_TOO_LARGE);
    url_origin(text, &origin);
    check_normalized(text, is_callback);
    if (topic_check(text, &error) == 0) {
        ENSURE(*text && strlen(text) <= TOPIC_MAX_LENGTH);
        ENSURE(utf8_valid(text, strlen(text)) && !utf8_has_control(text, strlen(text)));
    }
    buffer_fini(&origin);
    free(text);
    return 0;
}
