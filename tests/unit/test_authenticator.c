/* The chain of methods. Those of the hub are replaced by scripted ones: the makers here are linked
 * before the library's. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "hub/auth/authenticator.h"

struct fake {
    struct auth_method method;
    enum auth_outcome outcome;
    const char *reason;
    int64_t expires_ms;
    bool later;     /* answers when the test says so */
    bool in_thread; /* answers from another thread */
    int asked;
    struct auth_check *waiting;
    int freed;
};

static struct fake fakes[AUTH_CERTIFICATE + 1];
static char order[64]; /* first letters of those that were asked */
static struct auth_cache *the_cache;
static bool maker_fails;

static void answer(struct fake *fake, struct auth_check *check)
{
    if (fake->outcome == AUTH_GRANTED) {
        check->identity = identity_new(fake->method.name, fake->method.name, "");
        check->expires_ms = fake->expires_ms;
    } else {
        auth_check_set_reason(check, "%s", fake->reason ? fake->reason : fake->method.name);
    }
    check->done(check, fake->outcome);
}

static void *answer_in_thread(void *check)
{
    answer(((struct auth_check *)check)->context, check);
    return NULL;
}

static void fake_check(struct auth_method *method, struct auth_check *check)
{
    struct fake *fake = (struct fake *)(void *)method;
    fake->asked++;
    strncat(order, method->name, 1);
    if (fake->in_thread) {
        pthread_t thread;
        check->context = fake;
        pthread_create(&thread, NULL, answer_in_thread, check);
        pthread_join(thread, NULL);
    } else if (fake->later) {
        fake->waiting = check;
    } else {
        answer(fake, check);
    }
}

static void fake_free(struct auth_method *method)
{
    struct fake *fake = (struct fake *)(void *)method;
    fake->freed++;
    if (fake->waiting) {
        auth_check_set_reason(fake->waiting, "stopping");
        fake->waiting->done(fake->waiting, AUTH_UNAVAILABLE);
        fake->waiting = NULL;
    }
}

static struct auth_method *make(enum auth_mode mode, const char *name, unsigned kinds,
                                struct auth_cache *cache, struct error *error)
{
    if (maker_fails && mode == AUTH_MOSIP) {
        error_set(error, ERROR_CONFIG, false, "no");
        return NULL;
    }
    the_cache = cache;
    fakes[mode].method = (struct auth_method){name, kinds, fake_check, fake_free};
    return &fakes[mode].method;
}

#define MAKER(word, mode, kinds)                                                                   \
    struct auth_method *auth_##word##_new(const struct config *config, struct auth_cache *cache,   \
                                          struct error *error)                                     \
    {                                                                                              \
        (void)config;                                                                              \
        return make(mode, #word, kinds, cache, error);                                             \
    }
MAKER(jwt, AUTH_JWT, CREDENTIALS_TOKEN)
MAKER(introspection, AUTH_INTROSPECTION, CREDENTIALS_TOKEN)
MAKER(mosip, AUTH_MOSIP, CREDENTIALS_TOKEN)
MAKER(basic, AUTH_BASIC, CREDENTIALS_PASSWORD)
MAKER(certificate, AUTH_CERTIFICATE, CREDENTIALS_CERTIFICATE)

/* --- a question --- */

static struct counter granted, cached, refused, unavailable;
static struct authenticator *authenticator;

static void start_with(const int *modes, size_t count)
{
    static const struct authenticator_metrics metrics = {&granted, &cached, &refused, &unavailable};
    struct config config = {.auth.cache_time = 60000};
    struct error error;
    memset(fakes, 0, sizeof(fakes));
    memset(&granted, 0, sizeof(granted));
    memset(&cached, 0, sizeof(cached));
    memset(&refused, 0, sizeof(refused));
    memset(&unavailable, 0, sizeof(unavailable));
    order[0] = '\0';
    memcpy(config.auth.mode.items, modes, count * sizeof(*modes));
    config.auth.mode.count = count;
    for (size_t i = 0; i < ARRAY_COUNT(fakes); i++) {
        fakes[i].outcome = AUTH_REFUSED;
        fakes[i].expires_ms = INT64_MAX;
    }
    authenticator = authenticator_new(&config, &metrics, &error);
    assert_non_null(authenticator);
}
#define START(...)                                                                                 \
    do {                                                                                           \
        static const int modes_[] = {__VA_ARGS__};                                                 \
        start_with(modes_, ARRAY_COUNT(modes_));                                                   \
    } while (0)

struct question {
    struct authentication authentication;
    int answers;
    enum auth_outcome outcome;
};

static void on_done(struct authentication *authentication, enum auth_outcome outcome)
{
    struct question *question = (struct question *)(void *)authentication;
    question->answers++;
    question->outcome = outcome;
}

static void ask(struct question *question, const char *authorization, const char *certificate)
{
    memset(question, 0, sizeof(*question));
    question->authentication.done = on_done;
    assert_null(
        credentials_read(&question->authentication.credentials, authorization, NULL, certificate));
    authenticator_start(authenticator, &question->authentication);
}

/* Asks and checks who it is: NULL means nobody, for the reason. */
static void check(const char *authorization, const char *certificate, enum auth_outcome outcome,
                  const char *who_or_why)
{
    struct question question;
    ask(&question, authorization, certificate);
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.outcome, outcome);
    if (outcome == AUTH_GRANTED)
        assert_string_equal(question.authentication.identity->name, who_or_why);
    else
        assert_string_equal(question.authentication.reason, who_or_why);
    identity_unref(question.authentication.identity);
}

