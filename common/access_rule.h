/**
 * One rule of auth.rules: who may do what to which topics. Rules only allow; what none allows is
 * denied.
 *
 *   "OPERATIONS TOPIC REQUIREMENT"     "publish,register orders/{region} role:ORDERS_{region}"
 *
 * OPERATIONS   register, deregister, subscribe, unsubscribe, publish with ',' between them, or "*"
 * TOPIC        what the topic must be. A segment (between '/') "{name}" stands for any one, not
 *              empty, that REQUIREMENT may refer to; "{user}" for the name of the user; "*" for any
 *              one that is not empty, at the end of the pattern for all that follow. May contain
 *              blanks. A name that occurs twice stands for the same both times.
 * REQUIREMENT  "any" (whoever is authenticated), "role:ROLE" (a role or scope) or "user:NAME";
 *              "{name}" in it is replaced by the segment that it stood for, "{user}" by the user.
 *
 * Matching takes time linear in the topic: patterns are not tried in different ways.
 */
#ifndef WEBSUB_COMMON_ACCESS_RULE_H
#define WEBSUB_COMMON_ACCESS_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

enum access_operation {
    ACCESS_REGISTER,
    ACCESS_DEREGISTER,
    ACCESS_SUBSCRIBE,
    ACCESS_UNSUBSCRIBE,
    ACCESS_PUBLISH,
    ACCESS_OPERATION_COUNT
};

struct access_rule {
    unsigned operations; /**< bit 1 << enum access_operation */
    char *topic;
    enum { ACCESS_REQUIRES_NOTHING, ACCESS_REQUIRES_ROLE, ACCESS_REQUIRES_USER } requirement;
    char *required; /**< with placeholders; NULL when nothing is required */
};

/** "register", "publish", …: the words of rules, of the audit log and of the policy service. */
const char *access_operation_name(enum access_operation operation);

/** ERROR_CONFIG when `text` is no rule; `*rule` then needs no access_rule_fini. */
int access_rule_parse(const char *text, struct access_rule *rule, struct error *error);
void access_rule_fini(struct access_rule *rule);

/**
 * Whether the rule is about `operation` on `topic` when `user` does it. If so, `required` (cleared
 * first) is what the user must have or be, with all placeholders replaced.
 */
bool access_rule_matches(const struct access_rule *rule, enum access_operation operation,
                         const char *topic, const char *user, struct buffer *required);

#endif
