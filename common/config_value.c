#include "common/config_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/kafka_name.h"
#include "common/panic.h"
#include "common/url.h"
#include "common/utf8.h"

_Static_assert(sizeof(enum auth_mode) == sizeof(int) && sizeof(enum log_level) == sizeof(int),
               "choices are written through int pointers");

static void *field_of(struct config *config, const struct config_entry *entry)
{
    return (char *)config + entry->offset;
}

int64_t *config_value_integer(struct config *config, const struct config_entry *entry)
{
    ENSURE(entry->type == CONFIG_VALUE_INTEGER || entry->type == CONFIG_VALUE_DURATION ||
           entry->type == CONFIG_VALUE_SIZE);
    return field_of(config, entry);
}

static bool is_list(const struct config_entry *entry)
{
    return entry->type == CONFIG_VALUE_NETWORK_LIST || entry->type == CONFIG_VALUE_PROPERTY_LIST;
}

static bool is_string(const struct config_entry *entry)
{
    return entry->type == CONFIG_VALUE_STRING || entry->type == CONFIG_VALUE_KAFKA_PREFIX ||
           entry->type == CONFIG_VALUE_ADDRESS || entry->type == CONFIG_VALUE_URL;
}

static void free_list(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}

void config_value_clear(struct config *config, const struct config_entry *entry)
{
    if (is_list(entry)) {
        free_list(field_of(config, entry));
    } else if (is_string(entry)) {
        char **string = field_of(config, entry);
        free(*string);
        *string = NULL;
    }
}

/* Reads digits with at most one point in them, and moves `*text` behind; false when there are none.
 */
static bool read_decimal(const char **text, double *number)
{
    size_t digits = strspn(*text, "0123456789");
    size_t length = digits;
    if (digits > 0 && (*text)[digits] == '.')
        length += 1 + strspn(*text + digits + 1, "0123456789");
    if (digits == 0 || length > 30 || (*text)[length - 1] == '.')
        return false;
    *number = strtod(*text, NULL);
    *text += length;
    return true;
}

/* A decimal number with one of the type's units; without a unit it means seconds or bytes. Rounded.
 */
static bool parse_quantity(const char *text, const struct config_entry *entry, int64_t *value)
{
    double number;
    if (!read_decimal(&text, &number))
        return false;
    int64_t bare = entry->type == CONFIG_VALUE_DURATION ? 1000 : 1;
    int64_t factor = text[0] ? 0 : bare;
    for (const struct config_unit *unit = config_value_units(entry); unit->name; unit++) {
        if (strcmp(text, unit->name) == 0)
            factor = unit->factor;
    }
    double product = number * (double)factor + 0.5;
    if (factor == 0 || product > 9e15) /* whole numbers are exact in a double below */
        return false;
    *value = (int64_t)product;
    return true;
}

static bool parse_integer(const char *text, int64_t *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (!digits[0] || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    *value = strtoll(text, NULL, 10);
    return errno == 0;
}

static int set_integer(int64_t *field, const struct config_entry *entry, const char *text)
{
    int64_t value = 0;
    bool valid = false;
    if (entry->type == CONFIG_VALUE_INTEGER)
        valid = parse_integer(text, &value);
    else
        valid = parse_quantity(text, entry, &value);
    if (!valid || value < entry->min || value > entry->max)
        return -1;
    *field = value;
    return 0;
}

static int set_number(double *field, const struct config_entry *entry, const char *text)
{
    double value;
    if (!read_decimal(&text, &value) || text[0])
        return -1;
    if (value < (double)entry->min || value > (double)entry->max)
        return -1;
    *field = value;
    return 0;
}

static int set_boolean(bool *field, const char *text)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *field = i % 2 == 1;
            return 0;
        }
    }
    return -1;
}

static int set_choice(int *field, const struct config_entry *entry, const char *text)
{
    for (int i = 0; entry->choices[i]; i++) {
        if (strcmp(text, entry->choices[i]) == 0) {
            *field = i;
            return 0;
        }
    }
    return -1;
}

static int check_url(const char *text, struct buffer *reason)
{
    struct error error;
    if (!text[0])
        return 0;
    if (url_check_callback(text, &error) != 0) {
        buffer_append_string(reason, error.message);
        return -1;
    }
    if (strchr(text, '?')) {
        buffer_append_string(reason, "must not have a query");
        return -1;
    }
    return 0;
}