static void check_order(const char *expected)
{
    assert_string_equal(order, expected);
    order[0] = '\0';
}

/* --- tests --- */

static void methods_are_asked_in_their_order_until_one_grants(void **state)
{
    (void)state;
    START(AUTH_MOSIP, AUTH_JWT, AUTH_INTROSPECTION);
    check("Bearer a", NULL, AUTH_REFUSED, "introspection");
    check_order("mji");
    fakes[AUTH_JWT].outcome = AUTH_GRANTED;
    check("Bearer b", NULL, AUTH_GRANTED, "jwt");
    check_order("mj");
    fakes[AUTH_MOSIP].outcome = AUTH_GRANTED;
    check("Bearer c", NULL, AUTH_GRANTED, "mosip");
    check_order("m");
    authenticator_free(authenticator);
    assert_int_equal(fakes[AUTH_JWT].freed, 1);
    authenticator_free(NULL);
}

static void only_those_that_judge_what_is_offered_are_asked(void **state)
{
    (void)state;
    START(AUTH_JWT, AUTH_BASIC, AUTH_CERTIFICATE);
    check("Bearer a", NULL, AUTH_REFUSED, "jwt");
    check_order("j");
    check("Basic YTpi", NULL, AUTH_REFUSED, "basic");
    check_order("b");
    check(NULL, "CN=x", AUTH_REFUSED, "certificate");
    check_order("c");
    check("Bearer a", "CN=x", AUTH_REFUSED, "certificate");
    check_order("jc");
    authenticator_free(authenticator);
}

static void nothing_of_an_accepted_kind_is_missing(void **state)
{
    (void)state;
    START(AUTH_BASIC);
    fakes[AUTH_BASIC].outcome = AUTH_GRANTED;
    check(NULL, NULL, AUTH_MISSING, "authentication is required");
    check("Bearer a", "CN=x", AUTH_MISSING, "authentication is required");
    check_order("");
    assert_int_equal(atomic_load(&refused.value), 2);
    authenticator_free(authenticator);
}

