#include "common/position.h"

#include <stdlib.h>
#include <string.h>

int64_t position_parse_folded(const void *metadata, size_t length)
{
    char text[24] = "";
    if (metadata && length < sizeof(text))
        memcpy(text, metadata, length);
    return strtoll(text, NULL, 10);
}

int64_t position_resume(const struct position *position, const struct shard_commit *commit)
{
    bool covered = commit->offset >= 0 && !position->detached && commit->folded > position->set;
    if (covered && commit->offset > position->offset)
        return commit->offset;
    return position->offset;
}
