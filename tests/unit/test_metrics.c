#include "tests/unit/unit.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"

static char *render(struct metrics *metrics)
{
    struct buffer out = {0};
    metrics_render(metrics, &out);
    return out.data ? out.data : strdup("");
}

static void assert_renders(struct metrics *metrics, const char *expected)
{
    char *text = render(metrics);
    assert_string_equal(text, expected);
    free(text);
}

static int64_t read_answer(void *context)
{
    return *(int64_t *)context;
}

static void test_without_metrics_there_is_no_text(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    assert_renders(metrics, "");
    metrics_free(metrics);
    metrics_free(NULL);
}

static void test_counters_gauges_and_callbacks_are_shown_with_help_and_type(void **state)
{
    (void)state;
    int64_t answer = -42;
    struct metrics *metrics = metrics_new();
    struct counter *counter = metrics_counter(metrics, "websub_a_total", "What is counted.", NULL);
    struct gauge *gauge = metrics_gauge(metrics, "websub_b", "What goes up and down.", "x=\"1\"");
    metrics_gauge_callback(metrics, "websub_c", "What is asked.", NULL, read_answer, &answer);
    counter_add(counter, 3);
    counter_add(counter, UINT32_MAX);
    gauge_set(gauge, 10);
    gauge_add(gauge, -15);
    assert_renders(metrics, "# HELP websub_a_total What is counted.\n"
                            "# TYPE websub_a_total counter\n"
                            "websub_a_total 4294967298\n"
                            "# HELP websub_b What goes up and down.\n"
                            "# TYPE websub_b gauge\n"
                            "websub_b{x=\"1\"} -5\n"
                            "# HELP websub_c What is asked.\n"
                            "# TYPE websub_c gauge\n"
                            "websub_c -42\n");
    answer = INT64_MAX;
    char *text = render(metrics);
    assert_non_null(strstr(text, "websub_c 9223372036854775807\n"));
    free(text);
    metrics_free(metrics);
}

static void test_metrics_of_one_name_share_help_and_type(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    counter_add(metrics_counter(metrics, "websub_a_total", "Help.", "mode=\"subscribe\""), 1);
    counter_add(metrics_counter(metrics, "websub_a_total", "Help.", "mode=\"publish\""), 2);
    metrics_counter(metrics, "websub_a_total_other", "Other.", "mode=\"publish\"");
    assert_renders(metrics, "# HELP websub_a_total Help.\n"
                            "# TYPE websub_a_total counter\n"
                            "websub_a_total{mode=\"subscribe\"} 1\n"
                            "websub_a_total{mode=\"publish\"} 2\n"
                            "# HELP websub_a_total_other Other.\n"
                            "# TYPE websub_a_total_other counter\n"
                            "websub_a_total_other{mode=\"publish\"} 0\n");
    metrics_free(metrics);
}

static void test_labels_are_shown_as_they_were_escaped_by_the_caller(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    metrics_gauge(metrics, "websub_a", "Help.", "path=\"C:\\\\x \\\"y\\\" \\n{}\"");
    assert_renders(metrics, "# HELP websub_a Help.\n"
                            "# TYPE websub_a gauge\n"
                            "websub_a{path=\"C:\\\\x \\\"y\\\" \\n{}\"} 0\n");
    metrics_free(metrics);
}

/* --- histograms --- */

/** The value of the line that begins with `start`. */
static double value_of(const char *text, const char *start)
{
    const char *line = strstr(text, start);
    if (!line)
        fail_msg("no line \"%s\" in\n%s", start, text);
    return strtod(line + strlen(start), NULL);
}

static void test_histograms_are_cumulative_and_in_seconds(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct histogram *histogram =
        metrics_histogram(metrics, "websub_seconds", "How long.", "kind=\"x\"");
    static const int64_t observed[] = {0,      500,      501,      1000,     7000,
                                       250000, 30000000, 30000001, 999999999};
    for (size_t i = 0; i < ARRAY_COUNT(observed); i++)
        histogram_observe(histogram, observed[i]);
    static const struct {
        const char *line;
        double value;
    } expected[] = {
        {"websub_seconds_bucket{kind=\"x\",le=\"0.0005\"} ", 2},
        {"websub_seconds_bucket{kind=\"x\",le=\"0.001\"} ", 4},
        {"websub_seconds_bucket{kind=\"x\",le=\"0.005\"} ", 4},
        {"websub_seconds_bucket{kind=\"x\",le=\"0.0075\"} ", 5},
        {"websub_seconds_bucket{kind=\"x\",le=\"0.1\"} ", 5},
        {"websub_seconds_bucket{kind=\"x\",le=\"0.25\"} ", 6},
        {"websub_seconds_bucket{kind=\"x\",le=\"5\"} ", 6},
        {"websub_seconds_bucket{kind=\"x\",le=\"30\"} ", 7},
        {"websub_seconds_bucket{kind=\"x\",le=\"+Inf\"} ", 9},
        {"websub_seconds_count{kind=\"x\"} ", 9},
        {"websub_seconds_sum{kind=\"x\"} ", 1060.259002},
    };
    char *text = render(metrics);
    assert_non_null(strstr(text, "# TYPE websub_seconds histogram\n"));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++)
        assert_float_equal(value_of(text, expected[i].line), expected[i].value, 1e-6);
    free(text);
    metrics_free(metrics);
}