/* Whoever cannot be judged now must not throw a token away that may be good. */
static void unavailable_beats_refused_and_granted_beats_both(void **state)
{
    static const enum auth_outcome outcomes[][3] = {
        {AUTH_UNAVAILABLE, AUTH_REFUSED, AUTH_UNAVAILABLE},
        {AUTH_REFUSED, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},
        {AUTH_UNAVAILABLE, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},
        {AUTH_UNAVAILABLE, AUTH_GRANTED, AUTH_GRANTED},
        {AUTH_REFUSED, AUTH_REFUSED, AUTH_REFUSED},
        {AUTH_MISSING, AUTH_REFUSED, AUTH_REFUSED},
    };
    static const char *const texts[] = {"down", "down", "down", "mosip", "no", "no"};
    (void)state;
    START(AUTH_JWT, AUTH_MOSIP);
    for (size_t i = 0; i < ARRAY_COUNT(outcomes); i++) {
        fakes[AUTH_JWT].outcome = outcomes[i][0];
        fakes[AUTH_MOSIP].outcome = outcomes[i][1];
        fakes[AUTH_JWT].reason = outcomes[i][0] == AUTH_UNAVAILABLE ? "down" : "no";
        fakes[AUTH_MOSIP].reason = outcomes[i][1] == AUTH_UNAVAILABLE ? "down" : "no";
        check("Bearer a", NULL, outcomes[i][2], texts[i]);
        check_order("jm");
        auth_cache_clear(the_cache);
    }
    assert_int_equal(atomic_load(&unavailable.value), 3);
    assert_int_equal(atomic_load(&granted.value), 1);
    assert_int_equal(atomic_load(&refused.value), 2);
    authenticator_free(authenticator);
}

static void good_tokens_are_remembered_and_bad_ones_are_not(void **state)
{
    (void)state;
    START(AUTH_JWT);
    check("Bearer a", NULL, AUTH_REFUSED, "jwt");
    fakes[AUTH_JWT].outcome = AUTH_GRANTED;
    check("Bearer a", NULL, AUTH_GRANTED, "jwt");
    check_order("jj");
    fakes[AUTH_JWT].outcome = AUTH_REFUSED;
    check("Bearer a", NULL, AUTH_GRANTED, "jwt");
    check_order("");
    assert_int_equal(atomic_load(&cached.value), 1);
    check("Bearer b", NULL, AUTH_REFUSED, "jwt");
    auth_cache_clear(the_cache);
    check("Bearer a", NULL, AUTH_REFUSED, "jwt");
    check_order("jj");
    authenticator_free(authenticator);
}

static void what_has_expired_is_not_remembered(void **state)
{
    (void)state;
    START(AUTH_JWT);
    fakes[AUTH_JWT].outcome = AUTH_GRANTED;
    fakes[AUTH_JWT].expires_ms = clock_wall_ms() - 1;
    check("Bearer a", NULL, AUTH_GRANTED, "jwt");
    check("Bearer a", NULL, AUTH_GRANTED, "jwt");
    check_order("jj");
    authenticator_free(authenticator);
}

/* Whom a certificate stands for is asked each time, and never goes to the token alone. */
static void a_certificate_is_never_remembered_for_a_token(void **state)
{
    (void)state;
    START(AUTH_JWT, AUTH_CERTIFICATE);
    fakes[AUTH_CERTIFICATE].outcome = AUTH_GRANTED;
    check("Bearer a", "CN=x", AUTH_GRANTED, "certificate");
    check("Bearer a", "CN=x", AUTH_GRANTED, "certificate");
    check_order("jcjc");
    check("Bearer a", NULL, AUTH_REFUSED, "jwt");
    check(NULL, "CN=x", AUTH_GRANTED, "certificate");
    authenticator_free(authenticator);
}

/* Nor does the cache go before a certificate that is asked about first. */
static void what_a_token_is_good_for_does_not_go_before_a_certificate(void **state)
{
    (void)state;
    START(AUTH_CERTIFICATE, AUTH_JWT);
    fakes[AUTH_CERTIFICATE].outcome = fakes[AUTH_JWT].outcome = AUTH_GRANTED;
    check("Bearer a", NULL, AUTH_GRANTED, "jwt");
    check("Bearer a", "CN=x", AUTH_GRANTED, "certificate");
    check("Bearer a", NULL, AUTH_GRANTED, "jwt");
    check_order("jc");
    authenticator_free(authenticator);
}

static void answers_may_come_later_and_from_other_threads(void **state)
{
    struct question question;
    (void)state;
    START(AUTH_JWT, AUTH_MOSIP);
    fakes[AUTH_JWT].later = true;
    fakes[AUTH_MOSIP].in_thread = true;
    fakes[AUTH_MOSIP].outcome = AUTH_GRANTED;
    ask(&question, "Bearer a", NULL);
    assert_int_equal(question.answers, 0);
    answer(&fakes[AUTH_JWT], fakes[AUTH_JWT].waiting);
    fakes[AUTH_JWT].waiting = NULL;
    assert_int_equal(question.answers, 1);
    assert_string_equal(question.authentication.identity->name, "mosip");
    identity_unref(question.authentication.identity);
    authenticator_free(authenticator);
}

