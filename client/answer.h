/** What a hub's answer means. Pure. */
#ifndef WEBSUB_CLIENT_ANSWER_H
#define WEBSUB_CLIENT_ANSWER_H

#include "client/websub.h"
#include "common/buffer.h"

/** Zero-initialised is empty. */
struct answer {
    int status;
    char *content_type; /**< NULL: none */
    struct buffer body; /**< at most ANSWER_MAX_BODY bytes of it */
    char message_id[WEBSUB_MESSAGE_ID_SIZE];
    char *location; /**< where a redirect leads; NULL: no redirect */
};

#define ANSWER_MAX_BODY 65536

void answer_fini(struct answer *answer);

/** 0: accepted. Else -1 and what was wrong. */
int answer_judge(const struct answer *answer, struct websub_error *error);

#endif
