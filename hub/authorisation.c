#include "hub/authorisation.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

struct authorisation {
    const struct config *config;
    struct access_rule *rules;
    size_t count;
};

struct authorisation *authorisation_new(const struct config *config)
{
    const struct string_list *texts = &config->auth.rules;
    struct authorisation *authorisation = xcalloc(1, sizeof(*authorisation));
    authorisation->config = config;
    authorisation->rules = xcalloc(texts->count, sizeof(*authorisation->rules));
    authorisation->count = texts->count;
    for (size_t i = 0; i < texts->count; i++) {
        struct error error;
        if (access_rule_parse(texts->items[i], &authorisation->rules[i], &error) != 0)
            PANIC("a rule that the configuration let through: %s", error.message);
    }
    return authorisation;
}

void authorisation_free(struct authorisation *authorisation)
{
    if (!authorisation)
        return;
    for (size_t i = 0; i < authorisation->count; i++)
        access_rule_fini(&authorisation->rules[i]);
    free(authorisation->rules);
    free(authorisation);
}

static bool meets(const struct access_rule *rule, const char *required,
                  const struct identity *identity)
{
    switch (rule->requirement) {
    case ACCESS_REQUIRES_NOTHING:
        return true;
    case ACCESS_REQUIRES_ROLE:
        return identity_has_role(identity, required);
    case ACCESS_REQUIRES_USER:
        return strcmp(identity->name, required) == 0;
    }
    return false;
}

static bool some_rule_permits(const struct authorisation *authorisation,
                              enum access_operation operation, const char *topic,
                              const struct identity *identity)
{
    struct buffer required = {0};
    bool permitted = false;
    for (size_t i = 0; i < authorisation->count && !permitted; i++) {
        const struct access_rule *rule = &authorisation->rules[i];
        permitted = access_rule_matches(rule, operation, topic, identity->name, &required) &&
                    meets(rule, required.data, identity);
    }
    buffer_fini(&required);
    return permitted;
}

/**
 * MOSIP's scheme. A topic is PARTNER/NAME, for one partner's eyes, or NAME. Publishers (who also
 * register topics) need a role for all partners' topics of that name, subscribers one for their
 * own.
 */
static bool mosip_permits(enum access_operation operation, const char *topic,
                          const struct identity *identity)
{
    bool subscriber = operation == ACCESS_SUBSCRIBE || operation == ACCESS_UNSUBSCRIBE;
    const char *slash = strchr(topic, '/');
    const char *suffix = !slash ? "_GENERAL" : subscriber ? "_INDIVIDUAL" : "_ALL_INDIVIDUAL";
    if (slash && subscriber &&
        (strlen(identity->name) != (size_t)(slash - topic) ||
         strncmp(identity->name, topic, (size_t)(slash - topic)) != 0))
        return false;
    struct buffer role = {0};
    buffer_append_format(&role, "%s_%s%s", subscriber ? "SUBSCRIBE" : "PUBLISH",
                         slash ? slash + 1 : topic, suffix);
    bool permitted = identity_has_role(identity, role.data);
    buffer_fini(&role);
    return permitted;
}

bool authorisation_permits(const struct authorisation *authorisation,
                           enum access_operation operation, const char *topic,
                           const struct identity *identity)
{
    bool mosip = authorisation->config->auth.mosip_scopes;
    if (authorisation->count == 0 && !mosip)
        return true;
    return some_rule_permits(authorisation, operation, topic, identity) ||
           (mosip && mosip_permits(operation, topic, identity)) ||
           authorisation_is_operator(authorisation, identity);
}

bool authorisation_is_operator(const struct authorisation *authorisation,
                               const struct identity *identity)
{
    const char *role = authorisation->config->auth.operator_role;
    return role[0] && identity_has_role(identity, role);
}