static int check_string(const struct config_entry *entry, const char *text, struct buffer *reason)
{
    size_t length = strlen(text);
    switch (entry->type) {
    case CONFIG_VALUE_ADDRESS:
        return address_text_valid(text) ? 0 : -1;
    case CONFIG_VALUE_URL:
        return check_url(text, reason);
    case CONFIG_VALUE_KAFKA_PREFIX:
        if (!kafka_name_valid(text))
            return -1;
        break;
    default:
        if (!utf8_valid(text, length) || utf8_has_control(text, length))
            return -1;
        break;
    }
    return (int64_t)length < entry->min || (int64_t)length > entry->max ? -1 : 0;
}

static int set_string(struct config *config, const struct config_entry *entry, const char *text,
                      struct buffer *reason)
{
    if (check_string(entry, text, reason) != 0)
        return -1;
    config_value_clear(config, entry);
    *(char **)field_of(config, entry) = xstrdup(text);
    return 0;
}

static int check_item(const struct config_entry *entry, const char *item, size_t position,
                      struct buffer *reason)
{
    if (entry->type == CONFIG_VALUE_NETWORK_LIST) {
        struct address_network network;
        struct error error;
        if (address_network_parse(item, &network, &error) == 0)
            return 0;
        buffer_append_string(reason, error.message);
        return -1;
    }
    /* A property may hold a password: only its place is named. */
    const char *equals = strchr(item, '=');
    if (equals && equals > item)
        return 0;
    buffer_append_format(reason, "item %zu is not of this form", position + 1);
    return -1;
}

int config_value_set_list(struct config *config, const struct config_entry *entry,
                          const char *const *items, size_t count, struct buffer *reason)
{
    ENSURE(is_list(entry));
    for (size_t i = 0; i < count; i++) {
        if (check_item(entry, items[i], i, reason) != 0)
            return -1;
    }
    struct string_list list = {.items = xcalloc(count, sizeof(*list.items)), .count = count};
    for (size_t i = 0; i < count; i++)
        list.items[i] = xstrdup(items[i]);
    config_value_clear(config, entry);
    *(struct string_list *)field_of(config, entry) = list;
    return 0;
}

/* Cuts blanks off both ends of the text. */
static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int set_split_list(struct config *config, const struct config_entry *entry, const char *text,
                          struct buffer *reason)
{
    /* Properties such as bootstrap lists contain commas themselves. */
    const char *separator = entry->type == CONFIG_VALUE_PROPERTY_LIST ? ";" : ",";
    char *copy = xstrdup(text);
    const char **items = xcalloc(strlen(text) + 1, sizeof(*items));
    size_t count = 0;
    char *rest = copy;
    for (char *part = strsep(&rest, separator); part; part = strsep(&rest, separator)) {
        const char *item = trim(part);
        if (item[0])
            items[count++] = item;
    }
    int result = config_value_set_list(config, entry, items, count, reason);
    free(items);
    free(copy);
    return result;
}

int config_value_set(struct config *config, const struct config_entry *entry, const char *text,
                     struct buffer *reason)
{
    void *field = field_of(config, entry);
    switch (entry->type) {
    case CONFIG_VALUE_STRING:
    case CONFIG_VALUE_KAFKA_PREFIX:
    case CONFIG_VALUE_ADDRESS:
    case CONFIG_VALUE_URL:
        return set_string(config, entry, text, reason);
    case CONFIG_VALUE_INTEGER:
    case CONFIG_VALUE_DURATION:
    case CONFIG_VALUE_SIZE:
        return set_integer(field, entry, text);
    case CONFIG_VALUE_NUMBER:
        return set_number(field, entry, text);
    case CONFIG_VALUE_BOOLEAN:
        return set_boolean(field, text);
    case CONFIG_VALUE_CHOICE:
        return set_choice(field, entry, text);
    case CONFIG_VALUE_NETWORK_LIST:
    case CONFIG_VALUE_PROPERTY_LIST:
        return set_split_list(config, entry, text, reason);
    }
    PANIC("no such type: %d", (int)entry->type);
}
