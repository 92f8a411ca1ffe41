/* What requests offer as proof, and identities made of what it proves. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hub/auth/credentials.h"
#include "hub/auth/identity.h"

static void headers_are_read(void **state)
{
    static const struct {
        const char *authorization, *cookie;
        const char *token, *password; /* NULL: none */
    } cases[] = {
        {NULL, NULL, NULL, NULL},
        {"", "", NULL, NULL},
        {"Bearer abc", NULL, "abc", NULL},
        {"bearer abc", NULL, "abc", NULL},
        {"BEARER   abc  ", NULL, "abc", NULL},
        {"Bearer AZaz09-._~+/==", NULL, "AZaz09-._~+/==", NULL},
        {"Basic YTpi", NULL, NULL, "YTpi"},
        {"bAsIc YTpi", NULL, NULL, "YTpi"},
        /* other schemes offer nothing */
        {"Digest username=x", NULL, NULL, NULL},
        {"Bearer", NULL, NULL, NULL},
        {"Basic", NULL, NULL, NULL},
        {"Bearerabc", NULL, NULL, NULL},
        {"BearerX abc", NULL, NULL, NULL},
        {"Bearer\tabc", NULL, NULL, NULL},
        {" Bearer abc", NULL, NULL, NULL},
        {"abc", NULL, NULL, NULL},
        /* cookies */
        {NULL, "Authorization=abc", "abc", NULL},
        {NULL, "Authorization=\"abc\"", "abc", NULL},
        {NULL, "Authorization=\"abc\" ; b=2", "abc", NULL},
        {NULL, "a=1; Authorization=abc; b=2", "abc", NULL},
        {NULL, "a=1;Authorization=abc;b=2", "abc", NULL},
        {NULL, "a=1;   Authorization=abc ", "abc", NULL},
        {NULL, "Authorization=first; Authorization=second", "first", NULL},
        {NULL, "authorization=abc", NULL, NULL},
        {NULL, "XAuthorization=abc", NULL, NULL},
        {NULL, "Authorization2=abc", NULL, NULL},
        {NULL, "Authorization", NULL, NULL},
        {NULL, "a=Authorization=abc", NULL, NULL},
        {NULL, ";;;", NULL, NULL},
        /* both: the header's token goes before */
        {"Bearer abc", "Authorization=xyz", "abc", NULL},
        {"Bearer abc", "Authorization=\x01", "abc", NULL},
        {"Digest x", "Authorization=xyz", "xyz", NULL},
        {"Basic YTpi", "Authorization=xyz", "xyz", "YTpi"},
        {"Basic YTpi", "Authorization=x y", NULL, "YTpi"},
        {"Basic YTpi", "Authorization=", NULL, "YTpi"},
        {"Basic YTpi", "Authorization=\"xyz", NULL, "YTpi"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct credentials c;
        const char *problem = credentials_read(&c, cases[i].authorization, cases[i].cookie, NULL);
        if (problem)
            fail_msg("case %zu: %s", i, problem);
        unsigned kinds = (cases[i].token ? CREDENTIALS_TOKEN : 0u) |
                         (cases[i].password ? CREDENTIALS_PASSWORD : 0u);
        if (c.kinds != kinds)
            fail_msg("case %zu: kinds %u, not %u", i, c.kinds, kinds);
        assert_int_equal(c.token_length, cases[i].token ? strlen(cases[i].token) : 0);
        assert_int_equal(c.password_length, cases[i].password ? strlen(cases[i].password) : 0);
        if (c.token)
            assert_memory_equal(c.token, cases[i].token, c.token_length);
        if (c.password)
            assert_memory_equal(c.password, cases[i].password, c.password_length);
    }
}

