#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/feed_diff.h"

#define ATOM(entries)   "<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>f</id>" entries "</feed>"
#define ENTRY(id, text) "<entry><id>" id "</id><title>" text "</title></entry>"
#define RSS(items)      "<rss><channel><title>t</title>" items "</channel></rss>"
#define ITEM(id, text)  "<item><guid>" id "</guid><title>" text "</title></item>"
#define RDF(items)                                                                                 \
    "<r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><channel/>" items "</r:RDF>"

/** Compares with `*known`, which becomes what is known then. `expected`: what is left, or NULL. */
static void step(char **known, const char *body, enum feed_change change, const char *expected)
{
    struct buffer changed = {0};
    char *entries = NULL;
    assert_int_equal(feed_diff(body, strlen(body), *known, 4, &changed, &entries), change);
    if (expected)
        assert_non_null(strstr(changed.data, expected));
    else
        assert_null(changed.data);
    assert_int_equal(!entries, change == FEED_NONE);
    buffer_fini(&changed);
    free(*known);
    *known = entries;
}

static void test_only_what_is_new_or_has_changed_is_left(void **state)
{
    (void)state;
    char *known = NULL;
    step(&known, ATOM(ENTRY("1", "a") ENTRY("2", "b")), FEED_ALL, NULL);
    step(&known, ATOM(ENTRY("1", "a") ENTRY("2", "b")), FEED_UNCHANGED, NULL);
    step(&known, ATOM(ENTRY("3", "c") ENTRY("1", "a") ENTRY("2", "b")), FEED_SOME,
         ATOM(ENTRY("3", "c")));
    step(&known, ATOM(ENTRY("3", "c") ENTRY("1", "A") ENTRY("2", "b")), FEED_SOME,
         ATOM(ENTRY("1", "A")));
    /* It changes back: what it was before is not what it was last. */
    step(&known, ATOM(ENTRY("3", "c") ENTRY("1", "a") ENTRY("2", "b")), FEED_SOME,
         ATOM(ENTRY("1", "a")));
    step(&known, ATOM(ENTRY("9", "x")), FEED_ALL, NULL);
    step(&known, ATOM(ENTRY("2", "b")), FEED_UNCHANGED, NULL);
    step(&known, ATOM(""), FEED_ALL, NULL);
    free(known);
}

static void test_rss_and_rdf_have_items(void **state)
{
    (void)state;
    char *known = NULL;
    step(&known, RSS(ITEM("1", "a")), FEED_ALL, NULL);
    step(&known, RSS(ITEM("2", "b") ITEM("1", "a")), FEED_SOME, RSS(ITEM("2", "b")));
    free(known);
    known = NULL;
    step(&known, RDF("<item r:about='u'/>"), FEED_ALL, NULL);
    step(&known, RDF("<item r:about='u'/><item r:about='v'/>"), FEED_SOME, "r:about=\"v\"");
    free(known);
}

static void test_entries_without_an_id_are_known_by_what_is_in_them(void **state)
{
    (void)state;
    char *known = NULL;
    step(&known, RSS("<item>a</item><item>b</item>"), FEED_ALL, NULL);
    step(&known, RSS("<item>a</item><item>c</item><item>b</item>"), FEED_SOME, "<item>c</item>");
    free(known);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    char *known = NULL;
    step(&known,
         ATOM(ENTRY("1", "") ENTRY("2", "") ENTRY("3", "") ENTRY("4", "") ENTRY("5", "")
                  ENTRY("6", "")),
         FEED_ALL, NULL);
    assert_int_equal(strlen(known), 4 * 32);
    step(&known, ATOM(ENTRY("7", "")), FEED_ALL, NULL);
    assert_int_equal(strlen(known), 4 * 32);
    step(&known, ATOM(ENTRY("3", "")), FEED_UNCHANGED, NULL);
    step(&known, ATOM(ENTRY("5", "")), FEED_ALL, NULL);
    free(known);
}

static void test_what_is_no_feed_is_none(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "text",
        "<feed>",
        "<feed xmlns='http://www.w3.org/2005/Atom'><entry>&undefined;</entry></feed>",
        "<html/>",
        "<rss/>",
        "<!DOCTYPE feed [<!ENTITY a 'b'>]><feed><entry>&a;</entry></feed>",
        "<!DOCTYPE rss SYSTEM 'file:///etc/passwd'><rss><channel><item/></channel></rss>",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        char *known = NULL;
        step(&known, bodies[i], FEED_NONE, NULL);
    }
}

static void test_a_memory_that_is_not_ours_is_none(void **state)
{
    (void)state;
    static const char *const memories[] = {"x", "zz000000000000000000000000000000",
                                           "\xc3\xbc\xc3\xbc\xc3\xbc", ""};
    for (size_t i = 0; i < ARRAY_COUNT(memories); i++) {
        char *known = strdup(memories[i]);
        step(&known, ATOM(ENTRY("1", "a")), FEED_ALL, NULL);
        assert_int_equal(strlen(known), 32);
        free(known);
    }
}

static void test_the_encoding_stays(void **state)
{
    (void)state;
    char *known = NULL;
    static const char head[] = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n";
    char first[256], second[256];
    strcat(strcpy(first, head), ATOM(ENTRY("1", "\xfc")));
    strcat(strcpy(second, head), ATOM(ENTRY("2", "\xe9") ENTRY("1", "\xfc")));
    step(&known, first, FEED_ALL, NULL);
    step(&known, second, FEED_SOME, ENTRY("2", "\xe9"));
    free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_new_or_has_changed_is_left),
        cmocka_unit_test(test_rss_and_rdf_have_items),
        cmocka_unit_test(test_entries_without_an_id_are_known_by_what_is_in_them),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_what_is_no_feed_is_none),
        cmocka_unit_test(test_a_memory_that_is_not_ours_is_none),
        cmocka_unit_test(test_the_encoding_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
