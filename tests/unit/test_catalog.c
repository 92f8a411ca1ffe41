/* The hub's table of subscriptions. */
#include "tests/unit/unit.h"

#include <pthread.h>

#include "tests/unit/cataloging.h"

enum { MANY = 3000 };

static void test_all_of_a_subscription_is_kept(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10);
    struct catalog_subscription got;
    struct subscription_state want = make(5);
    assert_true(catalog_get(catalog, want.id, &got));
    assert_string_equal(got.id, want.id);
    assert_string_equal(got.topic, "odd/topic");
    assert_string_equal(got.callback, "https://s.example/5");
    assert_int_equal(got.status, SUBSCRIPTION_ACTIVE);
    assert_string_equal(got.secret.text, "secret");
    assert_null(got.secret.key_id);
    assert_int_equal(got.method, -1);
    assert_int_equal(got.max_in_flight, 7);
    assert_int_equal(got.created_at_ms, 1005);
    assert_int_equal(got.verified_at_ms, 2005);
    assert_int_equal(got.lease_seconds, INT32_MAX);
    assert_int_equal(got.lease_end_ms, 3005);
    assert_null(got.reason);
    assert_string_equal(got.owner, "ada");
    assert_string_equal(got.location.kafka_topic, "messages-pool");
    assert_int_equal(got.location.partition, 3);
    assert_memory_equal(&got.position, &want.position, sizeof(got.position));
    assert_int_equal(got.pending_count, 2);
    catalog_subscription_fini(&got);
    catalog_free(catalog);
}

static void test_what_changed_replaces_what_was(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10);
    struct catalog_subscription got;
    struct subscription_state changed = make(5);
    changed.status = SUBSCRIPTION_LAPSED;
    changed.secret = (struct stored_secret){"key", "other"};
    changed.owner = "grace";
    changed.topic = "renamed";
    catalog_set(catalog, 0, &changed);
    assert_int_equal(catalog_count(catalog), 10);
    assert_true(catalog_get(catalog, changed.id, &got));
    assert_int_equal(got.status, SUBSCRIPTION_LAPSED);
    assert_string_equal(got.secret.text, "other");
    assert_string_equal(got.secret.key_id, "key");
    assert_string_equal(got.owner, "grace");
    assert_string_equal(got.topic, "renamed");
    catalog_subscription_fini(&got);
    changed.secret = (struct stored_secret){NULL, NULL};
    catalog_set(catalog, 0, &changed);
    assert_true(catalog_get(catalog, changed.id, &got));
    assert_null(got.secret.text);
    catalog_subscription_fini(&got);
    catalog_free(catalog);
}

static void test_what_is_gone_is_not_found(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(MANY);
    struct catalog_subscription got;
    char id[ID_HEX_SIZE];
    for (unsigned i = 0; i < MANY; i += 2) {
        make_id(i, id);
        catalog_remove(catalog, id);
        catalog_remove(catalog, id);
    }
    assert_int_equal(catalog_count(catalog), MANY / 2);
    for (unsigned i = 0; i < MANY; i++) {
        make_id(i, id);
        bool found = catalog_get(catalog, id, &got);
        assert_int_equal(found, i % 2);
        catalog_subscription_fini(&got);
    }
    assert_false(catalog_get(catalog, "", &got));
    assert_false(catalog_get(catalog, "0123", &got));
    catalog_free(catalog);
}

static void test_whose_it_is(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10);
    char id[ID_HEX_SIZE];
    make_id(5, id);
    assert_false(catalog_is_anothers(catalog, id, "ada"));
    assert_true(catalog_is_anothers(catalog, id, "grace"));
    make_id(6, id); /* nobody's */
    assert_false(catalog_is_anothers(catalog, id, "grace"));
    make_id(11, id); /* unknown */
    assert_false(catalog_is_anothers(catalog, id, "grace"));
    catalog_free(catalog);
}

static void test_listing_gives_each_once_in_order_whatever_the_page(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(MANY);
    const struct catalog_filter all = {0};
    assert_int_equal(list_all(catalog, &all, 1), MANY);
    assert_int_equal(list_all(catalog, &all, 64), MANY);
    assert_int_equal(list_all(catalog, &all, 50), MANY);
    catalog_free(catalog);
}

static void test_listing_filters(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(300);
    struct subscription_state other = make(1);
    other.callback = "http://User.Example:8080/x";
    make_id(1000, other.id);
    catalog_set(catalog, 0, &other);
    const struct {
        struct catalog_filter filter;
        size_t count;
    } cases[] = {
        {{.topic = "odd"}, 151},
        {{.topic = "nowhere"}, 0},
        {{.owner = "ada"}, 60},
        {{.owner = "grace"}, 0},
        {{.statuses = 1 << SUBSCRIPTION_SUSPENDED}, 100},
        {{.statuses = 1 << SUBSCRIPTION_SUSPENDED | 1 << SUBSCRIPTION_ACTIVE}, 301},
        {{.statuses = 1 << SUBSCRIPTION_LAPSED}, 0},
        {{.callback_host = "user.example"}, 1},
        {{.callback_host = "USER.EXAMPLE"}, 1},
        {{.callback_host = "user.exampl"}, 0},
        {{.callback_host = "ser.example"}, 0},
        {{.callback_host = "s.example"}, 300},
        {{.topic = "even", .owner = "ada", .statuses = 1 << SUBSCRIPTION_SUSPENDED}, 10},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (list_all(catalog, &cases[i].filter, 7) != cases[i].count)
            fail_msg("case %zu", i);
    catalog_free(catalog);
}

static void test_a_cursor_may_be_any_text(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(100);
    const struct catalog_filter all = {0};
    struct catalog_subscription page[100];
    static const char *const cursors[] = {"zzzz", "-1", "  ", "0", "g", "\xff\xff\xff\xff", ""};
    for (size_t i = 0; i < ARRAY_COUNT(cursors); i++) {
        size_t count = catalog_list(catalog, &all, cursors[i], 100, page);
        assert_true(count <= 100);
        while (count > 0)
            catalog_subscription_fini(&page[--count]);
    }
    size_t count = catalog_list(catalog, &all, "8", 100, page);
    assert_true(count > 0 && count < 100);
    for (size_t i = 0; i < count; i++) {
        assert_true(page[i].id[0] >= '8');
        catalog_subscription_fini(&page[i]);
    }
    catalog_free(catalog);
}

/* @locality a thread of its own */
static void *change(void *catalog)
{
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < 200; i++) {
            struct subscription_state state = make(i);
            if (round % 2)
                catalog_remove(catalog, state.id);
            else
                catalog_set(catalog, 0, &state);
        }
    return NULL;
}

static void test_it_can_be_asked_while_it_changes(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new();
    const struct catalog_filter all = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, change, catalog), 0);
    for (unsigned i = 0; i < 20; i++)
        assert_true(list_all(catalog, &all, 64) <= 200);
    pthread_join(thread, NULL);
    assert_int_equal(catalog_count(catalog), 0);
    assert_int_equal(list_all(catalog, &all, 64), 0);
    catalog_free(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_a_subscription_is_kept),
        cmocka_unit_test(test_what_changed_replaces_what_was),
        cmocka_unit_test(test_what_is_gone_is_not_found),
        cmocka_unit_test(test_whose_it_is),
        cmocka_unit_test(test_listing_gives_each_once_in_order_whatever_the_page),
        cmocka_unit_test(test_listing_filters),
        cmocka_unit_test(test_a_cursor_may_be_any_text),
        cmocka_unit_test(test_it_can_be_asked_while_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
