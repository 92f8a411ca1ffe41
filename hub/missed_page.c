#include "hub/missed_page.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

void missed_page_fini(struct missed_page *page)
{
    free(page->items);
    free(page->letters);
    memset(page, 0, sizeof(*page));
}

/* --- letters --- */

/** Marks of messages that are not asked for are left out as the letters are. */
static bool is_asked_for(const struct missed_page *page, const struct message_head *head)
{
    if (head->published_at_ms < page->since_ms || head->origin_offset >= page->position)
        return false;
    return head->is_mark || head->dead_lettered_at_ms >= page->subscribed_at_ms;
}

bool missed_page_add_letter(struct missed_page *page, const struct message_head *head)
{
    if (!is_asked_for(page, head))
        return true;
    if (page->letter_count == MISSED_MAX_LETTERS)
        return false;
    if (page->letter_count == page->letter_capacity) {
        page->letter_capacity = page->letter_capacity ? 2 * page->letter_capacity : 16;
        page->letters = xrealloc(page->letters, page->letter_capacity * sizeof(*page->letters));
    }
    struct missed_letter *letter = &page->letters[page->letter_count++];
    letter->is_mark = head->is_mark;
    letter->origin_offset = head->origin_offset;
    letter->published_at_ms = head->published_at_ms;
    letter->offset = head->offset;
    memcpy(letter->id, head->id, sizeof(letter->id));
    return true;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/** Those that lie elsewhere are from before the topic lay here; time is all that orders them. 0:
 * they are of one message. */
static int compare(const void *left, const void *right)
{
    const struct missed_letter *a = left, *b = right;
    int order = compare_numbers(a->origin_offset, b->origin_offset);
    if (order != 0 || a->origin_offset >= 0)
        return order;
    order = compare_numbers(a->published_at_ms, b->published_at_ms);
    return order != 0 ? order : strcmp(a->id, b->id);
}

static int compare_all(const void *left, const void *right)
{
    const struct missed_letter *a = left, *b = right;
    int order = compare(a, b);
    return order != 0 ? order : compare_numbers(a->offset, b->offset);
}

/** Of one message's letters, which lie sorted up to `end`, the first that is not settled; NULL: all
 * are. After a crash, or a replay, there may be several. */
static const struct missed_letter *find_open(const struct missed_letter *letters, size_t end)
{
    size_t open = end;
    while (open > 0 && !letters[open - 1].is_mark)
        open--;
    return open < end ? &letters[open] : NULL;
}

void missed_page_sort(struct missed_page *page)
{
    size_t kept = 0, end;
    if (page->letter_count > 0)
        qsort(page->letters, page->letter_count, sizeof(*page->letters), compare_all);
    for (size_t first = 0; first < page->letter_count; first = end) {
        for (end = first + 1; end < page->letter_count; end++)
            if (compare(&page->letters[first], &page->letters[end]) != 0)
                break;
        const struct missed_letter *open = find_open(&page->letters[first], end - first);
        if (open)
            page->letters[kept++] = *open;
    }
    page->letter_count = kept;
}

/* --- the page --- */

static bool is_full(const struct missed_page *page)
{
    return page->item_count == (size_t)page->count;
}

/** Counts a row; @returns whether it is on the page. */
static bool add_row(struct missed_page *page, bool letter, int64_t offset)
{
    if (page->row++ < page->skip)
        return false;
    if (!page->items)
        page->items = xcalloc((size_t)page->count, sizeof(*page->items));
    page->items[page->item_count++] = (struct missed_item){letter, offset};
    return true;
}

static void add_letters(struct missed_page *page)
{
    while (page->next_letter < page->letter_count && !is_full(page))
        add_row(page, true, page->letters[page->next_letter++].offset);
}

enum message_verdict missed_page_judge(struct missed_page *page, const struct message_head *head)
{
    if (head->published_at_ms < page->since_ms)
        return MESSAGE_PASS_OVER;
    add_letters(page);
    if (is_full(page))
        return MESSAGE_STOP;
    return add_row(page, false, head->offset) ? MESSAGE_TAKE : MESSAGE_PASS_OVER;
}

int64_t missed_page_skip(struct missed_page *page)
{
    add_letters(page);
    int64_t before = page->skip - page->row;
    if (before <= 0)
        return 0;
    page->row = page->skip;
    return before;
}

void missed_page_finish(struct missed_page *page)
{
    add_letters(page);
}

bool missed_page_has_letter(const struct missed_page *page, int64_t offset)
{
    for (size_t i = 0; i < page->item_count; i++)
        if (page->items[i].is_letter && page->items[i].offset == offset)
            return true;
    return false;
}
