/* Finding keys in the table: as they are, or as they may have been meant. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "common/config_table.h"
#include "common/panic.h"

const struct config_entry *config_table_find(const char *section, const char *key)
{
    for (size_t i = 0; i < config_table_size; i++) {
        const struct config_entry *entry = &config_table[i];
        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

const char *config_table_section(const char *name)
{
    for (size_t i = 0; i < config_table_size; i++) {
        if (strcmp(config_table[i].section, name) == 0)
            return config_table[i].section;
    }
    return NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance; SIZE_MAX when a name is too long to be a key. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t length = strlen(b);
    if (length >= sizeof(row) / sizeof(row[0]) || strlen(a) > 2 * length)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replace, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[length];
}

const char *config_table_nearest(const char *section, const char *name)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 3 + 1; /* a third may be wrong */
    for (size_t i = 0; i < config_table_size; i++) {
        const struct config_entry *entry = &config_table[i];
        if (section && strcmp(entry->section, section) != 0)
            continue;
        const char *candidate = section ? entry->key : entry->section;
        size_t distance = edit_distance(name, candidate);
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

char *config_table_variable(const struct config_entry *entry)
{
    char *name = xasprintf("WEBSUB_%s_%s", entry->section, entry->key);
    for (char *c = name; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return name;
}
