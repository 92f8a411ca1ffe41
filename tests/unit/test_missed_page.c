/* Which messages are on a page of missed ones, and how the answer looks. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/missed_answer.h"
#include "hub/missed_page.h"

enum { POSITION = 10 };

static struct message_head head(int64_t offset, int64_t published_at_ms)
{
    struct message_head made = {.offset = offset,
                                .published_at_ms = published_at_ms,
                                .origin_offset = -1,
                                .dead_lettered_at_ms = 5000};
    snprintf(made.id, sizeof(made.id), "id-%lld", (long long)published_at_ms);
    return made;
}

/** A letter at `offset` of the message at `origin`. */
static void add_letter(struct missed_page *page, int64_t offset, int64_t published_at_ms,
                       int64_t origin)
{
    struct message_head letter = head(offset, published_at_ms);
    letter.origin_offset = origin;
    assert_true(missed_page_add_letter(page, &letter));
}

static void add_item(char *text, size_t size, const struct missed_item *item)
{
    char one[16];
    snprintf(one, sizeof(one), "%s%s%lld", *text ? " " : "", item->is_letter ? "L" : "",
             (long long)item->offset);
    strncat(text, one, size - strlen(text) - 1);
}

/** The page's offsets, letters with an L, as text: with the letters, then messages at 100, 110, …
 * 190 (offsets 10 … 19). */
static void make(struct missed_page *page, char *text, size_t size)
{
    bool stopped = false;
    text[0] = '\0';
    missed_page_sort(page);
    for (int i = 0; i < 10 && !stopped; i++) {
        struct message_head message = head(POSITION + i, 100 + 10 * i);
        size_t before = page->item_count;
        enum message_verdict verdict = missed_page_judge(page, &message);
        stopped = verdict == MESSAGE_STOP;
        bool added = page->item_count > before && !page->items[page->item_count - 1].is_letter;
        assert_int_equal(verdict == MESSAGE_TAKE, added);
    }
    if (!stopped)
        missed_page_finish(page);
    for (size_t i = 0; i < page->item_count; i++)
        add_item(text, size, &page->items[i]);
}

