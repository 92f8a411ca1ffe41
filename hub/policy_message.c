#include "hub/policy_message.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"
#include "common/utf8.h"

/* --- the question --- */

static json_t *write_identity(const struct identity *identity)
{
    json_t *object = json_object();
    json_t *roles = json_array();
    ENSURE(object && roles);
    json_put_string(object, "name", identity->name);
    json_put_string(object, "method", identity->method);
    for (size_t i = 0; i < identity->role_count; i++)
        if (utf8_valid(identity->roles[i], strlen(identity->roles[i])))
            ENSURE(json_array_append_new(roles, json_string(identity->roles[i])) == 0);
    ENSURE(json_object_set_new(object, "roles", roles) == 0);
    return object;
}

char *policy_write_question(const struct policy_question *question, size_t *length)
{
    json_t *body = json_object();
    json_t *input = json_object();
    ENSURE(body && input);
    json_put_string(input, "operation", access_operation_name(question->operation));
    json_put_string(input, "topic", question->topic);
    json_put_string(input, "callback", question->callback);
    if (question->identity)
        ENSURE(json_object_set_new(input, "identity", write_identity(question->identity)) == 0);
    ENSURE(json_object_set_new(body, "input", input) == 0);
    return json_finish(body, length);
}

/* --- the answer --- */

static void set_reason(struct policy_question *question, const char *text)
{
    size_t used = 0, length = strlen(text), sequence;
    for (size_t i = 0; i < length; i += sequence) {
        sequence = utf8_sequence(text + i, length - i);
        if (sequence == 0 || used + sequence >= sizeof(question->reason))
            break;
        if (utf8_has_control(text + i, sequence)) {
            question->reason[used++] = ' ';
        } else {
            memcpy(question->reason + used, text + i, sequence);
            used += sequence;
        }
    }
    question->reason[used] = '\0';
}

static enum policy_answer fail(struct policy_question *question, const char **problem,
                               const char *why)
{
    *problem = why;
    set_reason(question, "it cannot be found out now whether this is allowed");
    return POLICY_FAILS;
}

/** Of {"allow": …, "reason": …}, or of a bare boolean. */
static enum policy_answer judge(const json_t *result, struct policy_question *question,
                                const char **problem)
{
    const json_t *allow = json_is_object(result) ? json_object_get(result, "allow") : result;
    const char *reason = json_string_value(json_object_get(result, "reason"));
    if (!json_is_boolean(allow))
        return fail(question, problem, "the answer does not say whether it is allowed");
    if (json_is_true(allow))
        return POLICY_ALLOWS;
    set_reason(question, reason ? reason : "");
    if (!question->reason[strspn(question->reason, " ")])
        set_reason(question, "the policy does not allow it");
    return POLICY_DENIES;
}

enum policy_answer policy_read_answer(const struct http_fetch_result *result,
                                      struct policy_question *question, const char **problem)
{
    if (result->problem)
        return fail(question, problem, result->problem);
    if (result->status != 200)
        return fail(question, problem, "the answer has another status than 200");
    json_t *body = json_loadb(result->body, result->length, JSON_REJECT_DUPLICATES, NULL);
    enum policy_answer answer = judge(json_object_get(body, "result"), question, problem);
    json_decref(body);
    return answer;
}
