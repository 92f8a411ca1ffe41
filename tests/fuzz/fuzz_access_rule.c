/* A rule; after the first newline a topic; after the second a user. */
#include <stdlib.h>
#include <string.h>

#include "common/access_rule.h"
#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

/** The next line, without its end. */
static char *take_line(const char **data, size_t *size)
{
    const char *end = memchr(*data, '\n', *size);
    size_t length = end ? (size_t)(end - *data) : *size;
    char *line = xstrndup(*data, length); /* up to the first NUL */
    *data += end ? length + 1 : length;
    *size -= end ? length + 1 : length;
    return line;
}

/** How many of `c` are in `text`. */
static size_t count(const char *text, char c)
{
    size_t found = 0;
    for (; *text; text++)
        found += *text == c;
    return found;
}

static void check_match(const struct access_rule *rule, enum access_operation operation,
                        const char *topic, const char *user)
{
    struct buffer first = {0}, second = {0};
    bool matches = access_rule_matches(rule, operation, topic, user, &first);
    ENSURE(access_rule_matches(rule, operation, topic, user, &second) == matches);
    ENSURE(!matches || strcmp(first.data, second.data) == 0);
    ENSURE(!matches || (rule->operations & 1u << operation));
    if (matches) {
        const char *required = rule->required ? rule->required : "";
        size_t longest = strlen(topic) > strlen(user) ? strlen(topic) : strlen(user);
        size_t names = count(required, '{');
        ENSURE(strlen(first.data) == first.length);
        /* each name is replaced once, by a segment or the user: nothing grows without bound */
        ENSURE(first.length <= strlen(required) + names * longest);
        /* braces are those of what is put in, never the rule's */
        ENSURE(strpbrk(topic, "{}") || strpbrk(user, "{}") || !strpbrk(first.data, "{}"));
        ENSURE(count(topic, '/') >= count(rule->topic, '/'));
        bool open_end =
            strcmp(rule->topic, "*") == 0 ||
            (strlen(rule->topic) >= 2 && strcmp(rule->topic + strlen(rule->topic) - 2, "/*") == 0);
        ENSURE(open_end || count(topic, '/') == count(rule->topic, '/'));
        ENSURE(strpbrk(rule->topic, "*{") || strcmp(topic, rule->topic) == 0);
    }
    buffer_fini(&first);
    buffer_fini(&second);
}

/** A rule that has no pattern in it is about its own topic and no other. */
static void check_own_topic(const struct access_rule *rule)
{
    struct buffer required = {0};
    for (int i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        bool about = rule->operations & 1u << i;
        bool matches =
            access_rule_matches(rule, (enum access_operation)i, rule->topic, "user", &required);
        ENSURE(strpbrk(rule->topic, "*{") || matches == about);
    }
    buffer_fini(&required);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *rest = (const char *)data;
    char *text = take_line(&rest, &size);
    char *topic = take_line(&rest, &size);
    char *user = take_line(&rest, &size);
    struct access_rule rule;
    struct error error = {0};
    if (access_rule_parse(text, &rule, &error) == 0) {
        ENSURE(rule.operations != 0 && rule.operations < 1u << ACCESS_OPERATION_COUNT);
        ENSURE(*rule.topic);
        ENSURE((rule.requirement == ACCESS_REQUIRES_NOTHING) == !rule.required);
        check_own_topic(&rule);
        for (int i = 0; i < ACCESS_OPERATION_COUNT; i++)
            check_match(&rule, (enum access_operation)i, topic, user);
        access_rule_fini(&rule);
    } else {
        ENSURE(error.code == ERROR_CONFIG && *error.message);
        ENSURE(!rule.topic && !rule.required);
    }
    free(text);
    free(topic);
    free(user);
    return 0;
}