static void test_pages(void **state)
{
    (void)state;
    static const struct {
        int64_t since, skip, count;
        const char *items;
    } cases[] = {
        {0, 0, 100, "L0 L1 L2 10 11 12 13 14 15 16 17 18 19"},
        {0, 0, 13, "L0 L1 L2 10 11 12 13 14 15 16 17 18 19"},
        {0, 0, 12, "L0 L1 L2 10 11 12 13 14 15 16 17 18"},
        {0, 12, 12, "19"},
        {0, 13, 12, ""},
        {0, 1000000, 12, ""},
        {0, 0, 1, "L0"},
        {0, 1, 1, "L1"},
        {0, 0, 4, "L0 L1 L2 10"},
        {0, 4, 4, "11 12 13 14"},
        {0, 2, 2, "L2 10"},
        {110, 0, 3, "L1 L2 11"},
        {115, 0, 3, "L1 L2 12"},
        {116, 0, 3, "L2 12 13"},
        {190, 0, 3, "L2 19"},
        {196, 0, 3, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct missed_page page = {.since_ms = cases[i].since,
                                   .skip = cases[i].skip,
                                   .count = cases[i].count,
                                   .position = POSITION};
        char text[256];
        add_letter(&page, 2, 195, 7);
        add_letter(&page, 1, 115, 5);
        add_letter(&page, 0, 95, 3);
        make(&page, text, sizeof(text));
        if (strcmp(text, cases[i].items) != 0)
            fail_msg("case %zu: %s", i, text);
        for (int64_t offset = 0; offset < 3; offset++) {
            char letter[8];
            snprintf(letter, sizeof(letter), "L%d", (int)offset);
            assert_int_equal(missed_page_has_letter(&page, offset), strstr(text, letter) != NULL);
        }
        missed_page_fini(&page);
    }
}

/** The same page; from the message `from` on, those before the page are not even looked at. */
static void make_skipping(struct missed_page *page, int from, char *text, size_t size)
{
    bool stopped = false;
    int64_t skipped = 0;
    text[0] = '\0';
    missed_page_sort(page);
    for (int i = 0; i < 10 && !stopped; i++) {
        struct message_head message = head(POSITION + i, 100 + 10 * i);
        if (i >= from && skipped == 0)
            skipped = missed_page_skip(page);
        if (skipped > 0)
            skipped--;
        else
            stopped = missed_page_judge(page, &message) == MESSAGE_STOP;
    }
    if (!stopped)
        missed_page_finish(page);
    for (size_t i = 0; i < page->item_count; i++)
        add_item(text, size, &page->items[i]);
}

static void test_what_is_before_the_page_need_not_be_judged(void **state)
{
    (void)state;
    for (int64_t skip = 0; skip < 15; skip++)
        for (int from = 0; from < 10; from++) {
            struct missed_page judged = {.skip = skip, .count = 4, .position = POSITION};
            struct missed_page skipping = judged;
            char want[256], got[256];
            add_letter(&judged, 0, 95, 3);
            add_letter(&skipping, 0, 95, 3);
            make(&judged, want, sizeof(want));
            make_skipping(&skipping, from, got, sizeof(got));
            assert_string_equal(got, want);
            missed_page_fini(&judged);
            missed_page_fini(&skipping);
        }
}

static void assert_page(struct missed_page *page, const char *items)
{
    char text[256];
    make(page, text, sizeof(text));
    assert_string_equal(text, items);
    missed_page_fini(page);
}

static void test_the_order_is_that_of_the_partition_whatever_the_clocks_said(void **state)
{
    (void)state;
    struct missed_page page = {.count = 6, .position = POSITION};
    add_letter(&page, 0, 500, 4);
    add_letter(&page, 1, 500, 3);
    add_letter(&page, 2, 499, 6);
    add_letter(&page, 3, 501, 5);
    assert_page(&page, "L1 L0 L3 L2 10 11");
}

static void test_letters_from_elsewhere_come_first(void **state)
{
    (void)state;
    struct missed_page page = {.count = 5, .position = POSITION};
    add_letter(&page, 5, 40, 1);
    add_letter(&page, 1, 60, -1);
    add_letter(&page, 0, 50, -1);
    add_letter(&page, 2, 50, -1); /* given up twice */
    assert_page(&page, "L0 L1 L5 10 11");
}

static void test_a_message_is_on_the_pages_once(void **state)
{
    (void)state;
    struct missed_page page = {.count = 5, .position = POSITION};
    add_letter(&page, 0, 90, 8);
    add_letter(&page, 1, 90, 8);
    add_letter(&page, 2, 100, POSITION); /* given up, and not passed by the position yet */
    assert_page(&page, "L0 10 11 12 13");
}

static void add_mark(struct missed_page *page, int64_t offset, int64_t origin)
{
    struct message_head mark = head(offset, 90);
    mark.origin_offset = origin;
    mark.is_mark = true;
    mark.dead_lettered_at_ms = 0;
    assert_true(missed_page_add_letter(page, &mark));
}

static void test_what_was_redelivered_is_missed_no_more(void **state)
{
    (void)state;
    struct missed_page page = {.count = 5, .position = POSITION, .subscribed_at_ms = 4000};
    add_mark(&page, 5, 8);
    add_mark(&page, 6, 7);
    add_letter(&page, 0, 90, 8);
    add_letter(&page, 1, 90, 6);
    add_letter(&page, 2, 90, 7);
    add_letter(&page, 9, 90, 7); /* given up again since */
    add_mark(&page, 10, 5);      /* no dead letter at all */
    assert_page(&page, "L1 L9 10 11 12");
}

static void test_letters_of_an_earlier_subscription_are_not_meant(void **state)
{
    (void)state;
    struct missed_page page = {.count = 10, .subscribed_at_ms = 5001};
    struct message_head letter = head(0, 100);
    assert_true(missed_page_add_letter(&page, &letter));
    missed_page_sort(&page);
    missed_page_finish(&page);
    assert_int_equal(page.item_count, 0);
    missed_page_fini(&page);
}

static void test_too_many_letters(void **state)
{
    (void)state;
    struct missed_page page = {.count = 1, .since_ms = 1};
    for (int i = 0; i < MISSED_MAX_LETTERS; i++) {
        struct message_head letter = head(i, i + 1);
        assert_true(missed_page_add_letter(&page, &letter));
    }
    struct message_head one_more = head(MISSED_MAX_LETTERS, MISSED_MAX_LETTERS + 1);
    assert_false(missed_page_add_letter(&page, &one_more));
    struct message_head too_old = head(MISSED_MAX_LETTERS, 0);
    assert_true(missed_page_add_letter(&page, &too_old));
    missed_page_fini(&page);
}

static void test_answer(void **state)
{
    (void)state;
    struct missed_item items[] = {{true, 3}, {false, 3}, {false, 5}, {false, 6}, {false, 7}};
    const struct missed_page page = {.items = items, .item_count = ARRAY_COUNT(items)};
    struct message_row rows[] = {
        {.head = {.offset = 3, .published_at_ms = 0, .body_length = 2}, .body = "{}"},
        {.head = {.offset = 5, .published_at_ms = 1, .body_length = 3}, .body = "\xff\x00\xfe"},
        {.head = {.offset = 7, .published_at_ms = 1769860800123, .body_length = 9},
         .body = "\"\xc3\xa4\n\0</b>"},
    };
    struct message_row letter = {.head = {.offset = 3, .body_length = 0}, .body = ""};
    const struct message_read messages = {.rows = rows, .count = ARRAY_COUNT(rows)};
    const struct message_read letters = {.rows = &letter, .count = 1};
    size_t length;
    char *answer = missed_answer_make(&page, &messages, &letters, &length);
    static const char expected[] =
        "{\"failedcontents\":["
        "{\"message\":\"\",\"timestamp\":\"1970-01-01T00:00:00.000Z\"},"
        "{\"message\":\"{}\",\"timestamp\":\"1970-01-01T00:00:00.000Z\"},"
        "{\"message\":\"/wD+\",\"timestamp\":\"1970-01-01T00:00:00.001Z\"},"
        "{\"message\":\"\\\"\xc3\xa4\\n\\u0000</b>\",\"timestamp\":\"2026-01-31T12:00:00.123Z\"}]}";
    assert_string_equal(answer, expected);
    assert_int_equal(length, strlen(expected));
    free(answer);
    const struct missed_page none = {0};
    answer = missed_answer_make(&none, &messages, &letters, &length);
    assert_string_equal(answer, "{\"failedcontents\":[]}");
    free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_what_is_before_the_page_need_not_be_judged),
        cmocka_unit_test(test_the_order_is_that_of_the_partition_whatever_the_clocks_said),
        cmocka_unit_test(test_letters_from_elsewhere_come_first),
        cmocka_unit_test(test_what_was_redelivered_is_missed_no_more),
        cmocka_unit_test(test_a_message_is_on_the_pages_once),
        cmocka_unit_test(test_letters_of_an_earlier_subscription_are_not_meant),
        cmocka_unit_test(test_too_many_letters),
        cmocka_unit_test(test_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
