#include "common/panic.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void panic_at(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "panic: %s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(stderr);
    abort();
}

void *xmalloc(size_t size)
{
    void *pointer = malloc(size > 0 ? size : 1);
    if (!pointer)
        PANIC("out of memory: %zu bytes", size);
    return pointer;
}

void *xcalloc(size_t count, size_t size)
{
    void *pointer = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (!pointer)
        PANIC("out of memory: %zu times %zu bytes", count, size);
    return pointer;
}

void *xrealloc(void *pointer, size_t size)
{
    void *moved = realloc(pointer, size > 0 ? size : 1);
    if (!moved)
        PANIC("out of memory: %zu bytes", size);
    return moved;
}

char *xstrdup(const char *string)
{
    return xstrndup(string, strlen(string));
}

char *xstrndup(const char *string, size_t length)
{
    size_t used = strnlen(string, length);
    ENSURE(used < SIZE_MAX);
    char *copy = xmalloc(used + 1);
    memcpy(copy, string, used);
    copy[used] = '\0';
    return copy;
}

char *xstrdup_or_null(const char *string)
{
    return string ? xstrdup(string) : NULL;
}

char *xasprintf(const char *format, ...)
{
    char *string = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&string, format, arguments);
    va_end(arguments);
    if (length < 0)
        PANIC("cannot format \"%s\"", format);
    return string;
}

void *xmemdup(const void *bytes, size_t length)
{
    void *copy = xmalloc(length);
    /* memcpy from NULL is undefined, even of nothing. */
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}
