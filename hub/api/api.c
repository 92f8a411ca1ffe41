#include "hub/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/panic.h"
#include "hub/api/openapi.h"
#include "hub/api/request.h"
#include "hub/auth/http_authentication.h"

static const char prefix[] = "/api/v1/";

static void openapi_get(struct api_request *request)
{
    http_respond(request->http, 200, "application/json", api_openapi, api_openapi_length);
}

static const char *const none[] = {NULL};
static const char *const topics_parameters[] = {"topic", "cursor", "limit", NULL};
static const char *const subscriptions_parameters[] = {
    "topic",           "callback_host", "owner", "status", "min_lag_messages",
    "min_lag_seconds", "cursor",        "limit", NULL};
static const char *const missed_parameters[] = {"source", "since", "format",
                                                "cursor", "limit", NULL};
static const char *const attempts_parameters[] = {"since", "cursor", "limit", NULL};

static const struct api_route routes[] = {
    {"GET", "openapi.json", none, openapi_get},
    {"GET", "overview", none, api_overview_get},
    {"GET", "topics", topics_parameters, api_topics_list},
    {"GET", "topics/{id}", none, api_topics_get},
    {"GET", "subscriptions", subscriptions_parameters, api_subscriptions_list},
    {"GET", "subscriptions/{id}", none, api_subscriptions_get},
    {"DELETE", "subscriptions/{id}", none, api_subscription_delete},
    {"GET", "subscriptions/{id}/attempts", attempts_parameters, api_attempts_list},
    {"POST", "subscriptions/{id}/pause", none, api_subscription_pause},
    {"POST", "subscriptions/{id}/resume", none, api_subscription_resume},
    {"POST", "subscriptions/{id}/move", none, api_subscription_move},
    {"POST", "subscriptions/{id}/redeliver", none, api_subscription_redeliver},
    {"GET", "subscriptions/{id}/missed-messages", missed_parameters, api_missed_messages_list},
};
enum { ROUTE_COUNT = sizeof(routes) / sizeof(routes[0]) };

/* --- which --- */

static const char *segment_end(const char *text)
{
    return text + strcspn(text, "/");
}

/** Whether `path` is one of the pattern's; `*id` is then what stands for "{id}", not terminated. */
static bool path_matches(const char *pattern, const char *path, const char **id, size_t *length)
{
    while (true) {
        const char *pattern_end = segment_end(pattern), *path_end = segment_end(path);
        size_t wanted = (size_t)(pattern_end - pattern), given = (size_t)(path_end - path);
        if (wanted == strlen("{id}") && memcmp(pattern, "{id}", wanted) == 0) {
            *id = path;
            *length = given;
        } else if (wanted != given || memcmp(pattern, path, wanted) != 0) {
            return false;
        }
        if (*pattern_end != *path_end)
            return false;
        if (!*pattern_end)
            return given > 0;
        pattern = pattern_end + 1;
        path = path_end + 1;
    }
}

/** The route of method and path, or NULL; `*allowed` gets the methods of the path. */
static const struct api_route *find_route(const char *method, const char *path, const char **id,
                                          size_t *length, struct buffer *allowed)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!path_matches(routes[i].path, path, id, length))
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
        buffer_append_format(allowed, "%s%s", allowed->length > 0 ? ", " : "", routes[i].method);
    }
    return NULL;
}

/* --- parameters --- */

static bool is_known(const struct api_route *route, const char *name)
{
    for (size_t i = 0; route->parameters[i]; i++)
        if (strcmp(route->parameters[i], name) == 0)
            return true;
    return false;
}

/** Misspelt parameters would be filters that do not filter. */
static bool check_parameters(struct api_request *request)
{
    const char *query = http_request_query(request->http);
    struct error error;
    if (form_parse(&request->query, query, strlen(query), &error) != 0) {
        api_problem(request, 400, NULL, "query: %s", error.message);
        return false;
    }
    for (size_t i = 0; i < request->query.count; i++) {
        const char *name = request->query.fields[i].name;
        if (!is_known(request->route, name)) {
            api_problem(request, 400, name, "there is no such parameter");
            return false;
        }
        if (form_count(&request->query, name) > 1) {
            api_problem(request, 400, name, "is given more than once");
            return false;
        }
    }
    return true;
}

/* --- who --- */

static void go_on(struct api_request *request)
{
    if (check_parameters(request))
        request->route->handle(request);
}

/* @locality any thread */
static void on_authenticated(struct authentication *authentication, enum auth_outcome outcome)
{
    struct api_request *request = CONTAINER_OF(authentication, struct api_request, authentication);
    if (outcome == AUTH_UNAVAILABLE) {
        api_problem(request, 503, NULL, "%s", authentication->reason);
    } else if (outcome != AUTH_GRANTED) {
        http_challenge(request->hub->authenticator, authentication, outcome, request->http);
        api_problem(request, 401, NULL, "%s", authentication->reason);
    } else {
        request->identity = authentication->identity;
        request->is_operator =
            authorisation_is_operator(request->hub->authorisation, request->identity);
        go_on(request);
    }
}

static void authenticate(struct api_request *request)
{
    if (!request->hub->authenticator) {
        request->is_operator = true;
        go_on(request);
        return;
    }
    request->authentication.done = on_authenticated;
    http_authenticate(request->hub->authenticator, &request->authentication, request->http);
}

static void request_free(void *context)
{
    struct api_request *request = context;
    form_fini(&request->query);
    identity_unref(request->identity);
    free(request->id);
    free(request);
}

bool api_handle(struct hub *hub, struct http_request *http)
{
    const char *path = http_request_path(http), *id = NULL;
    struct buffer allowed = {0};
    size_t length = 0;
    if (strncmp(path, prefix, strlen(prefix)) != 0)
        return false;
    const struct api_route *route =
        find_route(http_request_method(http), path + strlen(prefix), &id, &length, &allowed);
    if (route) {
        struct api_request *request = xcalloc(1, sizeof(*request));
        request->hub = hub;
        request->http = http;
        request->route = route;
        request->id = id ? xstrndup(id, length) : NULL;
        http_request_set_context(http, request, request_free);
        authenticate(request);
    } else if (allowed.length > 0) {
        http_response_header(http, "Allow", allowed.data);
        api_respond_problem(http, 405, NULL, "this path has other methods");
    } else {
        api_respond_problem(http, 404, NULL, "there is nothing at this path");
    }
    buffer_fini(&allowed);
    return true;
}
