/* common/tracer: memory is bounded whatever the collector does. What it sends is tested with a
 * collector (tests/integration/test_tracing_collector.py). */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/tracer.h"

enum { WAITING = 8192, BATCH = 512, SPANS = 20000 };

static struct metrics *metrics;

/** With a collector that cannot be reached. */
static struct tracer *start(struct config *config)
{
    static char nowhere[] = "http://127.0.0.1:1/", none[] = "";
    struct error error;
    *config =
        (struct config){.tracing = {.otlp_url = nowhere}, .security = {.extra_ca_file = none}};
    metrics = metrics_new();
    struct tracer *tracer = tracer_new(config, "websub-hub", metrics, &error);
    assert_non_null(tracer);
    return tracer;
}

static void stop(struct tracer *tracer)
{
    tracer_free(tracer);
    metrics_free(metrics);
}

static uint64_t count_dropped(void)
{
    static const char name[] = "\nwebsub_spans_total{outcome=\"dropped\"} ";
    struct buffer text = {0};
    metrics_render(metrics, &text);
    const char *found = strstr(text.data, name);
    assert_non_null(found);
    uint64_t value = strtoull(found + strlen(name), NULL, 10);
    buffer_fini(&text);
    return value;
}

static void test_what_is_too_much_is_dropped_and_counted(void **state)
{
    (void)state;
    struct config config;
    struct tracer *tracer = start(&config);
    for (int i = 0; i < SPANS; i++) {
        struct span span = {.name = "publish", .kind = SPAN_PRODUCER};
        trace_context_root(true, &span.context);
        span_add_number(&span, "n", i);
        tracer_record(tracer, &span);
    }
    /* One batch may have been taken out meanwhile. */
    uint64_t dropped = count_dropped();
    assert_true(dropped <= SPANS - WAITING);
    assert_true(dropped >= SPANS - WAITING - BATCH);
    stop(tracer);
}

static void test_what_cannot_be_encoded_is_dropped_and_counted(void **state)
{
    (void)state;
    struct config config;
    struct tracer *tracer = start(&config);
    struct span span = {.name = "publish", .kind = SPAN_PRODUCER};
    trace_context_root(true, &span.context);
    span_add_text(&span, "no UTF-8", "\xff");
    tracer_record(tracer, &span);
    assert_int_equal(count_dropped(), 1);
    span.attribute_count = 0;
    span.error = "\xff";
    tracer_record(tracer, &span);
    assert_int_equal(count_dropped(), 2);
    stop(tracer);
}

static void test_publications_without_a_trace_are_sampled(void **state)
{
    (void)state;
    struct config config;
    struct tracer *tracer = start(&config);
    assert_false(tracer_samples(NULL));
    for (int i = 0; i < 1000; i++)
        assert_false(tracer_samples(tracer));
    stop(tracer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_too_much_is_dropped_and_counted),
        cmocka_unit_test(test_what_cannot_be_encoded_is_dropped_and_counted),
        cmocka_unit_test(test_publications_without_a_trace_are_sampled),
    };
    log_init("test", LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
