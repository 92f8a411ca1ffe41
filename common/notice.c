#include "common/notice.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"

static const char *const type_names[NOTICE_TYPE_COUNT] = {
    [NOTICE_SUSPENDED] = "subscription.suspended",
    [NOTICE_RECOVERED] = "subscription.recovered",
    [NOTICE_LAPSING] = "subscription.lapsing",
    [NOTICE_LAPSED] = "subscription.lapsed",
    [NOTICE_GONE] = "subscription.gone",
    [NOTICE_DEAD_LETTERED] = "delivery.dead_lettered",
};

const char *notice_type_name(enum notice_type type)
{
    return type_names[type];
}

void notice_set_callback(struct notice *notice, const char *url)
{
    free(notice->callback);
    notice->callback = xstrndup(url, strcspn(url, "?"));
}

void notice_set_id(struct notice *notice, const char *occasion)
{
    char *name =
        xasprintf("notice\n%s\n%s\n%s", type_names[notice->type], notice->subscription, occasion);
    id_uuid8(name, notice->id);
    free(name);
}

char *notice_encode(const struct notice *notice, size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_string(object, "id", notice->id);
    json_put_string(object, "type", type_names[notice->type]);
    json_put_integer(object, "at", notice->at_ms);
    json_put_string(object, "subscription", notice->subscription);
    json_put_string(object, "topic", notice->topic);
    json_put_string(object, "callback", notice->callback);
    json_put_string(object, "owner", notice->owner);
    json_put_string(object, "reason", notice->reason);
    if (notice->lease_end_ms > 0)
        json_put_integer(object, "lease_end", notice->lease_end_ms);
    if (notice->message) {
        json_put_string(object, "message", notice->message);
        json_put_integer(object, "offset", notice->offset);
    }
    return json_finish(object, length);
}

void notice_fini(struct notice *notice)
{
    free(notice->topic);
    free(notice->callback);
    free(notice->owner);
    free(notice->reason);
    free(notice->message);
    *notice = (struct notice){0};
}

/* --- reading --- */

/** Of a header's value: anything else would end up in a request that we sign. */
static bool is_id(const char *text)
{
    return text && strlen(text) == ID_UUID_SIZE - 1 &&
           strspn(text, "0123456789abcdef-") == ID_UUID_SIZE - 1;
}

static bool is_type(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return length > 0 && length <= NOTICE_TYPE_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

int notice_read_head(const void *value, size_t length, struct notice_head *head,
                     struct error *error)
{
    json_t *object = json_parse_record(value, length, error);
    if (!object)
        return -1;
    struct error problem = {0};
    char *id = json_take_string(object, "id", &problem);
    char *type = json_take_string(object, "type", &problem);
    json_decref(object);
    if (problem.code == ERROR_NONE && !is_id(id))
        error_set(&problem, ERROR_INVALID, false, "a notice needs a proper \"id\"");
    if (problem.code == ERROR_NONE && !is_type(type))
        error_set(&problem, ERROR_INVALID, false, "a notice needs a proper \"type\"");
    if (problem.code == ERROR_NONE) {
        memcpy(head->id, id, sizeof(head->id));
        memcpy(head->type, type, strlen(type) + 1);
    }
    free(id);
    free(type);
    if (problem.code == ERROR_NONE)
        return 0;
    *error = problem;
    return -1;
}
