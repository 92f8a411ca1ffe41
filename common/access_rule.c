#include "common/access_rule.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

enum { MAX_SEGMENTS = 32 };

static const char user_placeholder[] = "{user}";

static const char *const operation_names[ACCESS_OPERATION_COUNT] = {
    [ACCESS_REGISTER] = "register",   [ACCESS_DEREGISTER] = "deregister",
    [ACCESS_SUBSCRIBE] = "subscribe", [ACCESS_UNSUBSCRIBE] = "unsubscribe",
    [ACCESS_PUBLISH] = "publish",
};

const char *access_operation_name(enum access_operation operation)
{
    return operation_names[operation];
}

struct text {
    const char *data;
    size_t length;
};

static bool text_is(struct text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

/** Cuts the next segment off `rest`; false when there is none left. The first call's `rest` is
 * never NULL; after the last segment it is. */
static bool next_segment(const char **rest, struct text *segment)
{
    if (!*rest)
        return false;
    segment->data = *rest;
    segment->length = strcspn(*rest, "/");
    *rest = (*rest)[segment->length] ? *rest + segment->length + 1 : NULL;
    return true;
}

static bool is_placeholder(struct text segment)
{
    return segment.length > 2 && segment.data[0] == '{' &&
           segment.data[segment.length - 1] == '}' &&
           !memchr(segment.data + 1, '{', segment.length - 1) &&
           memchr(segment.data, '}', segment.length) == segment.data + segment.length - 1;
}

/* --- parsing --- */

static int parse_operations(struct text list, unsigned *operations)
{
    if (text_is(list, "*")) {
        *operations = (1u << ACCESS_OPERATION_COUNT) - 1;
        return 0;
    }
    while (true) {
        const char *comma = memchr(list.data, ',', list.length);
        struct text word = {list.data, comma ? (size_t)(comma - list.data) : list.length};
        int i = 0;
        while (i < ACCESS_OPERATION_COUNT && !text_is(word, operation_names[i]))
            i++;
        if (i == ACCESS_OPERATION_COUNT)
            return -1;
        *operations |= 1u << i;
        if (!comma)
            return 0;
        list.length -= word.length + 1;
        list.data = comma + 1;
    }
}

/** Each segment is plain text, a placeholder or "*". */
static int check_topic(const char *topic, struct error *error)
{
    const char *rest = topic;
    struct text segment;
    for (size_t count = 1; next_segment(&rest, &segment); count++) {
        if (count > MAX_SEGMENTS)
            return error_set(error, ERROR_CONFIG, false, "more than %d segments in the topic",
                             MAX_SEGMENTS);
        bool plain = !memchr(segment.data, '*', segment.length) &&
                     !memchr(segment.data, '{', segment.length) &&
                     !memchr(segment.data, '}', segment.length);
        if (!plain && !text_is(segment, "*") && !is_placeholder(segment))
            return error_set(error, ERROR_CONFIG, false,
                             "\"*\" and \"{name}\" in the topic must stand alone between '/'");
    }
    return 0;
}

/** Whether the placeholder (with its braces) is a segment of the topic, or the user. */
static bool is_bound(const char *topic, struct text placeholder)
{
    struct text segment;
    if (text_is(placeholder, user_placeholder))
        return true;
    while (next_segment(&topic, &segment))
        if (segment.length == placeholder.length &&
            memcmp(segment.data, placeholder.data, segment.length) == 0)
            return true;
    return false;
}

static int check_required(const char *required, const char *topic, struct error *error)
{
    for (const char *at = required; (at = strpbrk(at, "{}"));) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        struct text placeholder = {at, end ? (size_t)(end - at) + 1 : 0};
        if (!end || !is_placeholder(placeholder) || !is_bound(topic, placeholder))
            return error_set(error, ERROR_CONFIG, false,
                             "\"%s\" refers to something that is not in the topic", required);
        at = end + 1;
    }
    return 0;
}

