#include "hub/throughput.h"

#include <string.h>

void throughput_add(struct throughput *throughput, const struct throughput_entry *entry)
{
    throughput->entries[throughput->next] = *entry;
    throughput->next = (throughput->next + 1) % THROUGHPUT_ENTRIES;
    if (throughput->count < THROUGHPUT_ENTRIES)
        throughput->count++;
}

size_t throughput_copy(const struct throughput *throughput,
                       struct throughput_entry out[THROUGHPUT_ENTRIES])
{
    size_t first = (throughput->next + THROUGHPUT_ENTRIES - throughput->count) % THROUGHPUT_ENTRIES;
    for (size_t i = 0; i < throughput->count; i++)
        out[i] = throughput->entries[(first + i) % THROUGHPUT_ENTRIES];
    return throughput->count;
}

double growth_rate(struct growth *growth, int64_t value, int64_t at_ms)
{
    if (at_ms <= growth->at_ms)
        return growth->at_ms > 0 ? growth->per_second : -1;
    if (growth->at_ms == 0)
        growth->per_second = -1;
    else
        growth->per_second =
            (double)(value - growth->value) * 1000 / (double)(at_ms - growth->at_ms);
    growth->value = value;
    growth->at_ms = at_ms;
    return growth->per_second;
}
