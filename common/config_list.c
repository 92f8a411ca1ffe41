/* Lists: their items are checked one by one; all of them have to be good. */
#include <stdlib.h>
#include <string.h>

#include "common/access_rule.h"
#include "common/address.h"
#include "common/config_value.h"
#include "common/panic.h"
#include "common/utf8.h"

bool config_value_is_list(const struct config_entry *entry)
{
    switch (entry->type) {
    case CONFIG_VALUE_CHOICE_LIST:
    case CONFIG_VALUE_NAME_LIST:
    case CONFIG_VALUE_NETWORK_LIST:
    case CONFIG_VALUE_PORT_LIST:
    case CONFIG_VALUE_PROPERTY_LIST:
    case CONFIG_VALUE_RULE_LIST:
        return true;
    default:
        return false;
    }
}

static void free_strings(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}

void config_list_clear(struct config *config, const struct config_entry *entry)
{
    if (entry->type == CONFIG_VALUE_CHOICE_LIST)
        ((struct choice_list *)config_value_field(config, entry))->count = 0;
    else
        free_strings(config_value_field(config, entry));
}

/* --- items --- */

static int choice_index(const struct config_entry *entry, const char *text)
{
    for (int i = 0; entry->choices[i]; i++)
        if (strcmp(entry->choices[i], text) == 0)
            return i;
    return -1;
}

static int set_choices(struct choice_list *field, const struct config_entry *entry,
                       const char *const *items, size_t count, struct buffer *reason)
{
    struct choice_list list = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        int index = choice_index(entry, items[i]);
        if (index < 0) {
            buffer_append_format(reason, "item %zu is none of them", i + 1);
            return -1;
        }
        for (size_t j = 0; j < list.count; j++) {
            if (list.items[j] == index) {
                buffer_append_format(reason, "\"%s\" is there twice", items[i]);
                return -1;
            }
        }
        list.items[list.count++] = index; /* none twice: fewer than there are choices */
    }
    if (count == 0)
        return -1;
    *field = list;
    return 0;
}

/** "443" or "8000-8999". */
static bool is_port_range(const char *text)
{
    struct port_range range;
    return address_port_range_parse(text, &range) == 0;
}

/** Only the place of a secret item is named. */
static int check_item(const struct config_entry *entry, const char *item, size_t position,
                      struct buffer *reason)
{
    struct address_network network;
    struct access_rule rule;
    struct error error;
    bool good = true;
    error.message[0] = '\0';
    switch (entry->type) {
    case CONFIG_VALUE_NETWORK_LIST:
        good = address_network_parse(item, &network, &error) == 0;
        break;
    case CONFIG_VALUE_RULE_LIST:
        good = access_rule_parse(item, &rule, &error) == 0;
        if (good)
            access_rule_fini(&rule);
        break;
    case CONFIG_VALUE_PORT_LIST:
        good = is_port_range(item);
        break;
    case CONFIG_VALUE_NAME_LIST:
        good = item[0] && !strpbrk(item, " \t") && !utf8_has_control(item, strlen(item));
        break;
    default:
        good = strchr(item, '=') && item[0] != '=';
        break;
    }
    if (good)
        return 0;
    if (!error.message[0])
        buffer_append_format(reason, "item %zu is not of this form", position + 1);
    else if (entry->type == CONFIG_VALUE_RULE_LIST)
        buffer_append_format(reason, "item %zu: %s", position + 1, error.message);
    else
        buffer_append_string(reason, error.message);
    return -1;
}

/* --- lists --- */

struct builder {
    struct string_list list;
    size_t capacity;
};

static void add_item(struct builder *builder, const char *item)
{
    struct string_list *list = &builder->list;
    if (list->count == builder->capacity) {
        builder->capacity = builder->capacity * 2 + 8;
        list->items = xrealloc(list->items, builder->capacity * sizeof(*list->items));
    }
    list->items[list->count++] = xstrdup(item);
}

/* Cuts blanks off both ends of the text. */
static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

/** Adds the parts of `text` that are not empty. */
static void add_split(struct builder *builder, const char *text, const char *separator)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    for (char *part = strsep(&rest, separator); part; part = strsep(&rest, separator)) {
        const char *item = trim(part);
        if (item[0])
            add_item(builder, item);
    }
    explicit_bzero(copy, strlen(text));
    free(copy);
}

/** The lines of the file that an item of a list of secrets stands for. */
static int add_lines_of(struct builder *builder, const char *path, struct buffer *reason)
{
    struct buffer contents = {0};
    int result = config_value_read_file(path, &contents, reason);
    if (result == 0)
        add_split(builder, contents.data, "\n");
    buffer_fini(&contents);
    return result;
}

static int add_given(struct builder *builder, const struct config_entry *entry,
                     const char *const *items, size_t count, struct buffer *reason)
{
    for (size_t i = 0; i < count; i++) {
        bool file = config_value_is_secret(entry) &&
                    strncmp(items[i], CONFIG_FILE_PREFIX, strlen(CONFIG_FILE_PREFIX)) == 0;
        if (!file)
            add_item(builder, items[i]);
        else if (add_lines_of(builder, items[i] + strlen(CONFIG_FILE_PREFIX), reason) != 0)
            return -1;
    }
    for (size_t i = 0; i < builder->list.count; i++)
        if (check_item(entry, builder->list.items[i], i, reason) != 0)
            return -1;
    return 0;
}

int config_value_set_list(struct config *config, const struct config_entry *entry,
                          const char *const *items, size_t count, struct buffer *reason)
{
    ENSURE(config_value_is_list(entry));
    if (entry->type == CONFIG_VALUE_CHOICE_LIST)
        return set_choices(config_value_field(config, entry), entry, items, count, reason);
    struct builder builder = {.capacity = 0};
    if (add_given(&builder, entry, items, count, reason) != 0) {
        free_strings(&builder.list);
        return -1;
    }
    free_strings(config_value_field(config, entry));
    *(struct string_list *)config_value_field(config, entry) = builder.list;
    return 0;
}

int config_list_split(struct config *config, const struct config_entry *entry, const char *text,
                      struct buffer *reason)
{
    /* Rules, and properties such as bootstrap lists, contain commas themselves. */
    bool commas = entry->type == CONFIG_VALUE_RULE_LIST || config_value_is_secret(entry);
    struct builder parts = {.capacity = 0};
    add_split(&parts, text, commas ? ";" : ",");
    int result = config_value_set_list(config, entry, (const char *const *)parts.list.items,
                                       parts.list.count, reason);
    free_strings(&parts.list);
    return result;
}