static void test_a_clock_that_went_back_counts_as_nothing(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct histogram *histogram = metrics_histogram(metrics, "websub_seconds", "How long.", NULL);
    histogram_observe(histogram, -5);
    histogram_observe(histogram, INT64_MIN);
    char *text = render(metrics);
    assert_float_equal(value_of(text, "websub_seconds_bucket{le=\"0.0005\"} "), 2, 0);
    assert_float_equal(value_of(text, "websub_seconds_sum "), 0, 0);
    assert_float_equal(value_of(text, "websub_seconds_count "), 2, 0);
    free(text);
    metrics_free(metrics);
}

static void test_buckets_rise_and_end_in_the_count(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct histogram *histogram = metrics_histogram(metrics, "h", "How long.", NULL);
    for (int64_t us = 1; us < 100000000; us = us * 5 / 4 + 1)
        histogram_observe(histogram, us);
    char *text = render(metrics);
    double bound = -1, count = 0;
    int buckets = 0;
    for (const char *at = text; (at = strstr(at, "h_bucket{le=\"")); buckets++) {
        at += strlen("h_bucket{le=\"");
        double next_bound = strtod(at, NULL); /* +Inf is infinity */
        double next_count = strtod(strchr(at, ' '), NULL);
        assert_true(next_bound > bound);
        assert_true(next_count >= count);
        bound = next_bound;
        count = next_count;
    }
    assert_int_equal(buckets, HISTOGRAM_BUCKETS + 1);
    assert_float_equal(value_of(text, "h_count "), count, 0);
    free(text);
    metrics_free(metrics);
}

/* --- the format as a whole --- */

static void assert_name(const char *name, size_t length)
{
    assert_true(length > 0 && !isdigit((unsigned char)name[0]));
    for (size_t i = 0; i < length; i++)
        assert_true(isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == ':');
}

static void test_every_line_has_the_shape_that_prometheus_reads(void **state)
{
    (void)state;
    int64_t answer = 1;
    struct metrics *metrics = metrics_new();
    metrics_counter(metrics, "websub_a_total", "Help with spaces.", "x=\"1\",y=\"2\"");
    metrics_histogram(metrics, "websub_b_seconds", "Help.", "x=\"1\"");
    metrics_histogram(metrics, "websub_b_seconds", "Help.", "x=\"2\"");
    metrics_gauge_callback(metrics, "websub_c", "Help.", NULL, read_answer, &answer);
    char *text = render(metrics);
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (*line == '#') {
            assert_true(strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0);
            assert_name(line + 7, strcspn(line + 7, " "));
            continue;
        }
        assert_name(line, strcspn(line, "{ "));
        char *value = strrchr(line, ' ') + 1, *end;
        strtod(value, &end);
        assert_true(end != value && *end == '\0');
        if (strchr(line, '{'))
            assert_int_equal(value[-2], '}');
    }
    free(text);
    metrics_free(metrics);
}

/* --- threads --- */

enum { THREADS = 4, EACH = 20000 };

struct shared {
    struct counter *counter;
    struct gauge *gauge;
    struct histogram *histogram;
};

static void *use_main(void *context)
{
    struct shared *shared = context;
    for (int i = 0; i < EACH; i++) {
        counter_add(shared->counter, 2);
        gauge_add(shared->gauge, i % 2 ? 1 : -1);
        histogram_observe(shared->histogram, i % 2000);
    }
    return NULL;
}

static void test_threads_count_without_losing_any_while_others_look(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct shared shared = {metrics_counter(metrics, "c", "Help.", NULL),
                            metrics_gauge(metrics, "g", "Help.", NULL),
                            metrics_histogram(metrics, "h", "Help.", NULL)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_main, &shared), 0);
    for (int i = 0; i < 20; i++)
        free(render(metrics));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *text = render(metrics);
    assert_float_equal(value_of(text, "\nc "), 2.0 * THREADS * EACH, 0);
    assert_float_equal(value_of(text, "\ng "), 0, 0);
    assert_float_equal(value_of(text, "\nh_count "), 1.0 * THREADS * EACH, 0);
    free(text);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_metrics_there_is_no_text),
        cmocka_unit_test(test_counters_gauges_and_callbacks_are_shown_with_help_and_type),
        cmocka_unit_test(test_metrics_of_one_name_share_help_and_type),
        cmocka_unit_test(test_labels_are_shown_as_they_were_escaped_by_the_caller),
        cmocka_unit_test(test_histograms_are_cumulative_and_in_seconds),
        cmocka_unit_test(test_a_clock_that_went_back_counts_as_nothing),
        cmocka_unit_test(test_buckets_rise_and_end_in_the_count),
        cmocka_unit_test(test_every_line_has_the_shape_that_prometheus_reads),
        cmocka_unit_test(test_threads_count_without_losing_any_while_others_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
