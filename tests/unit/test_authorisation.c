/* Who may do what: rules, MOSIP's roles, operators. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "hub/authorisation.h"

static struct config config;

static struct authorisation *make(bool mosip, const char *operator_role, const char *const *rules,
                                  size_t count)
{
    memset(&config, 0, sizeof(config));
    config.auth.rules.items = (char **)(uintptr_t)rules;
    config.auth.rules.count = count;
    config.auth.mosip_scopes = mosip;
    config.auth.operator_role = (char *)(uintptr_t)operator_role;
    return authorisation_new(&config);
}

static bool permits(const struct authorisation *authorisation, enum access_operation operation,
                    const char *topic, const char *name, const char *roles)
{
    struct identity *identity = identity_new("test", name, "");
    identity_add_roles(identity, roles, " ");
    bool permitted = authorisation_permits(authorisation, operation, topic, identity);
    identity_unref(identity);
    return permitted;
}

static void without_rules_whoever_is_known_may_do_everything(void **state)
{
    struct authorisation *authorisation = make(false, "op", NULL, 0);
    (void)state;
    for (int i = 0; i < ACCESS_OPERATION_COUNT; i++)
        assert_true(permits(authorisation, (enum access_operation)i, "t", "alice", ""));
    authorisation_free(authorisation);
    authorisation_free(NULL);
}

static void what_no_rule_allows_is_denied(void **state)
{
    static const char *const rules[] = {
        "publish,register orders/{region} role:ORDERS_{region}",
        "subscribe,unsubscribe orders/* any",
        "* {user}/* any",
        "publish news user:editor",
    };
    static const struct {
        enum access_operation operation;
        const char *topic, *name, *roles;
        bool permitted;
    } cases[] = {
        {ACCESS_PUBLISH, "orders/EU", "alice", "ORDERS_EU", true},
        {ACCESS_REGISTER, "orders/EU", "alice", "x ORDERS_EU y", true},
        {ACCESS_DEREGISTER, "orders/EU", "alice", "ORDERS_EU", false},
        {ACCESS_PUBLISH, "orders/US", "alice", "ORDERS_EU", false},
        {ACCESS_PUBLISH, "orders/EU", "alice", "ORDERS_E ORDERS_EUR orders_eu", false},
        {ACCESS_PUBLISH, "orders/EU", "alice", "", false},
        {ACCESS_PUBLISH, "orders/EU/x", "alice", "ORDERS_EU", false},
        {ACCESS_SUBSCRIBE, "orders/EU", "bob", "", true},
        {ACCESS_UNSUBSCRIBE, "orders/EU/x", "bob", "", true},
        {ACCESS_SUBSCRIBE, "orders", "bob", "", false},
        {ACCESS_DEREGISTER, "bob/a/b", "bob", "", true},
        {ACCESS_DEREGISTER, "alice/a/b", "bob", "", false},
        {ACCESS_PUBLISH, "news", "editor", "", true},
        {ACCESS_PUBLISH, "news", "bob", "editor", false},
        {ACCESS_SUBSCRIBE, "news", "editor", "", false},
    };
    struct authorisation *authorisation = make(false, "op", rules, ARRAY_COUNT(rules));
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (permits(authorisation, cases[i].operation, cases[i].topic, cases[i].name,
                    cases[i].roles) != cases[i].permitted)
            fail_msg("case %zu: %s on %s by %s", i, access_operation_name(cases[i].operation),
                     cases[i].topic, cases[i].name);
    authorisation_free(authorisation);
}

static void mosips_roles_are_for_a_partner_or_for_all(void **state)
{
    static const struct {
        enum access_operation operation;
        const char *topic, *roles;
        bool permitted; /* to the user "partner" */
    } cases[] = {
        {ACCESS_PUBLISH, "partner/NAME", "PUBLISH_NAME_ALL_INDIVIDUAL", true},
        {ACCESS_PUBLISH, "other/NAME", "PUBLISH_NAME_ALL_INDIVIDUAL", true},
        {ACCESS_REGISTER, "other/NAME", "PUBLISH_NAME_ALL_INDIVIDUAL", true},
        {ACCESS_DEREGISTER, "other/NAME", "PUBLISH_NAME_ALL_INDIVIDUAL", true},
        {ACCESS_SUBSCRIBE, "partner/NAME", "PUBLISH_NAME_ALL_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "partner/NAME", "PUBLISH_NAME_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "partner/NAME", "PUBLISH_NAME_GENERAL", false},
        {ACCESS_PUBLISH, "partner/OTHER", "PUBLISH_NAME_ALL_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "partner/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", true},
        {ACCESS_UNSUBSCRIBE, "partner/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", true},
        {ACCESS_SUBSCRIBE, "other/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "partner2/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "part/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "Partner/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "partner/NAME", "SUBSCRIBE_NAME_GENERAL", false},
        {ACCESS_SUBSCRIBE, "partner/NAME", "SUBSCRIBE_NAME_ALL_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "partner/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_REGISTER, "partner/NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "NAME", "PUBLISH_NAME_GENERAL", true},
        {ACCESS_REGISTER, "NAME", "PUBLISH_NAME_GENERAL", true},
        {ACCESS_DEREGISTER, "NAME", "PUBLISH_NAME_GENERAL", true},
        {ACCESS_SUBSCRIBE, "NAME", "PUBLISH_NAME_GENERAL", false},
        {ACCESS_SUBSCRIBE, "NAME", "SUBSCRIBE_NAME_GENERAL", true},
        {ACCESS_UNSUBSCRIBE, "NAME", "SUBSCRIBE_NAME_GENERAL", true},
        {ACCESS_PUBLISH, "NAME", "SUBSCRIBE_NAME_GENERAL", false},
        {ACCESS_SUBSCRIBE, "NAME", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "NAME", "PUBLISH_NAME_ALL_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "NAME", "publish_name_general", false},
        /* only the first '/' counts */
        {ACCESS_SUBSCRIBE, "partner/A/B", "SUBSCRIBE_A/B_INDIVIDUAL", true},
        {ACCESS_SUBSCRIBE, "partner/A/B", "SUBSCRIBE_B_INDIVIDUAL", false},
        /* a topic must not complete a role of another kind */
        {ACCESS_SUBSCRIBE, "NAME_INDIVIDUAL", "SUBSCRIBE_NAME_INDIVIDUAL", false},
        {ACCESS_PUBLISH, "NAME_ALL", "PUBLISH_NAME_ALL_INDIVIDUAL", false},
        {ACCESS_SUBSCRIBE, "NAME", "", false},
    };
    struct authorisation *authorisation = make(true, "op", NULL, 0);
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (permits(authorisation, cases[i].operation, cases[i].topic, "partner", cases[i].roles) !=
            cases[i].permitted)
            fail_msg("case %zu: %s on %s with %s", i, access_operation_name(cases[i].operation),
                     cases[i].topic, cases[i].roles);
    authorisation_free(authorisation);
}

static void rules_add_to_mosips_roles(void **state)
{
    static const char *const rules[] = {"publish extra any"};
    struct authorisation *authorisation = make(true, "op", rules, 1);
    (void)state;
    assert_true(permits(authorisation, ACCESS_PUBLISH, "extra", "alice", ""));
    assert_true(permits(authorisation, ACCESS_PUBLISH, "NAME", "alice", "PUBLISH_NAME_GENERAL"));
    assert_false(permits(authorisation, ACCESS_PUBLISH, "NAME", "alice", ""));
    authorisation_free(authorisation);
}

static void operators_may_do_everything(void **state)
{
    static const char *const rules[] = {"publish nothing user:nobody"};
    (void)state;
    for (int mosip = 0; mosip <= 1; mosip++) {
        struct authorisation *authorisation = make(mosip, "websub-operator", rules, 1);
        for (int i = 0; i < ACCESS_OPERATION_COUNT; i++) {
            enum access_operation operation = (enum access_operation)i;
            assert_true(permits(authorisation, operation, "a/b", "root", "websub-operator"));
            assert_false(permits(authorisation, operation, "a/b", "websub-operator", "operator"));
        }
        authorisation_free(authorisation);
    }
}

static void an_empty_operator_role_is_nobodys(void **state)
{
    static const char *const rules[] = {"publish nothing user:nobody"};
    struct authorisation *authorisation = make(false, "", rules, 1);
    struct identity *identity = identity_new("test", "alice", "");
    (void)state;
    identity_add_roles(identity, "a,,b", ",");
    assert_false(authorisation_is_operator(authorisation, identity));
    assert_false(authorisation_permits(authorisation, ACCESS_PUBLISH, "t", identity));
    identity_unref(identity);
    authorisation_free(authorisation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_whoever_is_known_may_do_everything),
        cmocka_unit_test(what_no_rule_allows_is_denied),
        cmocka_unit_test(mosips_roles_are_for_a_partner_or_for_all),
        cmocka_unit_test(rules_add_to_mosips_roles),
        cmocka_unit_test(operators_may_do_everything),
        cmocka_unit_test(an_empty_operator_role_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
