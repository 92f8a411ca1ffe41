/* The reference of all keys, as a libconfig file and as Markdown. */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/config_value.h"

static bool starts_section(size_t index)
{
    return index == 0 || strcmp(config_table[index - 1].section, config_table[index].section) != 0;
}

static bool ends_section(size_t index)
{
    return index + 1 == config_table_size || starts_section(index + 1);
}

/* Whether the default stands in quotes in a file. */
static bool is_quoted(const struct config_entry *entry)
{
    switch (entry->type) {
    case CONFIG_VALUE_INTEGER:
    case CONFIG_VALUE_NUMBER:
    case CONFIG_VALUE_BOOLEAN:
        return false;
    default:
        return true;
    }
}

static void append_item(struct buffer *out, const char *item, size_t length)
{
    const char *separator = out->length > 1 ? ", " : "";
    buffer_append_format(out, "%s\"%.*s\"", separator, (int)length, item);
}

/* Defaults with several items have ',' between them. */
static void append_default(struct buffer *out, const struct config_entry *entry)
{
    const char *quote = is_quoted(entry) ? "\"" : "";
    if (!config_value_is_list(entry)) {
        buffer_append_format(out, "%s%s%s", quote, entry->default_text, quote);
        return;
    }
    struct buffer list = {0};
    buffer_append_string(&list, "[");
    for (const char *item = entry->default_text; *item;) {
        size_t length = strcspn(item, ",");
        append_item(&list, item, length);
        item += length + (item[length] == ',');
    }
    buffer_append_format(out, "%s]", list.data);
    buffer_fini(&list);
}

/* Words of `text` in comment lines of at most 96 characters. */
static void print_wrapped(FILE *out, const char *text)
{
    const size_t width = 90;
    while (*text) {
        size_t length = strlen(text);
        if (length > width) {
            length = width;
            while (length > 0 && text[length] != ' ')
                length--;
        }
        fprintf(out, "    # %.*s\n", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void print_entry(FILE *out, const struct config_entry *entry)
{
    struct buffer line = {0};
    print_wrapped(out, entry->meaning);
    buffer_append_string(&line, "Expected: ");
    config_value_append_expected(&line, entry);
    print_wrapped(out, line.data);

    buffer_clear(&line);
    char *variable = config_table_variable(entry);
    buffer_append_format(&line, "Type: %s. Environment: %s", config_value_type_name(entry),
                         variable);
    print_wrapped(out, line.data);
    free(variable);

    buffer_clear(&line);
    append_default(&line, entry);
    fprintf(out, "    %s = %s;\n", entry->key, line.data);
    buffer_fini(&line);
}

void config_print_reference(FILE *out)
{
    fprintf(out,
            "# Every key of the WebSub hub suite with its default. A file needs to have only what "
            "differs.\n# Durations: \"250ms\", \"10s\", \"5m\", \"6h\", \"7d\", or a number of "
            "seconds. Sizes: bytes, or \"64KiB\", \"1MiB\", \"2GiB\".\n");
    for (size_t i = 0; i < config_table_size; i++) {
        if (starts_section(i))
            fprintf(out, "\n%s:\n{\n", config_table[i].section);
        print_entry(out, &config_table[i]);
        fprintf(out, "%s", ends_section(i) ? "};\n" : "\n");
    }
}

/* Text in a cell: '|' would end it, '<' start HTML. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputs("\\|", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else
            fputc(*text, out);
    }
    fputs(" |", out);
}

static void print_row(FILE *out, const struct config_entry *entry)
{
    struct buffer preset = {0};
    struct buffer expected = {0};
    append_default(&preset, entry);
    config_value_append_expected(&expected, entry);
    fprintf(out, "| `%s` | `%s` | ", entry->key, preset.data);
    print_cell(out, expected.data);
    fputc(' ', out);
    print_cell(out, entry->meaning);
    fputc('\n', out);
    buffer_fini(&expected);
    buffer_fini(&preset);
}

static void print_section_head(FILE *out, const char *section)
{
    fprintf(out, "\n## %s\n\n", section);
    fprintf(out, "| key | default | expected | meaning |\n|---|---|---|---|\n");
}

void config_print_markdown(FILE *out)
{
    fputs(
        "# Configuration\n\n"
        "<!-- Made by `websub-hub --print-config-markdown` from common/config_table.c: do not "
        "edit. -->\n\n"
        "The three programs share one file (`-c FILE`), written in\n"
        "[libconfig's format](https://hyperrealm.github.io/libconfig/libconfig_manual.html):\n\n"
        "```\n"
        "kafka: { bootstrap_servers = \"kafka-1:9092,kafka-2:9092\"; };\n"
        "hub: { port = 9191; lease_seconds_max = 604800; };\n"
        "security: { allowed_callback_networks = [\"10.20.0.0/16\"]; };\n"
        "```\n\n"
        "Every key can be set by the environment too, as `WEBSUB_<SECTION>_<KEY>`, for example\n"
        "`WEBSUB_HUB_PORT=9191`. The environment wins over the file, the file over the default.\n"
        "Unknown keys, unknown variables of a known section and bad values stop the start with a\n"
        "message that names the file and line, or the variable, and what was expected.\n"
        "`--check-config` tests a configuration; `--print-config` prints this reference as a "
        "file.\n\n"
        "- Durations: `\"250ms\"`, `\"10s\"`, `\"5m\"`, `\"6h\"`, `\"7d\"`; a bare number is "
        "seconds.\n"
        "- Sizes: bytes, or `\"64KiB\"`, `\"1MiB\"`, `\"2GiB\"`.\n"
        "- Lists: `[\"a\", \"b\"]` in the file; in the environment separated by `,` (rules, and "
        "lists of\n"
        "  `name=value`: by `;`).\n"
        "- Secrets, and lists of `name=value`: a value or an item may be `\"file:PATH\"`, which "
        "stands for what is\n"
        "  in that file (of a list: a line for each item). They are never shown.\n",
        out);
    for (size_t i = 0; i < config_table_size; i++) {
        if (starts_section(i))
            print_section_head(out, config_table[i].section);
        print_row(out, &config_table[i]);
    }
}
