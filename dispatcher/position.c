#include "dispatcher/position.h"

int64_t position_resume(const struct position *position, const struct shard_commit *commit)
{
    bool covered = commit->offset >= 0 && !position->detached && commit->folded > position->set;
    if (covered && commit->offset > position->offset)
        return commit->offset;
    return position->offset;
}
