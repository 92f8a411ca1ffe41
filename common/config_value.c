#include "common/config_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/kafka_name.h"
#include "common/panic.h"
#include "common/url.h"
#include "common/utf8.h"

_Static_assert(sizeof(enum on_exhausted) == sizeof(int) && sizeof(enum log_level) == sizeof(int),
               "choices are written through int pointers");

void *config_value_field(struct config *config, const struct config_entry *entry)
{
    return (char *)config + entry->offset;
}

bool config_value_is_secret(const struct config_entry *entry)
{
    return entry->type == CONFIG_VALUE_SECRET || entry->type == CONFIG_VALUE_PROPERTY_LIST;
}

int64_t *config_value_integer(struct config *config, const struct config_entry *entry)
{
    ENSURE(entry->type == CONFIG_VALUE_INTEGER || entry->type == CONFIG_VALUE_DURATION ||
           entry->type == CONFIG_VALUE_SIZE);
    return config_value_field(config, entry);
}

static bool is_string(const struct config_entry *entry)
{
    return entry->type == CONFIG_VALUE_STRING || entry->type == CONFIG_VALUE_KAFKA_PREFIX ||
           entry->type == CONFIG_VALUE_ADDRESS || entry->type == CONFIG_VALUE_URL ||
           entry->type == CONFIG_VALUE_ENDPOINT || entry->type == CONFIG_VALUE_SECRET;
}

void config_value_clear(struct config *config, const struct config_entry *entry)
{
    if (config_value_is_list(entry)) {
        config_list_clear(config, entry);
    } else if (is_string(entry)) {
        char **string = config_value_field(config, entry);
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

static int check_url(const struct config_entry *entry, const char *text, struct buffer *reason)
{
    struct error error;
    if (!text[0])
        return 0;
    if (url_check_callback(text, &error) != 0) {
        buffer_append_string(reason, error.message);
        return -1;
    }
    if (entry->type == CONFIG_VALUE_URL && strchr(text, '?')) {
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
    case CONFIG_VALUE_ENDPOINT:
        return check_url(entry, text, reason);
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
    *(char **)config_value_field(config, entry) = xstrdup(text);
    return 0;
}

int config_value_read_file(const char *path, struct buffer *contents, struct buffer *reason)
{
    char chunk[4096];
    size_t length;
    FILE *file = fopen(path, "re");
    if (!file) {
        buffer_append_format(reason, "cannot read %s: %s", path, strerror(errno));
        return -1;
    }
    while ((length = fread(chunk, 1, sizeof(chunk), file)) > 0 &&
           contents->length < CONFIG_FILE_MAX_BYTES)
        buffer_append(contents, chunk, length);
    bool failed = ferror(file) || contents->length >= CONFIG_FILE_MAX_BYTES;
    fclose(file);
    explicit_bzero(chunk, sizeof(chunk));
    buffer_append_string(contents, ""); /* not NULL when the file is empty */
    while (contents->length > 0 && strchr("\r\n", contents->data[contents->length - 1]))
        contents->data[--contents->length] = '\0';
    if (failed || strlen(contents->data) != contents->length) {
        buffer_append_format(reason, "cannot read %s, or it is too large, or holds a NUL", path);
        return -1;
    }
    return 0;
}

/* What "file:PATH" stands for; the path is no secret, the contents are. */
static int set_secret(struct config *config, const struct config_entry *entry, const char *text,
                      struct buffer *reason)
{
    if (strncmp(text, CONFIG_FILE_PREFIX, strlen(CONFIG_FILE_PREFIX)) != 0)
        return set_string(config, entry, text, reason);
    struct buffer contents = {0};
    int result = config_value_read_file(text + strlen(CONFIG_FILE_PREFIX), &contents, reason);
    if (result == 0)
        result = set_string(config, entry, contents.data, reason);
    buffer_fini(&contents);
    return result;
}

int config_value_set(struct config *config, const struct config_entry *entry, const char *text,
                     struct buffer *reason)
{
    void *field = config_value_field(config, entry);
    switch (entry->type) {
    case CONFIG_VALUE_STRING:
    case CONFIG_VALUE_KAFKA_PREFIX:
    case CONFIG_VALUE_ADDRESS:
    case CONFIG_VALUE_URL:
    case CONFIG_VALUE_ENDPOINT:
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
    case CONFIG_VALUE_SECRET:
        return set_secret(config, entry, text, reason);
    case CONFIG_VALUE_CHOICE_LIST:
    case CONFIG_VALUE_NAME_LIST:
    case CONFIG_VALUE_NETWORK_LIST:
    case CONFIG_VALUE_PORT_LIST:
    case CONFIG_VALUE_PROPERTY_LIST:
    case CONFIG_VALUE_RULE_LIST:
        return config_list_split(config, entry, text, reason);
    }
    PANIC("no such type: %d", (int)entry->type);
}
