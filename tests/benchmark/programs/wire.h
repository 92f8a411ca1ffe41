/**
 * Just enough of HTTP/1.1 to measure with: requests and answers whose length is in Content-Length.
 * What the programs under test send is known; nothing here is fit for strangers' bytes.
 */
#ifndef WEBSUB_BENCHMARK_WIRE_H
#define WEBSUB_BENCHMARK_WIRE_H

#include <stddef.h>

struct wire_message {
    size_t head_length; /**< with the empty line */
    size_t body_length;
};

/** Whether `bytes` begin with a complete message. */
int wire_complete(const char *bytes, size_t length, struct wire_message *message);

/** The value of a header field, which ends before the next '\r', or NULL. */
const char *wire_header(const char *head, size_t length, const char *name);

#endif
