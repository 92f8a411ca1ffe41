/** From a member that a callback gets to the structure around it. */
#ifndef WEBSUB_COMMON_CONTAINER_H
#define WEBSUB_COMMON_CONTAINER_H

#include <stddef.h>

#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
