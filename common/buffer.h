/** A growing byte buffer. Zero-initialised is empty; always NUL-terminated once something is in it.
 */
#ifndef WEBSUB_COMMON_BUFFER_H
#define WEBSUB_COMMON_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; /**< owned; NULL while nothing was appended */
    size_t length;
    size_t capacity;
};

/** Makes room for `extra` more bytes (and the NUL) at once. */
void buffer_reserve(struct buffer *buffer, size_t extra);
/** `bytes` must not lie in the buffer itself: growing moves it. */
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *buffer);
void buffer_fini(struct buffer *buffer);

#endif