static int parse_requirement(const char *text, struct access_rule *rule, struct error *error)
{
    if (strcmp(text, "any") == 0) {
        rule->requirement = ACCESS_REQUIRES_NOTHING;
        return 0;
    }
    if (strncmp(text, "role:", 5) == 0 && text[5])
        rule->requirement = ACCESS_REQUIRES_ROLE;
    else if (strncmp(text, "user:", 5) == 0 && text[5])
        rule->requirement = ACCESS_REQUIRES_USER;
    else
        return error_set(error, ERROR_CONFIG, false,
                         "\"%s\" should be \"any\", \"role:ROLE\" or \"user:NAME\"", text);
    rule->required = xstrdup(text + 5);
    return check_required(rule->required, rule->topic, error);
}

int access_rule_parse(const char *text, struct access_rule *rule, struct error *error)
{
    *rule = (struct access_rule){0};
    const char *topic = strchr(text, ' '), *requirement = strrchr(text, ' ');
    if (!topic || topic == requirement || requirement[-1] == ' ' || topic[1] == ' ')
        return error_set(error, ERROR_CONFIG, false,
                         "a rule is \"OPERATIONS TOPIC REQUIREMENT\", with one blank between them");
    if (parse_operations((struct text){text, (size_t)(topic - text)}, &rule->operations) != 0)
        return error_set(error, ERROR_CONFIG, false,
                         "operations are register, deregister, subscribe, unsubscribe and publish "
                         "with ',' between them, or \"*\"");
    rule->topic = xstrndup(topic + 1, (size_t)(requirement - topic - 1));
    if (check_topic(rule->topic, error) == 0 &&
        parse_requirement(requirement + 1, rule, error) == 0)
        return 0;
    access_rule_fini(rule);
    return -1;
}

void access_rule_fini(struct access_rule *rule)
{
    free(rule->topic);
    free(rule->required);
    *rule = (struct access_rule){0};
}

/* --- matching --- */

struct binding {
    struct text name; /* with its braces */
    struct text value;
};

struct match {
    const char *user;
    struct binding bindings[MAX_SEGMENTS];
    size_t count;
};

static struct text value_of(const struct match *match, struct text placeholder)
{
    for (size_t i = 0; i < match->count; i++) {
        struct text name = match->bindings[i].name;
        if (name.length == placeholder.length &&
            memcmp(name.data, placeholder.data, name.length) == 0)
            return match->bindings[i].value;
    }
    return (struct text){match->user, strlen(match->user)};
}

/** A name that occurs twice must stand for the same both times. */
static bool bind(struct match *match, struct text name, struct text value)
{
    bool known = text_is(name, user_placeholder);
    for (size_t i = 0; i < match->count && !known; i++)
        known = name.length == match->bindings[i].name.length &&
                memcmp(name.data, match->bindings[i].name.data, name.length) == 0;
    if (!known) {
        match->bindings[match->count++] = (struct binding){name, value};
        return value.length > 0;
    }
    struct text expected = value_of(match, name);
    return expected.length > 0 && expected.length == value.length &&
           memcmp(expected.data, value.data, value.length) == 0;
}

static bool match_topic(struct match *match, const char *pattern, const char *topic)
{
    struct text wanted, segment;
    while (next_segment(&pattern, &wanted)) {
        if (!next_segment(&topic, &segment))
            return false;
        if (text_is(wanted, "*") && !pattern)
            return true;
        bool fits = text_is(wanted, "*") ? segment.length > 0
                    : is_placeholder(wanted)
                        ? bind(match, wanted, segment)
                        : wanted.length == segment.length &&
                              memcmp(wanted.data, segment.data, segment.length) == 0;
        if (!fits)
            return false;
    }
    return topic == NULL;
}

static void fill_in(const struct match *match, const char *required, struct buffer *out)
{
    const char *brace;
    while ((brace = strchr(required, '{'))) {
        const char *end = strchr(brace, '}'); /* there is one: checked when it was parsed */
        struct text value = value_of(match, (struct text){brace, (size_t)(end - brace) + 1});
        buffer_append(out, required, (size_t)(brace - required));
        buffer_append(out, value.data, value.length);
        required = end + 1;
    }
    buffer_append_string(out, required);
}

bool access_rule_matches(const struct access_rule *rule, enum access_operation operation,
                         const char *topic, const char *user, struct buffer *required)
{
    struct match match = {.user = user};
    if (!(rule->operations & 1u << operation) || !match_topic(&match, rule->topic, topic))
        return false;
    buffer_clear(required);
    fill_in(&match, rule->required ? rule->required : "", required);
    return true;
}
