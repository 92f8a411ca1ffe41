/* Values in words: what is expected, and how a number is written. */
#include <inttypes.h>

#include "common/config_value.h"
#include "common/panic.h"

/* From large to small, so that numbers are written with the largest unit that fits. */
static const struct config_unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct config_unit size_units[] = {
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {NULL, 0},
};
static const struct config_unit no_units[] = {{NULL, 0}};

const struct config_unit *config_value_units(const struct config_entry *entry)
{
    switch (entry->type) {
    case CONFIG_VALUE_DURATION:
        return duration_units;
    case CONFIG_VALUE_SIZE:
        return size_units;
    default:
        return no_units;
    }
}

void config_value_append_number(struct buffer *out, const struct config_entry *entry,
                                int64_t number)
{
    for (const struct config_unit *unit = config_value_units(entry); unit->name; unit++) {
        if (number >= unit->factor && number % unit->factor == 0) {
            buffer_append_format(out, "%" PRId64 "%s", number / unit->factor, unit->name);
            return;
        }
    }
    buffer_append_format(out, "%" PRId64, number);
}

static void append_range(struct buffer *out, const struct config_entry *entry, const char *what)
{
    buffer_append_format(out, "%s from ", what);
    config_value_append_number(out, entry, entry->min);
    buffer_append_string(out, " to ");
    config_value_append_number(out, entry, entry->max);
}

static void append_choices(struct buffer *out, const struct config_entry *entry)
{
    for (size_t i = 0; entry->choices[i]; i++) {
        const char *before = i == 0 ? "" : entry->choices[i + 1] ? ", " : " or ";
        buffer_append_format(out, "%s\"%s\"", before, entry->choices[i]);
    }
}

void config_value_append_expected(struct buffer *out, const struct config_entry *entry)
{
    switch (entry->type) {
    case CONFIG_VALUE_STRING:
        append_range(out, entry, "a string of printable characters,");
        buffer_append_string(out, " bytes");
        return;
    case CONFIG_VALUE_KAFKA_PREFIX:
        append_range(out, entry, "letters, digits, '.', '_' or '-',");
        buffer_append_string(out, " bytes");
        return;
    case CONFIG_VALUE_ADDRESS:
        buffer_append_string(out, "an IPv4 or IPv6 address");
        return;
    case CONFIG_VALUE_URL:
    case CONFIG_VALUE_ENDPOINT:
        buffer_append_string(out, "an absolute http or https URL");
        return;
    case CONFIG_VALUE_INTEGER:
        append_range(out, entry, "an integer");
        return;
    case CONFIG_VALUE_NUMBER:
        append_range(out, entry, "a number");
        return;
    case CONFIG_VALUE_BOOLEAN:
        buffer_append_string(out, "true or false");
        return;
    case CONFIG_VALUE_DURATION:
        append_range(out, entry, "a duration");
        return;
    case CONFIG_VALUE_SIZE:
        append_range(out, entry, "a size");
        return;
    case CONFIG_VALUE_CHOICE:
        append_choices(out, entry);
        return;
    case CONFIG_VALUE_SECRET:
        append_range(out, entry, "a secret,");
        buffer_append_string(out, " bytes, or \"file:PATH\"");
        return;
    case CONFIG_VALUE_CHOICE_LIST:
        buffer_append_string(out, "one or several of ");
        append_choices(out, entry);
        return;
    case CONFIG_VALUE_NAME_LIST:
        buffer_append_string(out, "a list of names without blanks");
        return;
    case CONFIG_VALUE_PORT_LIST:
        buffer_append_string(out, "a list of ports such as \"443\" or \"8000-8999\"");
        return;
    case CONFIG_VALUE_RULE_LIST:
        buffer_append_string(out, "a list of rules \"OPERATIONS TOPIC REQUIREMENT\"");
        return;
    case CONFIG_VALUE_NETWORK_LIST:
        buffer_append_string(out, "a list of networks such as \"10.0.0.0/8\"");
        return;
    case CONFIG_VALUE_PROPERTY_LIST:
        buffer_append_string(out, "a list of \"name=value\" or \"file:PATH\"");
        return;
    }
    PANIC("no such type: %d", (int)entry->type);
}

const char *config_value_type_name(const struct config_entry *entry)
{
    static const char *const names[] = {
        [CONFIG_VALUE_STRING] = "string",      [CONFIG_VALUE_KAFKA_PREFIX] = "string",
        [CONFIG_VALUE_ADDRESS] = "address",    [CONFIG_VALUE_URL] = "URL",
        [CONFIG_VALUE_ENDPOINT] = "URL",       [CONFIG_VALUE_INTEGER] = "integer",
        [CONFIG_VALUE_NUMBER] = "number",      [CONFIG_VALUE_BOOLEAN] = "boolean",
        [CONFIG_VALUE_DURATION] = "duration",  [CONFIG_VALUE_SIZE] = "size",
        [CONFIG_VALUE_CHOICE] = "choice",      [CONFIG_VALUE_SECRET] = "secret",
        [CONFIG_VALUE_CHOICE_LIST] = "list",   [CONFIG_VALUE_NAME_LIST] = "list",
        [CONFIG_VALUE_NETWORK_LIST] = "list",  [CONFIG_VALUE_PORT_LIST] = "list",
        [CONFIG_VALUE_PROPERTY_LIST] = "list", [CONFIG_VALUE_RULE_LIST] = "list",
    };
    return names[entry->type];
}
