/**
 * Inside verification: what its files share. @locality everything here: the loop's thread
 *
 *   verification.c       one job: request, answer, event
 *   verification_jobs.c  those of a loop: how they come and go
 */
#ifndef WEBSUB_DISPATCHER_VERIFICATION_INTERNAL_H
#define WEBSUB_DISPATCHER_VERIFICATION_INTERNAL_H

#include "dispatcher/loop_internal.h"
#include "dispatcher/verification_url.h"

enum { CHALLENGE_CHARACTERS = 32 };

/** The oldest pending request of a subscription, or its denial notice. */
struct job {
    struct http_exchange exchange;
    struct loop *loop;
    char id[ID_HEX_SIZE];
    int32_t shard;
    enum verification_mode kind;
    char request_id[ID_UUID_SIZE];
    char *topic;
    char *callback;
    struct host *host;
    char *reason;
    char *verify_token;
    int64_t lease_seconds;
    struct message_partition *partition;
    int64_t start;     /* offset of the first message for a new subscription */
    int64_t candidate; /* a later look-up's, or -1 */
    int64_t sent_at_ms;
    unsigned attempts;
    bool hurry;   /* another request waits: do not try again */
    bool dropped; /* by its shard: freed when nothing refers to it any more */
    bool sending;
    bool looking_up;
    uv_work_t look_up;
    bool look_up_failed;
    struct error look_up_error;
    int64_t looked_up;
    uv_timer_t timer;
    char challenge[CHALLENGE_CHARACTERS + 1];
    struct buffer url;
    UT_hash_handle hh;
};

/** Looks up what is needed, and sends the request. */
void verification_begin(struct job *job);
/** Writes the event and ends the job; if that cannot be, it is tried again. */
void verification_conclude(struct job *job, bool verified, const char *reason);

/** Cuts it off, and frees it once nothing is under way for it. */
void verification_end(struct job *job);

#endif
