/**
 * Structured logging: one event a line on stderr, as JSON or text.
 *
 * An event has a stable dotted name ("subscription.verified") and typed fields. Secrets, tokens and
 * payloads are never fields. All functions may be called from any thread and block only on stderr.
 *
 * Repeats: at most LOG_BURST lines of one event name within LOG_WINDOW_MS (errors too); the next
 * line of that name that gets through carries `suppressed` with the number left out. Names are
 * string literals: they are compared by content, kept for ever and thus must be few.
 */
#ifndef WEBSUB_COMMON_LOG_H
#define WEBSUB_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_BURST     20
#define LOG_WINDOW_MS 5000

/** LOG_AUDIT is no level to choose: see log_audit_open. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_AUDIT };
enum log_format { LOG_JSON, LOG_TEXT };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STRING, LOG_FIELD_URL, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_BOOL } type;
    union {
        const char *string; /**< NULL is left out; bytes that are no UTF-8 are replaced */
        int64_t integer;
        double real;
        bool boolean;
    } value;
};

#define LOG_STR(k, v)                                                                              \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_STRING, .value.string = (v)                                  \
    }
/** A URL that a stranger chose: logged without its query, which often carries tokens. */
#define LOG_URL(k, v)                                                                              \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_URL, .value.string = (v)                                     \
    }
#define LOG_INT(k, v)                                                                              \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_INT, .value.integer = (int64_t)(v)                           \
    }
#define LOG_NUM(k, v)                                                                              \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_DOUBLE, .value.real = (v)                                    \
    }
#define LOG_BOOL(k, v)                                                                             \
    (struct log_field)                                                                             \
    {                                                                                              \
        .key = (k), .type = LOG_FIELD_BOOL, .value.boolean = (v)                                   \
    }

/** Sets the process-wide sink; call once before threads start. `program` is a literal. */
void log_init(const char *program, enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/**
 * Lines of the level LOG_AUDIT are never left out, and go to a file of their own, as JSON; without
 * one, and when it takes no more (a full disk), to stderr. Opens the file for appending (made for
 * the owner and group only), instead of the one that is open, which stays when that fails. "" means
 * stderr.
 * @returns 0, or -1 with errno.
 */
int log_audit_open(const char *path);
/** The same with the path of the last log_audit_open: the file may have been moved away. */
int log_audit_reopen(void);
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t field_count);

/* Fields are evaluated only when the level is enabled. The leading dummy allows for no field. */
#define LOG_AT(level, event, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_fields_[] = {LOG_STR("", NULL), ##__VA_ARGS__};             \
            log_write((level), (event), log_fields_ + 1,                                           \
                      sizeof(log_fields_) / sizeof(log_fields_[0]) - 1);                           \
        }                                                                                          \
    } while (0)
#define log_debug(event, ...)   LOG_AT(LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...)    LOG_AT(LOG_INFO, event, ##__VA_ARGS__)
#define log_warning(event, ...) LOG_AT(LOG_WARNING, event, ##__VA_ARGS__)
#define log_error(event, ...)   LOG_AT(LOG_ERROR, event, ##__VA_ARGS__)

#endif