static void what_cannot_be_used_says_why_and_offers_nothing(void **state)
{
    static const struct {
        const char *authorization, *cookie;
    } cases[] = {
        {"Bearer a b", NULL},
        {"Bearer \"abc\"", NULL},
        {"Bearer a,b", NULL},
        {"Bearer a;b", NULL},
        {"Bearer \xc3\xbc", NULL},
        {"Bearer a\x7f", NULL},
        {"Bearer a\x01", NULL},
        {"Bearer token, Basic YTpi", NULL},
        {"Basic a b", NULL},
        {"Basic name:password", NULL},
        {"Basic YTpi, Bearer abc", NULL},
        {NULL, "Authorization="},
        {NULL, "Authorization=; a=1"},
        {NULL, "Authorization=a b"},
        {NULL, "Authorization=a,b"},
        {NULL, "Authorization=\""},
        {NULL, "Authorization=\"\""},
        {NULL, "Authorization=\"abc"},
        {NULL, "Authorization=abc\""},
        {NULL, "Authorization=\"abc\"x"},
        {NULL, "Authorization=\"a b\""},
        {NULL, "Authorization=\"a;b\""},
        {NULL, "Authorization=Bearer abc"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct credentials c;
        const char *problem = credentials_read(&c, cases[i].authorization, cases[i].cookie, "CN=x");
        if (!problem)
            fail_msg("case %zu is good", i);
        assert_int_equal(c.kinds, 0);
        assert_null(c.token);
        assert_null(c.password);
        assert_null(c.certificate);
    }
}

static void lengths_are_bounded(void **state)
{
    static const char *const forms[][2] = {{"Bearer ", NULL}, {"Basic ", NULL}, {NULL, "a"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        for (size_t length = CREDENTIALS_MAX_LENGTH; length <= CREDENTIALS_MAX_LENGTH + 1;
             length++) {
            struct credentials c;
            const char *before = forms[i][0] ? forms[i][0] : "Authorization=";
            char *value = malloc(strlen(before) + length + 1);
            strcpy(value, before);
            memset(value + strlen(before), 'x', length);
            value[strlen(before) + length] = '\0';
            const char *problem = forms[i][0] ? credentials_read(&c, value, NULL, NULL)
                                              : credentials_read(&c, NULL, value, NULL);
            assert_true((problem == NULL) == (length == CREDENTIALS_MAX_LENGTH));
            assert_true((c.kinds != 0) == (length == CREDENTIALS_MAX_LENGTH));
            free(value);
        }
    }
}

static void a_certificate_stands_beside_the_rest(void **state)
{
    struct credentials c;
    (void)state;
    assert_null(credentials_read(&c, NULL, NULL, "CN=x"));
    assert_int_equal(c.kinds, CREDENTIALS_CERTIFICATE);
    assert_string_equal(c.certificate, "CN=x");
    assert_null(credentials_read(&c, "Bearer abc", NULL, "CN=x"));
    assert_int_equal(c.kinds, CREDENTIALS_CERTIFICATE | CREDENTIALS_TOKEN);
}

static void names_lose_their_prefix_and_must_be_names(void **state)
{
    static const struct {
        const char *name, *prefix, *result;
    } cases[] = {
        {"alice", "", "alice"},
        {"alice", "service-account-", "alice"},
        {"service-account-alice", "service-account-", "alice"},
        {"service-account-service-account-a", "service-account-", "service-account-a"},
        {"Service-Account-alice", "service-account-", "Service-Account-alice"},
        {"service-account-", "service-account-", NULL},
        {"alice-service-account-", "service-account-", "alice-service-account-"},
        {"J\xc3\xbcrgen M.", "", "J\xc3\xbcrgen M."},
        {"", "", NULL},
        {"", "x", NULL},
        {"a\nb", "", NULL},
        {"a\x7f", "", NULL},
        {"a\xc2\x85", "", NULL},
        {"a\xff", "", NULL},
        {"\xed\xa0\x80", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct identity *identity = identity_new("test", cases[i].name, cases[i].prefix);
        if (!!identity != !!cases[i].result)
            fail_msg("case %zu", i);
        if (identity)
            assert_string_equal(identity->name, cases[i].result);
        identity_unref(identity);
    }
    char longest[514];
    memset(longest, 'x', sizeof(longest));
    longest[513] = '\0';
    assert_null(identity_new("test", longest, ""));
    longest[512] = '\0';
    identity_unref(identity_new("test", longest, ""));
}

static void roles_are_the_words_between_separators(void **state)
{
    struct identity *identity = identity_new("test", "alice", "");
    (void)state;
    identity_add_roles(identity, "", ",");
    identity_add_roles(identity, " , ,,", ",");
    assert_int_equal(identity->role_count, 0);
    identity_add_roles(identity, "A, B ,C D,,E", ",");
    identity_add_roles(identity, "F\tG  H", " \t");
    assert_int_equal(identity->role_count, 7);
    static const char *const roles[] = {"A", "B", "C D", "E", "F", "G", "H"};
    for (size_t i = 0; i < ARRAY_COUNT(roles); i++)
        assert_true(identity_has_role(identity, roles[i]));
    static const char *const others[] = {"", "a", "C", "AB", "A,", "EE"};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_false(identity_has_role(identity, others[i]));
    for (int i = 0; i < 3000; i++)
        identity_add_roles(identity, "more", ",");
    assert_int_equal(identity->role_count, 1000);
    identity_unref(identity);
    identity_unref(NULL);
}

static void *ref_and_unref(void *identity)
{
    for (int i = 0; i < 20000; i++)
        identity_unref(identity_ref(identity));
    identity_unref(identity);
    return NULL;
}

static void references_are_counted_across_threads(void **state)
{
    struct identity *identity = identity_new("test", "alice", "");
    pthread_t threads[4];
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, ref_and_unref, identity_ref(identity));
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&identity->references), 1);
    identity_unref(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(what_cannot_be_used_says_why_and_offers_nothing),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(a_certificate_stands_beside_the_rest),
        cmocka_unit_test(names_lose_their_prefix_and_must_be_names),
        cmocka_unit_test(roles_are_the_words_between_separators),
        cmocka_unit_test(references_are_counted_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
