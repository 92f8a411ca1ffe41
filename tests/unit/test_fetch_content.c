/* What the head of a fetched resource says, and what fetched content means. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/fetch_content.h"
#include "dispatcher/fetch_message.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define TOPIC         "https://registry.example/births"

static void take(struct fetch_head *head, const char *line)
{
    fetch_head_take_line(head, line, strlen(line));
}

static void test_a_head_is_read_line_by_line(void **state)
{
    (void)state;
    struct fetch_head head = {0};
    take(&head, "HTTP/1.1 103 Early Hints\r\n");
    take(&head, "ETag: \"early\"\r\n");
    take(&head, "\r\n");
    take(&head, "HTTP/2 200\r\n");
    take(&head, "content-type:text/plain; charset=utf-8 \r\n");
    take(&head, "Content-Type: text/second\r\n");
    take(&head, "ETAG:  W/\"1\"\r\n");
    take(&head, "Last-Modified: Tue, 24 Nov 2026 21:00:00 GMT\r\n");
    take(&head, "Link: <a>; rel=hub\r\n");
    take(&head, "Link: <b>; rel=self\r\n");
    take(&head, "Content-Type-Not: x\r\n");
    take(&head, ":\r\n");
    take(&head, "");
    assert_string_equal(head.content_type, "text/plain; charset=utf-8");
    assert_string_equal(head.etag, "W/\"1\"");
    assert_string_equal(head.last_modified, "Tue, 24 Nov 2026 21:00:00 GMT");
    assert_string_equal(head.self, "b");
    fetch_head_fini(&head);
}

static void test_what_cannot_be_kept_is_not_there(void **state)
{
    (void)state;
    char line[2000] = "ETag: ";
    struct fetch_head head = {0};
    memset(line + 6, 'x', sizeof(line) - 7);
    take(&head, line);
    take(&head, "Last-Modified: \xff\xfe\r\n");
    take(&head, "Content-Type: a\x01z\r\n");
    take(&head, "Content-Type:\r\n");
    take(&head, "ETag:\r\n");
    assert_null(head.etag);
    assert_null(head.last_modified);
    assert_null(head.content_type);
}

static struct fetch_content make(const struct fetched *known, const struct fetch_head *head,
                                 const char *body)
{
    return (struct fetch_content){
        .topic = TOPIC,
        .url = TOPIC "/current",
        .known = known,
        .head = head,
        .body = body,
        .length = strlen(body),
    };
}

static void test_new_content_is_distributed_and_remembered(void **state)
{
    (void)state;
    const struct fetched nothing = {0};
    const struct fetch_head head = {.content_type = TEXT("text/plain"), .etag = TEXT("\"1\"")};
    const struct fetch_content content = make(&nothing, &head, "body");
    struct fetch_verdict verdict;
    fetch_content_judge(&content, &verdict);
    assert_true(verdict.distribute);
    assert_memory_equal(verdict.body, "body", 4);
    assert_string_equal(verdict.content_type, "text/plain");
    assert_int_equal(strlen(verdict.fetched.digest), 64);
    assert_string_equal(verdict.fetched.etag, "\"1\"");
    assert_string_equal(verdict.fetched.url, TOPIC "/current");
    assert_null(verdict.fetched.self);
    assert_null(verdict.fetched.entries);

    /* The same under another validator, or under none: nothing new, and that is remembered. */
    const struct fetch_head other = {.content_type = TEXT("text/plain")};
    const struct fetch_content again = make(&verdict.fetched, &other, "body");
    struct fetch_verdict second;
    fetch_content_judge(&again, &second);
    assert_false(second.distribute);
    assert_string_equal(second.fetched.digest, verdict.fetched.digest);
    assert_null(second.fetched.etag);
    assert_null(second.fetched.url);
    fetch_verdict_fini(&second);

    /* The same bytes as something else are something else. */
    const struct fetch_head binary = {0};
    const struct fetch_content changed = make(&verdict.fetched, &binary, "body");
    fetch_content_judge(&changed, &second);
    assert_true(second.distribute);
    assert_string_equal(second.content_type, "application/octet-stream");
    fetch_verdict_fini(&second);
    fetch_verdict_fini(&verdict);
}

static void test_not_modified_leaves_everything_as_it_was(void **state)
{
    (void)state;
    const struct fetched known = {.digest = TEXT("d"),
                                  .etag = TEXT("e"),
                                  .self = TEXT("s"),
                                  .entries = TEXT("x"),
                                  .url = TEXT("u")};
    const struct fetch_head head = {0};
    struct fetch_content content = make(&known, &head, "");
    struct fetch_verdict verdict;
    content.not_modified = true;
    fetch_content_judge(&content, &verdict);
    assert_false(verdict.distribute);
    assert_string_equal(verdict.fetched.digest, "d");
    assert_string_equal(verdict.fetched.etag, "e");
    assert_string_equal(verdict.fetched.self, "s");
    assert_string_equal(verdict.fetched.entries, "x");
    fetch_verdict_fini(&verdict);
}

