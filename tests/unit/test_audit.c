/* The audit log: one line for each decision, whatever happens. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/log.h"

static char directory[] = "/tmp/websub-audit-XXXXXX";
static char path[64], moved[64];

/* stderr goes to a file while a test runs. */
static FILE *errors;
static int stderr_copy;

static void capture_start(void)
{
    errors = tmpfile();
    fflush(stderr);
    stderr_copy = dup(STDERR_FILENO);
    dup2(fileno(errors), STDERR_FILENO);
}

static char *read_stream(FILE *file)
{
    static char text[1 << 20];
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static char *capture_stop(void)
{
    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    return read_stream(errors);
}

static char *read_path(const char *name)
{
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    return read_stream(file);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void open_audit(const char *file)
{
    struct config config = {.log.audit_file = (char *)(uintptr_t)file};
    struct error error;
    if (audit_open(&config, &error) != 0)
        fail_msg("%s", error.message);
}

static const struct audit_entry entry = {
    .allowed = false,
    .operation = "subscribe",
    .topic = "partner/\"NAME\"\n",
    .callback = "https://sub.example/cb?token=secret",
    .user = "alice",
    .method = "basic",
    .address = "192.0.2.1",
    .reason = "not allowed for this topic",
};

static void a_line_says_who_what_when_and_why(void **state)
{
    (void)state;
    log_init("websub-test", LOG_ERROR, LOG_TEXT); /* neither concerns the file */
    open_audit(path);
    audit_write(AUDIT_CHANGES, &entry);
    open_audit("");
    json_t *line = json_loads(read_path(path), JSON_REJECT_DUPLICATES, NULL);
    const char *time, *level, *event, *operation, *user, *method, *address, *topic, *callback,
        *reason;
    assert_non_null(line);
    assert_int_equal(json_unpack(line, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s !}",
                                 "time", &time, "level", &level, "program", &event, "event", &event,
                                 "operation", &operation, "user", &user, "method", &method,
                                 "address", &address, "topic", &topic, "callback", &callback,
                                 "reason", &reason),
                     0);
    assert_int_equal(strlen(time), 24);
    assert_string_equal(level, "audit");
    assert_string_equal(event, "audit.denied");
    assert_string_equal(operation, "subscribe");
    assert_string_equal(user, "alice");
    assert_string_equal(topic, "partner/\"NAME\"\n");
    assert_string_equal(callback, "https://sub.example/cb");
    assert_string_equal(reason, "not allowed for this topic");
    json_decref(line);
}

static void lines_are_never_left_out(void **state)
{
    (void)state;
    log_init("websub-test", LOG_ERROR, LOG_JSON);
    open_audit(path);
    for (int i = 0; i < 20 * LOG_BURST; i++)
        audit_write(AUDIT_CHANGES, &entry);
    open_audit("");
    const char *text = read_path(path);
    assert_int_equal(count_lines(text), 20 * LOG_BURST);
    assert_null(strstr(text, "suppressed"));
}

static void without_a_file_they_go_to_stderr(void **state)
{
    (void)state;
    log_init("websub-test", LOG_ERROR, LOG_TEXT);
    open_audit("");
    capture_start();
    for (int i = 0; i < 2 * LOG_BURST; i++)
        audit_write(AUDIT_CHANGES, &entry);
    const char *text = capture_stop();
    assert_int_equal(count_lines(text), 2 * LOG_BURST);
    assert_non_null(strstr(text, " audit   websub-test audit.denied operation=subscribe "));
    assert_null(strstr(text, "token=secret"));
}

static void the_file_is_appended_to_and_not_for_everyone(void **state)
{
    struct stat status;
    (void)state;
    open_audit(path);
    audit_write(AUDIT_CHANGES, &entry);
    open_audit(path);
    audit_write(AUDIT_CHANGES, &entry);
    open_audit("");
    assert_int_equal(count_lines(read_path(path)), 2);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0007, 0);
}

static void a_file_that_was_moved_away_is_made_again(void **state)
{
    (void)state;
    open_audit(path);
    audit_write(AUDIT_CHANGES, &entry);
    assert_int_equal(rename(path, moved), 0);
    audit_write(AUDIT_CHANGES, &entry);
    audit_reopen();
    audit_write(AUDIT_CHANGES, &entry);
    open_audit("");
    assert_int_equal(count_lines(read_path(moved)), 2);
    assert_int_equal(count_lines(read_path(path)), 1);
}

static void when_opening_fails_the_old_one_stays(void **state)
{
    (void)state;
    open_audit(path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* where the file should be */
    capture_start();
    audit_reopen();
    char *text = capture_stop();
    assert_int_equal(rmdir(path), 0);
    assert_non_null(strstr(text, "audit.not_reopened"));
    audit_write(AUDIT_CHANGES, &entry);
    open_audit("");
    assert_int_equal(count_lines(read_path(moved)), 1);
}

static void a_file_that_cannot_be_opened_stops_the_start(void **state)
{
    struct config config = {.log.audit_file = "/nowhere/audit.log"};
    struct error error;
    (void)state;
    assert_int_equal(audit_open(&config, &error), -1);
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_non_null(strstr(error.message, "/nowhere/audit.log"));
    open_audit("");
}

/* A full disk: what the file does not take is still said somewhere. */
static void what_the_file_does_not_take_goes_to_stderr(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    open_audit("/dev/full");
    capture_start();
    audit_write(AUDIT_CHANGES, &entry);
    const char *text = capture_stop();
    open_audit("");
    assert_int_equal(count_lines(text), 1);
    assert_non_null(strstr(text, "audit.denied"));
}

static void *write_and_reopen(void *context)
{
    (void)context;
    for (int i = 0; i < 200; i++) {
        audit_write(AUDIT_CHANGES, &entry);
        if (i % 20 == 0)
            audit_reopen();
    }
    return NULL;
}

static void threads_write_whole_lines_while_it_is_reopened(void **state)
{
    pthread_t threads[4];
    (void)state;
    open_audit(path);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, write_and_reopen, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    open_audit("");
    char *rest = read_path(path);
    assert_int_equal(count_lines(rest), 800);
    for (char *line = strsep(&rest, "\n"); line && line[0]; line = strsep(&rest, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        json_decref(object);
    }
}

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/audit.log", directory);
    snprintf(moved, sizeof(moved), "%s/audit.log.1", directory);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

#define AUDIT_TEST(test) cmocka_unit_test_teardown(test, remove_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_line_says_who_what_when_and_why),
        AUDIT_TEST(lines_are_never_left_out),
        AUDIT_TEST(without_a_file_they_go_to_stderr),
        AUDIT_TEST(the_file_is_appended_to_and_not_for_everyone),
        AUDIT_TEST(a_file_that_was_moved_away_is_made_again),
        AUDIT_TEST(when_opening_fails_the_old_one_stays),
        AUDIT_TEST(a_file_that_cannot_be_opened_stops_the_start),
        AUDIT_TEST(what_the_file_does_not_take_goes_to_stderr),
        AUDIT_TEST(threads_write_whole_lines_while_it_is_reopened),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
