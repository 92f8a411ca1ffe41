#include "tests/unit/unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/* stderr goes to a file while a test runs; assertions are made once it is back. */
struct capture {
    FILE *file;
    int stderr_copy;
    char text[1 << 20];
};

static struct capture capture;

static void capture_start(void)
{
    capture.file = tmpfile();
    assert_non_null(capture.file);
    fflush(stderr);
    capture.stderr_copy = dup(STDERR_FILENO);
    dup2(fileno(capture.file), STDERR_FILENO);
}

static const char *capture_stop(void)
{
    dup2(capture.stderr_copy, STDERR_FILENO);
    close(capture.stderr_copy);
    rewind(capture.file);
    size_t length = fread(capture.text, 1, sizeof(capture.text) - 1, capture.file);
    capture.text[length] = '\0';
    fclose(capture.file);
    return capture.text;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static json_t *parse_line(const char *line)
{
    json_error_t error;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        fail_msg("%s: %s", error.text, line);
    return object;
}

static void test_json(void **state)
{
    (void)state;
    log_init("websub-test", LOG_INFO, LOG_JSON);
    capture_start();
    log_info("test.json", LOG_STR("topic", "http://a/\"b\"\n"), LOG_INT("big", INT64_MIN),
             LOG_NUM("half", 0.5), LOG_BOOL("yes", true), LOG_STR("absent", NULL),
             LOG_NUM("nothing", NAN));
    const char *line = capture_stop();
    assert_int_equal(count_lines(line), 1);

    json_t *object = parse_line(line);
    const char *time;
    assert_int_equal(json_unpack(object, "{s:s}", "time", &time), 0);
    assert_int_equal(strlen(time), 24);
    assert_int_equal(time[10], 'T');
    assert_int_equal(time[23], 'Z');
    const char *tail = strstr(line, ",\"level\"");
    assert_non_null(tail);
    assert_string_equal(tail,
                        ",\"level\":\"info\",\"program\":\"websub-test\",\"event\":\"test.json\","
                        "\"topic\":\"http://a/\\\"b\\\"\\n\",\"big\":-9223372036854775808,"
                        "\"half\":0.5,\"yes\":true,\"nothing\":null}\n");
    assert_memory_equal(line, "{\"time\":\"", 9);
    json_decref(object);
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    log_init("websub-test", LOG_INFO, LOG_JSON);
    capture_start();
    log_info("test.utf8", LOG_STR("bytes", "a\xff\xc3\xbc\xed\xa0\x80"));
    json_t *object = parse_line(capture_stop());
    assert_string_equal(json_string_value(json_object_get(object, "bytes")),
                        "a\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(object);
}

static void test_text(void **state)
{
    (void)state;
    log_init("websub-test", LOG_INFO, LOG_TEXT);
    capture_start();
    log_warning("test.text", LOG_STR("url", "http://a/?x=1"), LOG_STR("spaced", "a b"),
                LOG_STR("forged", "x\n2026-01-01 error"), LOG_STR("empty", ""), LOG_INT("n", -3),
                LOG_BOOL("no", false));
    const char *line = capture_stop();
    assert_int_equal(count_lines(line), 1);
    assert_string_equal(line + 24,
                        " warning websub-test test.text url=http://a/?x=1 spaced=\"a b\" "
                        "forged=\"x\\n2026-01-01 error\" empty=\"\" n=-3 no=false\n");
}

static void test_no_fields(void **state)
{
    (void)state;
    log_init("websub-test", LOG_INFO, LOG_TEXT);
    capture_start();
    log_error("test.bare");
    assert_string_equal(capture_stop() + 24, " error   websub-test test.bare\n");
}

static int evaluated;

static int64_t evaluate(void)
{
    return ++evaluated;
}

static void test_levels(void **state)
{
    (void)state;
    log_init("websub-test", LOG_WARNING, LOG_JSON);
    capture_start();
    log_debug("test.levels.debug", LOG_INT("n", evaluate()));
    log_info("test.levels.info", LOG_INT("n", evaluate()));
    log_write(LOG_INFO, "test.levels.direct", NULL, 0);
    log_warning("test.levels.warning", LOG_INT("n", evaluate()));
    log_error("test.levels.error", LOG_INT("n", evaluate()));
    const char *text = capture_stop();
    assert_int_equal(count_lines(text), 2);
    assert_int_equal(evaluated, 2);
    assert_false(log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_ERROR));
}

static void test_repeats(void **state)
{
    (void)state;
    log_init("websub-test", LOG_INFO, LOG_JSON);
    capture_start();
    for (int i = 0; i < 3 * LOG_BURST; i++)
        log_error("test.repeats", LOG_INT("i", i));
    log_error("test.repeats.other");
    const char *text = capture_stop();
    assert_int_equal(count_lines(text), LOG_BURST + 1);
    assert_null(strstr(text, "suppressed"));

    usleep((LOG_WINDOW_MS + 50) * 1000);
    capture_start();
    log_error("test.repeats", LOG_INT("i", -1));
    log_error("test.repeats", LOG_INT("i", -2));
    text = capture_stop();
    assert_int_equal(count_lines(text), 2);
    json_t *object = parse_line(strndupa(text, strcspn(text, "\n")));
    assert_int_equal(json_integer_value(json_object_get(object, "suppressed")), 2 * LOG_BURST);
    json_decref(object);
    assert_null(strstr(strchr(text, '\n'), "suppressed"));
}

/* Names that are equal are one event, wherever their literals lie. */
static void test_repeats_by_content(void **state)
{
    (void)state;
    static const char names[2][16] = {"test.content", "test.content"};
    log_init("websub-test", LOG_INFO, LOG_JSON);
    capture_start();
    for (int i = 0; i < 2 * LOG_BURST; i++)
        log_info(names[i % 2]);
    assert_int_equal(count_lines(capture_stop()), LOG_BURST);
}

static void *write_lines(void *argument)
{
    static const char *const names[] = {"test.threads.0", "test.threads.1", "test.threads.2",
                                        "test.threads.3"};
    char long_text[3000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    for (int i = 0; i < LOG_BURST; i++)
        log_info(names[(intptr_t)argument], LOG_STR("text", long_text));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    log_init("websub-test", LOG_INFO, LOG_JSON);
    pthread_t threads[4];
    capture_start();
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_lines, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    char *text = strdup(capture_stop());
    assert_int_equal(count_lines(text), 4 * LOG_BURST);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line && line[0]; line = strsep(&rest, "\n"))
        json_decref(parse_line(line));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_no_fields),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_repeats_by_content),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
