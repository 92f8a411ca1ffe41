#include "hub/router.h"

#include <string.h>
#include <strings.h>

#include "common/url.h"
#include "hub/admission.h"
#include "hub/missed_messages.h"

static const struct {
    const char *mode;
    enum operation operation;
    void (*handle)(struct operation_request *request);
} modes[] = {
    {"publish", OPERATION_PUBLISH, publish_handle},
    {"subscribe", OPERATION_SUBSCRIBE, subscribe_handle},
    {"unsubscribe", OPERATION_UNSUBSCRIBE, subscribe_handle},
    {"register", OPERATION_REGISTER, register_handle},
    {"deregister", OPERATION_DEREGISTER, deregister_handle},
    {"unregister", OPERATION_DEREGISTER, deregister_handle}, /* MOSIP's word for it */
};

/** Whether the media type is that of a form, parameters such as charset aside. */
static bool is_form(const char *content_type)
{
    static const char form[] = "application/x-www-form-urlencoded";
    size_t length = strlen(form);
    if (!content_type || strncasecmp(content_type, form, length) != 0)
        return false;
    content_type += length;
    content_type += strspn(content_type, " \t");
    return *content_type == '\0' || *content_type == ';';
}

/** A publication's body is content when the query says that it is one, and of what, even if it
 * looks like a form. A form may name the topics of one without content. */
static bool body_is_content(struct operation_request *request)
{
    const struct form *query = &request->parameters;
    const char *mode = form_get(query, "hub.mode");
    if (!mode || strcmp(mode, "publish") != 0)
        return false;
    return form_get(query, "hub.topic") || form_get(query, "hub.url") ||
           !is_form(request->content_type);
}

static bool parse(struct operation_request *request)
{
    struct http_request *http = request->http;
    const char *query = http_request_query(http);
    struct error error;
    size_t length;
    if (form_parse(&request->parameters, query, strlen(query), &error) != 0) {
        operation_refuse(request, 400, "query: %s", error.message);
        return false;
    }
    const char *body = http_request_body(http, &length);
    if (length == 0 || body_is_content(request))
        return true;
    if (!is_form(request->content_type)) {
        operation_refuse(request, 415, "parameters must come as application/x-www-form-urlencoded");
        return false;
    }
    if (form_parse(&request->parameters, body, length, &error) != 0) {
        operation_refuse(request, 400, "body: %s", error.message);
        return false;
    }
    request->body_is_form = true;
    return true;
}

static int find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].mode, name) == 0)
            return (int)i;
    return -1;
}

void router_identify(struct operation_request *request)
{
    struct form *form = &request->parameters;
    const char *query = http_request_query(request->http);
    struct error error;
    size_t length;
    const char *body = http_request_body(request->http, &length);
    if (form_parse(form, query, strlen(query), &error) != 0)
        return;
    if (!body_is_content(request) && is_form(request->content_type) &&
        form_parse(form, body, length, &error) != 0)
        return;
    const char *mode = form_get(form, "hub.mode"), *topic = form_get(form, "hub.topic");
    int found = mode ? find_mode(mode) : -1;
    if (found >= 0)
        request->operation = modes[found].operation;
    if (!topic)
        topic = form_get(form, "hub.url");
    if (topic && topic_check(topic, &error) == 0)
        request->topic = topic;
}

static void dispatch(struct operation_request *request)
{
    bool refused;
    const char *mode = operation_parameter(request, "hub.mode", true, &refused);
    if (refused)
        return;
    int found = find_mode(mode);
    if (found < 0) {
        operation_refuse(
            request, 400,
            "hub.mode must be subscribe, unsubscribe, publish, register or deregister");
        return;
    }
    request->operation = modes[found].operation;
    if (admission_take_turn(request))
        modes[found].handle(request);
}

/* @locality any thread */
static void parse_and_dispatch(struct operation_request *request)
{
    if (parse(request))
        dispatch(request);
}

/** "/hub", and "/hub/", which is how MOSIP's services are configured. */
static bool is_hub(const char *path)
{
    size_t length = strlen(HUB_PATH);
    return strncmp(path, HUB_PATH, length) == 0 &&
           (path[length] == '\0' || strcmp(path + length, "/") == 0);
}

void router_handle(struct hub *hub, struct http_request *http)
{
    if (!is_hub(http_request_path(http))) {
        operation_respond_denied(http, 404, "the hub is at " HUB_PATH);
    } else if (strcmp(http_request_method(http), "GET") == 0) {
        missed_messages_handle(hub, http);
    } else if (strcmp(http_request_method(http), "POST") != 0) {
        http_response_header(http, "Allow", "GET, POST");
        operation_respond_denied(http, 405, "only POST, and GET for missed messages");
    } else {
        admission_authenticate(operation_request_new(hub, http), parse_and_dispatch);
    }
}