/** The canonical topic of content with this head. */
static void assert_self(const struct fetch_head *head, const char *body, const char *expected)
{
    const struct fetched nothing = {0};
    const struct fetch_content content = make(&nothing, head, body);
    struct fetch_verdict verdict;
    fetch_content_judge(&content, &verdict);
    assert_int_equal(!verdict.fetched.self, !expected);
    if (expected)
        assert_string_equal(verdict.fetched.self, expected);
    fetch_verdict_fini(&verdict);
}

static void test_the_canonical_topic(void **state)
{
    (void)state;
    static const char html[] = "<head><link rel=self href='/c'></head>";
    const struct fetch_head page = {.content_type = TEXT("text/html")};
    const struct fetch_head both = {.content_type = TEXT("text/html"), .self = TEXT("/h")};
    const struct fetch_head same = {.content_type = TEXT("text/html"), .self = TEXT(TOPIC)};
    const struct fetch_head odd = {.content_type = TEXT("text/html"), .self = TEXT("mailto:a")};
    assert_self(&page, html, "https://registry.example/c");
    assert_self(&both, html, "https://registry.example/h");
    assert_self(&same, html, NULL); /* the topic itself need not be told */
    assert_self(&odd, html, NULL);
    assert_self(&page, "", NULL);
}

static void test_feeds_are_looked_into_only_when_that_is_asked_for(void **state)
{
    (void)state;
    static const char one[] = "<rss><channel><item>1</item></channel></rss>";
    static const char two[] = "<rss><channel><item>2</item><item>1</item></channel></rss>";
    static const char less[] = "<rss><channel><title/><item>1</item></channel></rss>";
    const struct fetched nothing = {0};
    const struct fetch_head head = {.content_type = TEXT("application/rss+xml")};
    struct fetch_content content = make(&nothing, &head, one);
    struct fetch_verdict first, second;
    content.feed_diff = 10;
    fetch_content_judge(&content, &first);
    assert_true(first.distribute && first.body == content.body);
    assert_non_null(first.fetched.entries);

    content = make(&first.fetched, &head, two);
    fetch_content_judge(&content, &second);
    assert_true(second.distribute && second.body == content.body);
    assert_null(second.fetched.entries);
    fetch_verdict_fini(&second);

    content.feed_diff = 10;
    fetch_content_judge(&content, &second);
    assert_true(second.distribute && second.body != content.body);
    assert_null(memmem(second.body, second.length, "<item>1", 7));
    fetch_verdict_fini(&second);

    content = make(&first.fetched, &head, less);
    content.feed_diff = 10;
    fetch_content_judge(&content, &second);
    assert_false(second.distribute);
    assert_string_not_equal(second.fetched.digest, first.fetched.digest);
    fetch_verdict_fini(&second);
    fetch_verdict_fini(&first);
}

static void test_message_ids_follow_from_content_and_ping(void **state)
{
    (void)state;
    struct topic_pings pings = {.oldest = 5, .oldest_at_ms = 1700000000000};
    struct fetched fetched = {.digest = TEXT("aa")};
    char id[ID_UUID_SIZE], other[ID_UUID_SIZE];
    fetch_message_id(TOPIC, &pings, &fetched, id);
    pings.fetching = 6; /* another dispatcher does it again */
    pings.again = 7;
    fetch_message_id(TOPIC, &pings, &fetched, other);
    assert_string_equal(id, other);
    assert_int_equal(strlen(id), 36);
    assert_int_equal(id[14], '7');
    assert_memory_equal(id, "018bcfe5-6800", 13); /* the time of the ping */

    fetch_message_id(TOPIC "/", &pings, &fetched, other);
    assert_string_not_equal(id, other);
    fetched.digest = TEXT("ab");
    fetch_message_id(TOPIC, &pings, &fetched, other);
    assert_string_not_equal(id, other);
    fetched.digest = TEXT("aa");
    pings.oldest = 8;
    fetch_message_id(TOPIC, &pings, &fetched, other);
    assert_string_not_equal(id, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_is_read_line_by_line),
        cmocka_unit_test(test_what_cannot_be_kept_is_not_there),
        cmocka_unit_test(test_new_content_is_distributed_and_remembered),
        cmocka_unit_test(test_not_modified_leaves_everything_as_it_was),
        cmocka_unit_test(test_the_canonical_topic),
        cmocka_unit_test(test_feeds_are_looked_into_only_when_that_is_asked_for),
        cmocka_unit_test(test_message_ids_follow_from_content_and_ping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
