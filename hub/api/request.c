#include "hub/api/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/log.h"
#include "common/panic.h"

static const char *title_of(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not found";
    case 405:
        return "Method not allowed";
    case 409:
        return "Conflict";
    case 429:
        return "Too many requests";
    default:
        return "Service unavailable";
    }
}

static void respond(struct http_request *http, unsigned status, const char *type, json_t *body)
{
    /* With more digits, 0.1 would be 0.10000000000000001. */
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15));
    ENSURE(text != NULL);
    json_decref(body);
    http_respond(http, status, type, text, strlen(text));
    free(text);
}

void api_respond(struct api_request *request, unsigned status, json_t *body)
{
    respond(request->http, status, "application/json", body);
}

void api_respond_page(struct api_request *request, json_t *items, json_t *cursor)
{
    json_t *page = json_pack("{s:o, s:o}", "items", items, "next_cursor", cursor);
    ENSURE(page != NULL);
    api_respond(request, 200, page);
}

void api_respond_problem(struct http_request *http, unsigned status, const char *parameter,
                         const char *detail)
{
    json_t *problem = json_pack("{s:s, s:i, s:s}", "title", title_of(status), "status", (int)status,
                                "detail", detail);
    ENSURE(problem != NULL);
    if (parameter)
        json_object_set_new(problem, "parameter", json_string(parameter));
    if (status == 503)
        http_response_header(http, "Retry-After", "1");
    respond(http, status, "application/problem+json", problem);
}

void api_problem(struct api_request *request, unsigned status, const char *parameter,
                 const char *format, ...)
{
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    log_info("api.refused", LOG_INT("status", status), LOG_STR("path", request->route->path),
             LOG_STR("parameter", parameter), LOG_STR("reason", detail));
    api_respond_problem(request->http, status, parameter, detail);
}

bool api_take_integer(struct api_request *request, const char *name, int64_t min, int64_t max,
                      int64_t fallback, int64_t *value)
{
    const char *text = form_get(&request->query, name);
    *value = fallback;
    if (!text)
        return true;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (*text && strspn(text, "0123456789") == strlen(text) && errno == 0 && number >= min &&
        number <= max) {
        *value = number;
        return true;
    }
    api_problem(request, 400, name, "must be an integer from %lld to %lld", (long long)min,
                (long long)max);
    return false;
}

bool api_take_time(struct api_request *request, const char *name, int64_t fallback, int64_t *ms)
{
    const char *text = form_get(&request->query, name);
    *ms = fallback;
    if (!text || clock_parse(text, ms))
        return true;
    api_problem(request, 400, name, "must be a time as of RFC 3339");
    return false;
}

bool api_take_choice(struct api_request *request, const char *name, const char *const *choices,
                     int *index)
{
    const char *text = form_get(&request->query, name);
    *index = -1;
    if (!text)
        return true;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *index = i;
            return true;
        }
    }
    struct buffer values = {0};
    for (int i = 0; choices[i]; i++)
        buffer_append_format(&values, "%s%s", i > 0 ? ", " : "", choices[i]);
    api_problem(request, 400, name, "must be one of: %s", values.data);
    buffer_fini(&values);
    return false;
}

bool api_may_see(const struct api_request *request, const char *owner)
{
    return request->is_operator ||
           (owner && request->identity && strcmp(owner, request->identity->name) == 0);
}

json_t *api_time(int64_t wall_ms)
{
    char text[CLOCK_TIMESTAMP_SIZE];
    if (wall_ms <= 0)
        return json_null();
    clock_format(wall_ms, text);
    return json_string(text);
}

bool api_is_subscription_id(const char *text)
{
    return strlen(text) == ID_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == ID_HEX_SIZE - 1;
}

bool api_require_operator(struct api_request *request)
{
    if (!request->is_operator)
        api_problem(request, 403, NULL, "only operators may do this");
    return request->is_operator;
}

bool api_require_catalog(struct api_request *request)
{
    if (!request->hub->catalog)
        api_problem(request, 503, NULL, "this hub keeps no subscriptions in memory (hub.catalog)");
    return request->hub->catalog;
}

bool api_take_subscription(struct api_request *request, struct catalog_subscription *s)
{
    struct catalog *catalog = request->hub->catalog;
    *s = (struct catalog_subscription){0};
    if (catalog && api_is_subscription_id(request->id) && catalog_get(catalog, request->id, s) &&
        api_may_see(request, s->owner))
        return true;
    catalog_subscription_fini(s);
    *s = (struct catalog_subscription){0};
    api_problem(request, 404, NULL, "there is no subscription with this id");
    return false;
}
