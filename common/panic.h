/**
 * Programming errors and exhausted memory end the process at once, with a line that says where.
 * Never used for anything that input, a peer or the network can cause.
 */
#ifndef WEBSUB_COMMON_PANIC_H
#define WEBSUB_COMMON_PANIC_H

#include <stddef.h>

#define PANIC(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define ENSURE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            PANIC("ensured condition does not hold: %s", #condition);                              \
    } while (0)

_Noreturn void panic_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Allocation that never returns NULL: a process without memory is restarted, not half alive. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *pointer, size_t size);
char *xstrdup(const char *string);
char *xstrndup(const char *string, size_t length);
/** NULL stays NULL. */
char *xstrdup_or_null(const char *string);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *xmemdup(const void *bytes, size_t length);

#endif