static void what_is_judged_while_keys_change_is_not_remembered(void **state)
{
    struct question question;
    (void)state;
    START(AUTH_JWT);
    fakes[AUTH_JWT].later = true;
    fakes[AUTH_JWT].outcome = AUTH_GRANTED;
    ask(&question, "Bearer a", NULL);
    auth_cache_clear(the_cache);
    answer(&fakes[AUTH_JWT], fakes[AUTH_JWT].waiting);
    assert_int_equal(question.outcome, AUTH_GRANTED);
    identity_unref(question.authentication.identity);
    ask(&question, "Bearer a", NULL);
    assert_int_equal(question.answers, 0);
    assert_int_equal(fakes[AUTH_JWT].asked, 2);
    authenticator_free(authenticator); /* settles it */
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.outcome, AUTH_UNAVAILABLE);
    assert_string_equal(question.authentication.reason, "stopping");
}

static void a_method_that_cannot_start_stops_the_start(void **state)
{
    struct config config = {.auth.mode = {{AUTH_JWT, AUTH_MOSIP}, 2}};
    const struct authenticator_metrics metrics = {0};
    struct error error;
    (void)state;
    memset(fakes, 0, sizeof(fakes));
    maker_fails = true;
    assert_null(authenticator_new(&config, &metrics, &error));
    maker_fails = false;
    assert_string_equal(error.message, "no");
    assert_int_equal(fakes[AUTH_JWT].freed, 1);
}

static void append(void *context, const char *value)
{
    strcat(context, value);
    strcat(context, "\n");
}

static void challenges_name_what_is_accepted(void **state)
{
    char values[1024] = "", long_reason[1000];
    (void)state;
    START(AUTH_JWT, AUTH_BASIC, AUTH_MOSIP);
    authenticator_challenge(authenticator, NULL, append, values);
    assert_string_equal(values, "Bearer realm=\"websub\"\n"
                                "Basic realm=\"websub\", charset=\"UTF-8\"\n");
    values[0] = '\0';
    authenticator_challenge(authenticator, "it's \"old\"\\\r\nX: \xc3\xbc", append, values);
    assert_string_equal(values, "Bearer realm=\"websub\", error=\"invalid_token\", "
                                "error_description=\"it's 'old''''X: ''\"\n"
                                "Basic realm=\"websub\", charset=\"UTF-8\"\n");
    memset(long_reason, 'x', sizeof(long_reason));
    long_reason[999] = values[0] = '\0';
    authenticator_challenge(authenticator, long_reason, append, values);
    assert_non_null(strstr(values, "xxx\"\nBasic"));
    authenticator_free(authenticator);
    START(AUTH_BASIC);
    values[0] = '\0';
    authenticator_challenge(authenticator, "wrong", append, values);
    assert_string_equal(values, "Basic realm=\"websub\", charset=\"UTF-8\"\n");
    authenticator_free(authenticator);
    START(AUTH_CERTIFICATE);
    values[0] = '\0';
    authenticator_challenge(authenticator, NULL, append, values);
    assert_string_equal(values, "Certificate realm=\"websub\"\n");
    authenticator_free(authenticator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_asked_in_their_order_until_one_grants),
        cmocka_unit_test(only_those_that_judge_what_is_offered_are_asked),
        cmocka_unit_test(nothing_of_an_accepted_kind_is_missing),
        cmocka_unit_test(unavailable_beats_refused_and_granted_beats_both),
        cmocka_unit_test(good_tokens_are_remembered_and_bad_ones_are_not),
        cmocka_unit_test(what_has_expired_is_not_remembered),
        cmocka_unit_test(a_certificate_is_never_remembered_for_a_token),
        cmocka_unit_test(what_a_token_is_good_for_does_not_go_before_a_certificate),
        cmocka_unit_test(answers_may_come_later_and_from_other_threads),
        cmocka_unit_test(what_is_judged_while_keys_change_is_not_remembered),
        cmocka_unit_test(a_method_that_cannot_start_stops_the_start),
        cmocka_unit_test(challenges_name_what_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
