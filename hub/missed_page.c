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

bool missed_page_add_letter(struct missed_page *page, const struct message_head *head)
{
    if (head->published_at_ms < page->since_ms || head->origin_offset >= page->position ||
        head->dead_lettered_at_ms < page->subscribed_at_ms)
        return true;
    if (page->letter_count == MISSED_MAX_LETTERS)
        return false;
    if (page->letter_count == page->letter_capacity) {
        page->letter_capacity = page->letter_capacity ? 2 * page->letter_capacity : 16;
        page->letters = xrealloc(page->letters, page->letter_capacity * sizeof(*page->letters));
    }
    struct missed_letter *letter = &page->letters[page->letter_count++];
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

void missed_page_sort(struct missed_page *page)
{
    size_t kept = 0;
    if (page->letter_count > 0)
        qsort(page->letters, page->letter_count, sizeof(*page->letters), compare);
    for (size_t i = 0; i < page->letter_count; i++)
        /* After a crash, or a replay, a message may have been given up twice. */
        if (kept == 0 || compare(&page->letters[kept - 1], &page->letters[i]) != 0)
            page->letters[kept++] = page->letters[i];
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
