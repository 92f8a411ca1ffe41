/* auth.mode "basic": names with passwords against the users file. */
#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/panic.h"
#include "hub/auth/cache.h"
#include "hub/auth/method.h"
#include "tests/unit/password_hashes.h"

static char path[] = "/tmp/websub-users-XXXXXX";

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_file(void **state)
{
    (void)state;
    return close(mkstemp(path));
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* --- the method --- */

struct question {
    struct auth_check check;
    struct credentials credentials;
    char text[2000];
    int answers;
    enum auth_outcome outcome;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

static void on_done(struct auth_check *check, enum auth_outcome outcome)
{
    struct question *question = (struct question *)(void *)check;
    pthread_mutex_lock(&lock);
    question->answers++;
    question->outcome = outcome;
    pthread_cond_broadcast(&answered);
    pthread_mutex_unlock(&lock);
}

static void wait_for(struct question *question)
{
    pthread_mutex_lock(&lock);
    while (question->answers == 0)
        pthread_cond_wait(&answered, &lock);
    pthread_mutex_unlock(&lock);
}

static void ask_base64(struct auth_method *method, struct question *question, const char *base64)
{
    memset(question, 0, sizeof(*question));
    snprintf(question->text, sizeof(question->text), "%s", base64);
    question->credentials = (struct credentials){.kinds = CREDENTIALS_PASSWORD,
                                                 .password = question->text,
                                                 .password_length = strlen(question->text)};
    question->check.credentials = &question->credentials;
    question->check.done = on_done;
    method->check(method, &question->check);
}

static void ask(struct auth_method *method, struct question *question, const char *plain,
                size_t length)
{
    unsigned char base64[2000];
    EVP_EncodeBlock(base64, (const unsigned char *)plain, (int)length);
    ask_base64(method, question, (const char *)base64);
}

static struct auth_cache *cache;

static struct auth_method *start(const char *users)
{
    static struct config config;
    struct error error;
    write_file(users);
    config.auth.basic_users_file = path;
    config.auth.user_prefix = "";
    cache = auth_cache_new(1000);
    struct auth_method *method = auth_basic_new(&config, cache, &error);
    if (!method)
        fail_msg("%s", error.message);
    assert_int_equal(method->kinds, CREDENTIALS_PASSWORD);
    return method;
}

static void stop(struct auth_method *method)
{
    method->free(method);
    auth_cache_free(cache);
}

static void names_and_passwords_are_judged(void **state)
{
    static char long_password[600] = "alice:";
    static const struct {
        const char *plain;
        size_t length; /* 0: strlen */
        enum auth_outcome outcome;
    } cases[] = {
        {"alice:password", 0, AUTH_GRANTED},
        {"alice:password2", 0, AUTH_REFUSED},
        {"alice:", 0, AUTH_REFUSED},
        {"alice", 0, AUTH_REFUSED},
        {":password", 0, AUTH_REFUSED},
        {":", 0, AUTH_REFUSED},
        {"bob:password", 0, AUTH_REFUSED},
        {"alice:password:x", 0, AUTH_REFUSED},
        {"alice:password\0", 15, AUTH_REFUSED},
        {"alice\0:password", 15, AUTH_REFUSED},
        {"alice:pass\xff", 0, AUTH_REFUSED},
        {"alice:password\n", 0, AUTH_REFUSED},
        {long_password, 0, AUTH_REFUSED},
        {" alice:password", 0, AUTH_REFUSED},
    };
    struct auth_method *method = start("alice:" BCRYPT_2Y ":r\n");
    (void)state;
    memset(long_password + 6, 'x', sizeof(long_password) - 7);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct question question;
        size_t length = cases[i].length ? cases[i].length : strlen(cases[i].plain);
        ask(method, &question, cases[i].plain, length);
        wait_for(&question);
        if (question.outcome != cases[i].outcome)
            fail_msg("case %zu: %s", i, question.check.reason);
        if (question.outcome == AUTH_GRANTED)
            assert_string_equal(question.check.identity->name, "alice");
        else
            assert_true(question.check.reason[0] != '\0');
        assert_null(strstr(question.check.reason, "alice"));
        identity_unref(question.check.identity);
    }
    stop(method);
}

/* A reason that differs would tell which names there are. */
static void unknown_names_are_refused_with_the_same_words(void **state)
{
    struct question known, unknown;
    struct auth_method *method = start("alice:" BCRYPT_2Y ":r\n");
    (void)state;
    ask(method, &known, "alice:x", 7);
    ask(method, &unknown, "bob:x", 5);
    wait_for(&known);
    wait_for(&unknown);
    assert_string_equal(known.check.reason, unknown.check.reason);
    stop(method);
}

static void what_is_no_base64_is_refused_at_once(void **state)
{
    static const char *const texts[] = {
        "x",
        "YWxpY2U6cGFzc3dvcm",
        "YWxpY2U6cGFzc3dvcmQ",
        "YWxpY2U6cGFzc3dvcmQ=x",
        "====",
        "YWxpY2U6cGFzc3dvcmQ-",
        "YWxp=Y2U6cGFzc3dvcmQ=",
        "YWxpY2U6cGFzc3dvcmQ=====",
        "YWxp----",
        "____",
        "=YWxpY2U6cGFzc3dvcmQ",
        "YQ==YQ==",
    };
    struct auth_method *method = start("alice:" BCRYPT_2Y ":r\n");
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct question question;
        ask_base64(method, &question, texts[i]);
        if (question.answers != 1 || question.outcome != AUTH_REFUSED)
            fail_msg("'%s'", texts[i]);
    }
    stop(method);
}

