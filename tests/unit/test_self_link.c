#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/self_link.h"

#define ATOM "application/atom+xml"
#define RSS  "application/rss+xml; charset=utf-8"
#define HTML "Text/HTML;charset=utf-8"
#define NS   "xmlns=\"http://www.w3.org/2005/Atom\""
#define WITH "xmlns:a=\"http://www.w3.org/2005/Atom\""

/** Consumes `found`; `where` is what it was found in. */
static void assert_found(const char *where, char *found, const char *expected)
{
    if (!found != !expected || (found && strcmp(found, expected) != 0))
        fail_msg("%s: found %s instead of %s", where, found ? found : "nothing",
                 expected ? expected : "nothing");
    free(found);
}

static void test_link_headers(void **state)
{
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"<http://a/>; rel=\"self\"", "http://a/"},
        {"<http://a/>; rel=self", "http://a/"},
        {"<http://a/>;REL=SELF", "http://a/"},
        {"<http://h/>; rel=\"hub\", <http://a/?b,c;d>; rel=\"self\"", "http://a/?b,c;d"},
        {"<http://h/>; rel=hub; title=\"x, <http://wrong/>; rel=self\", </a>; rel=self", "/a"},
        {"<http://a/>; title=\"\\\"; rel=hub\"; rel=\"alternate self\"", "http://a/"},
        {"<a>; rel=\"\tself  other\"", "a"},
        {"  <a> ; rel = self ", "a"},
        {"<a>; rel=hub; rel=self", NULL}, /* the first one counts */
        {"<a>; rel=self; anchor=\"#part\"", NULL},
        {"<a>; rel=\"selfish\", <b>; rel=shelf", NULL},
        {"<a>; self", NULL},
        {"<>; rel=self", ""},
        {"", NULL},
        {"<a", NULL},
        {"<a>", NULL},
        {"<a>; rel=\"self", NULL},
        {"<a>; rel=\"self\\", NULL},
        {"a; rel=self", NULL},
        {"<a>; rel=hub <b>; rel=self", NULL},
        {"<a>;;;,,; rel=self", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_found(cases[i].value, self_link_of_header(cases[i].value, strlen(cases[i].value)),
                     cases[i].expected);
}

static void test_what_content_names(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body, *expected;
    } cases[] = {
        {ATOM, "<feed " NS "><link rel='self' href='http://a/?b=1&amp;c=2&#38;d'/></feed>",
         "http://a/?b=1&c=2&d"},
        {ATOM, "<feed " NS "><link href='x' rel='hub'/><link href='y' rel='self'/>", "y"},
        {ATOM, "<feed " NS "><entry><link rel='self' href='e'/></entry></feed>", NULL},
        {ATOM, "<feed><link rel='self' href='no namespace'/></feed>", NULL},
        {ATOM, "<feed " NS "><link rel='self'/></feed>", NULL},
        {ATOM, "<!DOCTYPE feed [<!ENTITY e 'x'>]><feed " NS "><link rel='self' href='&e;'/></feed>",
         NULL},
        {ATOM, "<feed " NS "><unclosed><link rel='self' href='deep'/>", NULL},
        {ATOM, "<feed " NS "></wrong><link rel='self' href='a'/>", NULL},
        {"application/xml", "<a:feed " WITH "><a:link rel='self' href='p'/></a:feed>", "p"},
        {RSS, "<rss " WITH "><channel><a:link rel='self' href='r'/></channel></rss>", "r"},
        {RSS,
         "<rss " WITH "><channel><item><a:link rel='self' href='i'/></item>"
         "<a:link rel='self' href='r'/></channel></rss>",
         "r"},
        {RSS, "<rss " WITH "><a:link rel='self' href='beside the channel'/></rss>",
         "beside the channel"},
        {HTML, "<!doctype html><head><link rel=\"Self hub\" href=\"/h?a=1&amp;b\"><p>", "/h?a=1&b"},
        {HTML, "<link rel=self href=h>", "h"},
        {HTML, "<html><head></head><body><link rel=self href=h></body></html>", NULL},
        {HTML, "<p>text<link rel=self href=h>", NULL},
        {HTML, "<head><!-- <link rel=self href=c> --><title>t</title>", NULL},
        {HTML, "<head><link rel=self><link href=h>", NULL},
        {"application/xhtml+xml", "<html><head><link rel='self' href='x'/></head></html>", "x"},
        {"text/plain", "<head><link rel=self href=h>", NULL},
        {"text/htmlx", "<head><link rel=self href=h>", NULL},
        {NULL, "<head><link rel=self href=h>", NULL},
        {ATOM, "", NULL},
        {HTML, "", NULL},
        {HTML, "\xff\xfe<\0h", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_found(cases[i].body,
                     self_link_of_content(cases[i].type, cases[i].body, strlen(cases[i].body)),
                     cases[i].expected);
}

static void test_it_is_found_across_the_pieces_that_are_parsed(void **state)
{
    (void)state;
    static char body[20000];
    static const char head[] = "<feed " NS "><!--", tail[] = "--><link rel='self' href='a'/>";
    for (size_t padding = 4000; padding < 4200; padding++) {
        memset(body, 'x', sizeof(body));
        memcpy(body, head, strlen(head));
        memcpy(body + padding, tail, sizeof(tail));
        assert_found("pieces", self_link_of_content(ATOM, body, strlen(body)), "a");
    }
}

static void test_what_comes_too_late_costs_nothing(void **state)
{
    (void)state;
    size_t size = 4 << 20;
    char *body = malloc(size);
    memset(body, 'x', size);
    memcpy(body, "<feed " NS "><!--", strlen("<feed " NS "><!--"));
    strcpy(body + size - 64, "--><link rel='self' href='a'/></feed>");
    assert_found("late", self_link_of_content(ATOM, body, strlen(body)), NULL);
    /* Nor does what is nested without end. */
    for (size_t i = 0; i < size; i++)
        body[i] = "<a>"[i % 3];
    assert_found("deep XML", self_link_of_content(ATOM, body, size), NULL);
    assert_found("deep HTML", self_link_of_content(HTML, body, size), NULL);
    free(body);
}

static void test_references_become_topics(void **state)
{
    (void)state;
    static const struct {
        const char *base, *reference, *expected;
    } cases[] = {
        {"http://a/b/c?d", "https://x/y", "https://x/y"},
        {"http://a/b/c?d", "e", "http://a/b/e"},
        {"http://a/b/c?d", "/e?f", "http://a/e?f"},
        {"https://a/b/", "//x/y", "https://x/y"},
        {"http://a/b/c", "?q", "http://a/b/c?q"},
        {"http://a/b", " http://x/ ", NULL},
        {"http://a/b", "", NULL},
        {"http://a/b", "ftp://x/", NULL},
        {"http://a/b", "javascript:alert(1)", NULL},
        {"http://a/b", "http://u:p@x/", NULL},
        {"http://a/b", "http://x/\r\nX: y", NULL},
        {"not a url", "http://", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_found(cases[i].reference, self_link_resolve(cases[i].base, cases[i].reference),
                     cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_headers),
        cmocka_unit_test(test_what_content_names),
        cmocka_unit_test(test_it_is_found_across_the_pieces_that_are_parsed),
        cmocka_unit_test(test_what_comes_too_late_costs_nothing),
        cmocka_unit_test(test_references_become_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
