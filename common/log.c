#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/panic.h"
#include "common/utf8.h"

#define uthash_fatal(message) PANIC("uthash: %s", message)
#include <uthash.h>

/* How often an event name was written lately. */
struct repeat {
    const char *event; /* the caller's literal */
    int64_t window_start;
    int written;
    int64_t suppressed;
    UT_hash_handle hh;
};

/* The sink is the one piece of global state: program, level and format change only in log_init,
 * before threads start; `lock` guards the table and keeps lines whole and in the order of their
 * times. */
static struct {
    const char *program;
    enum log_level level;
    enum log_format format;
    pthread_mutex_t lock;
    struct repeat *repeats;
    int audit;        /* guarded by `lock` too */
    char *audit_path; /* set before threads start */
} sink = {.program = "websub",
          .level = LOG_INFO,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .audit = STDERR_FILENO};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info",   [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error", [LOG_AUDIT] = "audit",
};

void log_init(const char *program, enum log_level level, enum log_format format)
{
    sink.program = program;
    sink.level = level;
    sink.format = format;
}

bool log_enabled(enum log_level level)
{
    return level >= sink.level;
}

int log_audit_open(const char *path)
{
    free(sink.audit_path);
    sink.audit_path = xstrdup(path);
    return log_audit_reopen();
}

int log_audit_reopen(void)
{
    const char *path = sink.audit_path ? sink.audit_path : "";
    int descriptor = STDERR_FILENO;
    if (path[0])
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0)
        return -1;
    pthread_mutex_lock(&sink.lock);
    int before = sink.audit;
    sink.audit = descriptor;
    pthread_mutex_unlock(&sink.lock);
    if (before != STDERR_FILENO)
        close(before);
    return 0;
}

static struct repeat *find_repeat(const char *event)
{
    struct repeat *repeat;
    HASH_FIND_STR(sink.repeats, event, repeat);
    if (!repeat) {
        repeat = xcalloc(1, sizeof(*repeat));
        repeat->event = event;
        repeat->window_start = clock_monotonic_ms();
        HASH_ADD_KEYPTR(hh, sink.repeats, repeat->event, strlen(event), repeat);
    }
    return repeat;
}

/* Whether the line may be written; `*suppressed` is the number of lines left out before it. */
static bool admit(const char *event, int64_t *suppressed)
{
    struct repeat *repeat = find_repeat(event);
    int64_t now = clock_monotonic_ms();
    if (now - repeat->window_start >= LOG_WINDOW_MS) {
        repeat->window_start = now;
        repeat->written = 0;
    }
    if (repeat->written >= LOG_BURST) {
        repeat->suppressed++;
        return false;
    }
    repeat->written++;
    *suppressed = repeat->suppressed;
    repeat->suppressed = 0;
    return true;
}

static json_t *make_string(const char *text, size_t length)
{
    json_t *string = json_stringn(text, length); /* NULL when it is not UTF-8 */
    if (!string) {
        struct buffer repaired = {0};
        utf8_append_repaired(&repaired, text, length);
        string = json_stringn(repaired.data, repaired.length);
        buffer_fini(&repaired);
    }
    ENSURE(string != NULL);
    return string;
}

static json_t *make_value(const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_STRING:
        return make_string(field->value.string, strlen(field->value.string));
    case LOG_FIELD_URL:
        return make_string(field->value.string, strcspn(field->value.string, "?#"));
    case LOG_FIELD_INT:
        return json_integer(field->value.integer);
    case LOG_FIELD_DOUBLE: {
        json_t *real = json_real(field->value.real); /* NULL when not finite: JSON has no word */
        return real ? real : json_null();
    }
    case LOG_FIELD_BOOL:
        return json_boolean(field->value.boolean);
    }
    PANIC("no such field type: %d", (int)field->type);
}

static void set_value(json_t *line, const char *key, json_t *value)
{
    ENSURE(json_object_set_new(line, key, value) == 0);
}

static bool has_value(const struct log_field *field)
{
    bool text = field->type == LOG_FIELD_STRING || field->type == LOG_FIELD_URL;
    return !text || field->value.string;
}

static json_t *make_line(enum log_level level, const char *event, const struct log_field *fields,
                         size_t field_count)
{
    char time[CLOCK_TIMESTAMP_SIZE];
    clock_format(clock_wall_ms(), time);
    json_t *line = json_object();
    ENSURE(line != NULL);
    set_value(line, "time", make_string(time, strlen(time)));
    set_value(line, "level", make_string(level_names[level], strlen(level_names[level])));
    set_value(line, "program", make_string(sink.program, strlen(sink.program)));
    set_value(line, "event", make_string(event, strlen(event)));
    for (size_t i = 0; i < field_count; i++) {
        if (has_value(&fields[i]))
            set_value(line, fields[i].key, make_value(&fields[i]));
    }
    return line;
}

static void append_json(struct buffer *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    ENSURE(text != NULL);
    buffer_append_string(out, text);
    free(text);
}

/* Whether a string can stand in a line of text without quotes. */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
            return false;
    }
    return text[0] != '\0';
}

/* "time LEVEL program event key=value …": the first four bare, as they are always plain. */
static void append_text(struct buffer *out, json_t *line)
{
    const char *key;
    json_t *value;
    size_t position = 0;
    json_object_foreach(line, key, value)
    {
        if (position > 0)
            buffer_append_string(out, " ");
        if (position >= 4)
            buffer_append_format(out, "%s=", key);
        const char *text = json_string_value(value);
        if (position == 1)
            buffer_append_format(out, "%-7s", text);
        else if (text && (position < 4 || is_plain(text)))
            buffer_append_string(out, text);
        else
            append_json(out, value);
        position++;
    }
}

/* A log that cannot be written must not end or stop the program: everything but "try again" gives
 * up. False: not all was written. */
static bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = descriptor, .events = POLLOUT}, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t field_count)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno; /* callers log between a failed call and its evaluation */
    struct buffer out = {0};
    int64_t suppressed = 0;

    pthread_mutex_lock(&sink.lock);
    bool audit = level == LOG_AUDIT;
    if (audit || admit(event, &suppressed)) {
        json_t *line = make_line(level, event, fields, field_count);
        if (suppressed > 0)
            set_value(line, "suppressed", json_integer(suppressed));
        int descriptor = audit ? sink.audit : STDERR_FILENO;
        if (sink.format == LOG_JSON || descriptor != STDERR_FILENO)
            append_json(&out, line);
        else
            append_text(&out, line);
        buffer_append_string(&out, "\n");
        if (!write_all(descriptor, out.data, out.length) && descriptor != STDERR_FILENO)
            write_all(STDERR_FILENO, out.data, out.length);
        json_decref(line);
    }
    pthread_mutex_unlock(&sink.lock);

    buffer_fini(&out);
    errno = saved_errno;
}
