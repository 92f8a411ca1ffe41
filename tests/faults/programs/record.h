/**
 * What the recorder writes down of each request that it got: one record of fixed size, in the order
 * of arrival, in the machine's byte order. tests/faults/storm/recorder.py reads it.
 */
#ifndef WEBSUB_FAULTS_RECORD_H
#define WEBSUB_FAULTS_RECORD_H

#include <stdint.h>
#include <stdio.h>

enum record_kind { RECORD_DELIVERY, RECORD_VERIFICATION, RECORD_DENIAL };

enum { RECORD_UNKNOWN = 0xffff, RECORD_NO_SECRET = 0xff };

struct record {
    int64_t at_ns;          /**< CLOCK_MONOTONIC, when it was answered or left unanswered */
    uint64_t number;        /**< of the message; of a verification: hub.lease_seconds */
    uint8_t message_id[16]; /**< the UUID's bytes; all zero when there is none */
    uint16_t subscriber;
    uint16_t topic;  /**< RECORD_UNKNOWN: neither the body nor hub.topic names one */
    uint16_t status; /**< that it was answered; 0: no answer */
    uint8_t kind;    /**< enum record_kind */
    uint8_t secret;  /**< which of the subscription's secrets signed it; RECORD_NO_SECRET: none */
};

_Static_assert(sizeof(struct record) == 40, "the reader expects 40 bytes");

#endif
