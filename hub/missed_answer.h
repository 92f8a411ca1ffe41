/** The answer to MOSIP's call for missed messages, in the form that its clients read. Pure. */
#ifndef WEBSUB_HUB_MISSED_ANSWER_H
#define WEBSUB_HUB_MISSED_ANSWER_H

#include "hub/missed_page.h"

/**
 * JSON: {"failedcontents":[{"message":"…","timestamp":"…"}]} with the page's items in order, whose
 * bodies are in the rows of the reads. A body that is no UTF-8 is given in base64: a JSON string
 * can hold nothing else. The caller frees the result with free().
 */
char *missed_answer_make(const struct missed_page *page, const struct message_read *messages,
                         const struct message_read *letters, size_t *length);

#endif