/* More different ones than can wait: some are told to come back, all are answered once. */
static void what_does_not_fit_in_the_queue_is_unavailable(void **state)
{
    enum { COUNT = 100 };
    struct question *questions = xcalloc(COUNT, sizeof(*questions));
    int count[4] = {0};
    struct auth_method *method = start("alice:" YESCRYPT_USUAL ":r\n");
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        char plain[32];
        ask(method, &questions[i], plain, (size_t)snprintf(plain, sizeof(plain), "alice:%d", i));
    }
    /* the end of the method settles what still waits */
    stop(method);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(questions[i].answers, 1);
        count[questions[i].outcome]++;
    }
    assert_true(count[AUTH_UNAVAILABLE] >= 1);
    assert_int_equal(count[AUTH_GRANTED] + count[AUTH_MISSING], 0);
    free(questions);
}

/* A client with many connections: one hash, and no place in the queue for each. */
static void the_same_credentials_share_a_check(void **state)
{
    enum { COUNT = 500 };
    struct question *questions = xcalloc(COUNT, sizeof(*questions)), first;
    struct auth_method *method = start("alice:" YESCRYPT_USUAL ":r\n");
    (void)state;
    ask(method, &first, "alice:wrong", 11); /* keeps the worker busy */
    for (int i = 0; i < COUNT; i++)
        ask(method, &questions[i], "alice:password", 14);
    for (int i = 0; i < COUNT; i++) {
        wait_for(&questions[i]);
        assert_int_equal(questions[i].outcome, AUTH_GRANTED);
        identity_unref(questions[i].check.identity);
    }
    wait_for(&first);
    assert_int_equal(first.outcome, AUTH_REFUSED);
    stop(method);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(questions[i].answers, 1);
    free(questions);
}

static void new_users_count_and_clear_the_cache(void **state)
{
    struct question question;
    struct auth_method *method = start("alice:" BCRYPT_2Y ":r\n");
    unsigned before = auth_cache_generation(cache);
    (void)state;
    ask(method, &question, "bob:password", 12);
    wait_for(&question);
    assert_int_equal(question.outcome, AUTH_REFUSED);
    write_file("bob:" BCRYPT_2Y "\n");
    for (int i = 0; i < 600 && auth_cache_generation(cache) == before; i++)
        usleep(50000);
    assert_int_not_equal(auth_cache_generation(cache), before);
    ask(method, &question, "bob:password", 12);
    wait_for(&question);
    assert_int_equal(question.outcome, AUTH_GRANTED);
    identity_unref(question.check.identity);
    ask(method, &question, "alice:password", 14);
    wait_for(&question);
    assert_int_equal(question.outcome, AUTH_REFUSED);
    stop(method);
}

static void a_bad_file_stops_the_start(void **state)
{
    struct config config = {.auth.basic_users_file = path, .auth.user_prefix = ""};
    struct error error;
    (void)state;
    write_file("# comment\nalice:x92cHnkSt8Mqk:r\n");
    assert_null(auth_basic_new(&config, NULL, &error));
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_non_null(strstr(error.message, "auth.basic_users_file"));
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.message, "line 2"));
    assert_null(strstr(error.message, "x92c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_passwords_are_judged),
        cmocka_unit_test(unknown_names_are_refused_with_the_same_words),
        cmocka_unit_test(what_is_no_base64_is_refused_at_once),
        cmocka_unit_test(what_does_not_fit_in_the_queue_is_unavailable),
        cmocka_unit_test(the_same_credentials_share_a_check),
        cmocka_unit_test(new_users_count_and_clear_the_cache),
        cmocka_unit_test(a_bad_file_stops_the_start),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
