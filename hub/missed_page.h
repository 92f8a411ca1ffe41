/**
 * Which messages are on a page of missed ones. All that a subscription missed is one sequence, in
 * the order in which the messages lie in their partition: first its dead letters, which all lie
 * before its position, then what it has not confirmed. (Times of publishing are several hubs'
 * clocks: they do not tell the order.) A page is so many rows of it, after so many that are
 * skipped. Pure.
 */
#ifndef WEBSUB_HUB_MISSED_PAGE_H
#define WEBSUB_HUB_MISSED_PAGE_H

#include "hub/message_reader.h"

#define MISSED_MAX_LETTERS 100000

struct missed_letter {
    bool is_mark;          /**< letters of the same message before it are settled */
    int64_t origin_offset; /**< -1: it lies in none of the partition that the topic has now */
    int64_t published_at_ms;
    int64_t offset; /**< in the dead letters topic */
    char id[MESSAGE_READER_MAX_ID + 1];
};

/** Of the page. */
struct missed_item {
    bool is_letter;
    int64_t offset; /**< in the topic of the messages, or of the dead letters */
};

struct missed_page {
    /* set by the user; rows to skip and to have */
    int64_t since_ms; /**< only what was published then or later */
    int64_t skip, count;
    int64_t position; /**< letters from here on are among the messages still, or again */
    /** Letters that were given up before are an earlier subscription's. */
    int64_t subscribed_at_ms;
    struct missed_item *items; /**< the page, in order */
    size_t item_count;
    /* private */
    struct missed_letter *letters;
    size_t letter_count, letter_capacity;
    size_t next_letter;
    int64_t row;
};

void missed_page_fini(struct missed_page *page);

/** Adds a dead letter or a mark, in any order; false: there are too many. */
bool missed_page_add_letter(struct missed_page *page, const struct message_head *head);
/** All letters are there. */
void missed_page_sort(struct missed_page *page);
/** The next undelivered message: MESSAGE_TAKE when it is on the page, MESSAGE_STOP when the page is
 * full without it. */
enum message_verdict missed_page_judge(struct missed_page *page, const struct message_head *head);
/** Before a message is judged, if it and all that follow were published in time: how many of them
 * are before the page. They need not be judged. */
int64_t missed_page_skip(struct missed_page *page);
/** There are no more messages: the letters that are left follow. */
void missed_page_finish(struct missed_page *page);
/** Whether the letter at this offset is on the page. */
bool missed_page_has_letter(const struct missed_page *page, int64_t offset);

#endif
