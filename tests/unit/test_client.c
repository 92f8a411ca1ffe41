/* libwebsub's and the websub command's pure parts: answers, verifications, deliveries, endpoints.
 */
#include "tests/unit/unit.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/answer.h"
#include "client/authorization.h"
#include "client/delivery.h"
#include "client/endpoint.h"
#include "client/options.h"
#include "client/websub.h"
#include "common/signature.h"

#define FORM "application/x-www-form-urlencoded"

static int judge(int status, const char *type, const char *body, struct websub_error *error)
{
    struct answer answer = {.status = status, .content_type = type ? strdup(type) : NULL};
    buffer_append_string(&answer.body, body);
    int result = answer_judge(&answer, error);
    answer_fini(&answer);
    return result;
}

static void answers_with_success_are_accepted(void **state)
{
    struct websub_error error;
    (void)state;
    assert_int_equal(judge(200, FORM, "hub.mode=accepted", &error), 0);
    assert_int_equal(judge(202, NULL, "", &error), 0);
    assert_int_equal(judge(204, NULL, "", &error), 0);
    assert_int_equal(judge(202, FORM "; charset=utf-8", "%zz", &error), 0);
}

static void answers_without_success_are_classified(void **state)
{
    static const struct {
        int status;
        const char *type, *body;
        enum websub_error_code code;
        const char *part;
    } cases[] = {
        {400, FORM, "hub.mode=denied&hub.reason=no+such+topic", WEBSUB_ERROR_DENIED,
         "no such topic"},
        {200, FORM ";charset=UTF-8", "hub.mode=denied&hub.reason=no", WEBSUB_ERROR_DENIED, "no"},
        {404, "text/html", "<html>", WEBSUB_ERROR_DENIED, "HTTP status 404"},
        {400, "text/plain", "first\nsecond", WEBSUB_ERROR_DENIED, "first (HTTP"},
        {400, "text/plain", "a\x1b[31mb\xff", WEBSUB_ERROR_DENIED, "a?[31mb"},
        {429, NULL, "", WEBSUB_ERROR_UNAVAILABLE, "429"},
        {501, NULL, "", WEBSUB_ERROR_DENIED, "501"},
        {503, FORM, "hub.mode=denied&hub.reason=Kafka", WEBSUB_ERROR_UNAVAILABLE, "Kafka"},
        {302, NULL, "", WEBSUB_ERROR_PROTOCOL, "302"},
        {307, NULL, "", WEBSUB_ERROR_PROTOCOL, "307"},
        {0, NULL, "", WEBSUB_ERROR_PROTOCOL, "0"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct websub_error error = {0};
        assert_int_equal(judge(cases[i].status, cases[i].type, cases[i].body, &error), -1);
        assert_int_equal(error.code, cases[i].code);
        assert_int_equal(error.http_status, cases[i].status);
        if (!strstr(error.message, cases[i].part))
            fail_msg("'%s' does not contain '%s'", error.message, cases[i].part);
    }
}

static void an_overlong_reason_is_cut(void **state)
{
    struct websub_error error;
    struct buffer body = {0};
    (void)state;
    buffer_append_string(&body, "hub.reason=");
    for (int i = 0; i < 2000; i++)
        buffer_append_string(&body, "x");
    assert_int_equal(judge(400, FORM, body.data, &error), -1);
    assert_non_null(strstr(error.message, "x (HTTP status 400)"));
    buffer_fini(&body);
}

static void verifications_are_read(void **state)
{
    struct websub_verification v;
    struct websub_error error;
    (void)state;
    assert_int_equal(
        websub_verification_parse("hub.mode=subscribe&hub.topic=a%2Fb&hub.challenge=c%20"
                                  "d&hub.lease_seconds=60",
                                  &v, &error),
        0);
    assert_int_equal(v.intent, WEBSUB_INTENT_SUBSCRIBE);
    assert_string_equal(v.topic, "a/b");
    assert_string_equal(v.challenge, "c d");
    assert_int_equal(v.lease_seconds, 60);
    assert_null(v.reason);
    websub_verification_fini(&v);

    assert_int_equal(
        websub_verification_parse("hub.mode=denied&hub.topic=t&hub.reason=no", &v, &error), 0);
    assert_int_equal(v.intent, WEBSUB_INTENT_DENIED);
    assert_string_equal(v.reason, "no");
    assert_null(v.challenge);
    websub_verification_fini(&v);
}

static void the_hubs_parameters_win_over_the_callbacks_own(void **state)
{
    struct websub_verification v;
    struct websub_error error;
    (void)state;
    assert_int_equal(
        websub_verification_parse("hub.mode=denied&hub.topic=evil&id=3&hub.mode=unsubscribe&"
                                  "hub.topic=t&hub.challenge=x",
                                  &v, &error),
        0);
    assert_int_equal(v.intent, WEBSUB_INTENT_UNSUBSCRIBE);
    assert_string_equal(v.topic, "t");
    websub_verification_fini(&v);
}

static void bad_verifications_are_refused(void **state)
{
    static const char *const queries[] = {
        "",
        "hub.mode=subscribe",
        "hub.mode=subscribe&hub.topic=t",
        "hub.mode=subscribe&hub.topic=t&hub.challenge=",
        "hub.mode=subscribe&hub.topic=&hub.challenge=x",
        "hub.mode=publish&hub.topic=t&hub.challenge=x",
        "hub.topic=t&hub.challenge=x",
        "hub.mode=subscribe&hub.topic=t&hub.challenge=x&hub.lease_seconds=-1",
        "hub.mode=subscribe&hub.topic=t&hub.challenge=x&hub.lease_seconds=1x",
        "hub.mode=subscribe&hub.topic=t&hub.challenge=x&hub.lease_seconds=99999999999999999999",
        "hub.mode=subscribe&hub.topic=%00&hub.challenge=x",
        "hub.mode=subscribe&hub.topic=%zz&hub.challenge=x",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        struct websub_verification v;
        struct websub_error error;
        if (websub_verification_parse(queries[i], &v, &error) != -1)
            fail_msg("accepted: %s", queries[i]);
    }
}

static void requests_with_bad_arguments_are_not_sent(void **state)
{
    /* A port that nobody serves: an attempt would be ERROR_UNAVAILABLE. */
    const struct websub_client_options options = {.hub_url = "http://127.0.0.1:1/hub"};
    const struct websub_client_options bad_options = {.hub_url = "file:///etc/passwd"};
    const struct websub_message empty = {"t", NULL, "", 0};
    const struct websub_message split = {"t", "text/plain\r\nX: y", "x", 1};
    const struct websub_subscription no_url = {.topic = "t", .callback = "nowhere"};
    const struct websub_subscription empty_secret = {
        .topic = "t", .callback = "http://a.example/", .secret = ""};
    struct websub_error error;
    (void)state;
    assert_null(websub_client_new(&bad_options, &error));
    struct websub_client *client = websub_client_new(&options, &error);
    assert_non_null(client);
    assert_int_equal(websub_register(client, NULL, &error), -1);
    assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
    assert_int_equal(websub_publish(client, &empty, NULL, &error), -1);
    assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
    assert_int_equal(websub_publish(client, &split, NULL, &error), -1);
    assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
    assert_int_equal(websub_subscribe(client, &no_url, &error), -1);
    assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
    assert_int_equal(websub_subscribe(client, &empty_secret, &error), -1);
    assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
    assert_int_equal(websub_unsubscribe(client, "t", "http://a.example/#x", &error), -1);
    assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
    websub_client_free(client);
}

static void who_asks_is_a_header_line(void **state)
{
    static const struct {
        const char *token, *user, *line; /* NULL: refused */
    } cases[] = {
        {NULL, NULL, ""},
        {"abc-._~+/==", NULL, "Authorization: Bearer abc-._~+/=="},
        {NULL, "alice:password", "Authorization: Basic YWxpY2U6cGFzc3dvcmQ="},
        {NULL, "a:", "Authorization: Basic YTo="},
        {NULL, "a:b:c", "Authorization: Basic YTpiOmM="},
        {NULL, "J\xc3\xbcrgen:x y", "Authorization: Basic SsO8cmdlbjp4IHk="},
        {"", NULL, NULL},
        {"a b", NULL, NULL},
        {"a\r\nX: y", NULL, NULL},
        {"\xc3\xbc", NULL, NULL},
        {NULL, "", NULL},
        {NULL, "alice", NULL},
        {NULL, ":x", NULL},
        {NULL, "alice:x\n", NULL},
        {NULL, "alice:\xff", NULL},
        {"abc", "alice:x", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct websub_client_options options = {.hub_url = "http://127.0.0.1:1/hub",
                                                      .bearer_token = cases[i].token,
                                                      .user_password = cases[i].user};
        struct websub_error error = {0};
        char *line = NULL;
        int result = authorization_make(&options, &line, &error);
        struct websub_client *client = websub_client_new(&options, &error);
        if ((result == 0) != (cases[i].line != NULL) || !client != !cases[i].line)
            fail_msg("case %zu", i);
        if (cases[i].line)
            assert_string_equal(line ? line : "", cases[i].line);
        else
            assert_int_equal(error.code, WEBSUB_ERROR_ARGUMENT);
        authorization_free(line);
        websub_client_free(client);
    }
}

static const struct subcommand asking = {
    .name = "ask", .arguments = "", .options = {OPTION_TOKEN_FILE, OPTION_USER_FILE}};

/* @returns the exit code, or -1: it may run. The strings are "-" when there are none. */
static int read_credentials(const char *token_option, const char *user_option,
                            const char *token_variable, const char *user_variable,
                            struct command_options *options)
{
    char *arguments[6] = {(char *)(uintptr_t) "ask"};
    int count = 1;
    if (token_option) {
        arguments[count++] = (char *)(uintptr_t) "--token-file";
        arguments[count++] = (char *)(uintptr_t)token_option;
    }
    if (user_option) {
        arguments[count++] = (char *)(uintptr_t) "--user-file";
        arguments[count++] = (char *)(uintptr_t)user_option;
    }
    setenv("WEBSUB_TOKEN_FILE", token_variable ? token_variable : "", 1);
    setenv("WEBSUB_USER_FILE", user_variable ? user_variable : "", 1);
    optind = 0;
    int result = options_read(&asking, count, arguments, options);
    unsetenv("WEBSUB_TOKEN_FILE");
    unsetenv("WEBSUB_USER_FILE");
    return result;
}

static char *make_file(const char *content, size_t length)
{
    char *path = strdup("/tmp/websub-client-XXXXXX");
    int descriptor = mkstemp(path);
    assert_int_equal(write(descriptor, content, length), (ssize_t)length);
    close(descriptor);
    return path;
}

static void tokens_and_passwords_come_from_files(void **state)
{
    char *token = make_file("abc\r\n", 5), *user = make_file("alice:x", 7);
    struct command_options options;
    (void)state;
    assert_int_equal(read_credentials(NULL, NULL, NULL, NULL, &options), -1);
    assert_true(!options.token && !options.user);
    options_fini(&options);
    assert_int_equal(read_credentials(token, NULL, NULL, NULL, &options), -1);
    assert_string_equal(options.token, "abc");
    options_fini(&options);
    assert_int_equal(read_credentials(NULL, user, NULL, NULL, &options), -1);
    assert_string_equal(options.user, "alice:x");
    options_fini(&options);
    assert_int_equal(read_credentials(NULL, NULL, token, NULL, &options), -1);
    assert_string_equal(options.token, "abc");
    options_fini(&options);
    /* an option goes before the environment */
    assert_int_equal(read_credentials(NULL, user, token, NULL, &options), -1);
    assert_true(!options.token && options.user);
    options_fini(&options);
    assert_int_equal(read_credentials(token, user, NULL, NULL, &options), COMMAND_USAGE);
    options_fini(&options);
    assert_int_equal(read_credentials(NULL, NULL, token, user, &options), COMMAND_USAGE);
    options_fini(&options);
    unlink(token);
    unlink(user);
    free(token);
    free(user);
}

static void files_that_cannot_be_used_are_refused(void **state)
{
    static char huge[8193];
    struct command_options options;
    (void)state;
    memset(huge, 'x', sizeof(huge));
    char *paths[] = {strdup("/nowhere/token"), strdup("/tmp"), make_file("a\0b", 3),
                     make_file(huge, sizeof(huge))};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        assert_int_equal(read_credentials(paths[i], NULL, NULL, NULL, &options), COMMAND_USAGE);
        options_fini(&options);
        assert_int_equal(read_credentials(NULL, NULL, NULL, paths[i], &options), COMMAND_USAGE);
        options_fini(&options);
        unlink(paths[i]);
        free(paths[i]);
    }
}

static struct delivery received(const char *body, size_t length)
{
    return (struct delivery){
        .number = 1, .topic = "t", .content_type = "text/plain", .body = body, .length = length};
}

static void deliveries_are_judged(void **state)
{
    char right[SIGNATURE_HEADER_SIZE];
    struct buffer expected = {0};
    (void)state;
    signature_compute(SIGNATURE_SHA256, "s", 1, "body", 4, right);
    buffer_append_string(&expected, "body");
    const struct delivery_expectation none = {0};
    const struct delivery_expectation all = {"s", "text/plain", &expected};

    struct delivery delivery = received("body", 4);
    delivery_judge(&delivery, &none);
    assert_int_equal(delivery.signature, DELIVERY_UNSIGNED);
    assert_true(delivery_is_good(&delivery));
    delivery_judge(&delivery, &all);
    assert_int_equal(delivery.signature, DELIVERY_NOT_SIGNED);
    assert_false(delivery_is_authentic(&delivery));

    delivery.signature_header = right;
    delivery_judge(&delivery, &all);
    assert_int_equal(delivery.signature, DELIVERY_VALID);
    assert_true(delivery_is_good(&delivery));
    delivery_judge(&delivery, &none);
    assert_int_equal(delivery.signature, DELIVERY_UNCHECKED);

    delivery = received("Body", 4);
    delivery.signature_header = right;
    delivery_judge(&delivery, &all);
    assert_int_equal(delivery.signature, DELIVERY_INVALID);
    assert_int_equal(delivery.content, DELIVERY_DIFFERENT);
    delivery.content_type = "text/html";
    delivery_judge(&delivery, &all);
    assert_int_equal(delivery.type, DELIVERY_DIFFERENT);
    buffer_fini(&expected);
}

static void a_terminal_is_never_given_control_characters(void **state)
{
    static const char hostile[] = "a\x1b[2J\xc2\x9b"
                                  "b\0\xff\r\nz\t\x7f";
    (void)state;
    for (size_t cut = 0; cut <= sizeof(hostile); cut++) {
        struct buffer out = {0};
        struct delivery delivery = received(hostile, cut);
        delivery.message_id = hostile;
        delivery.content_type = "x\x1b]0;y\x07";
        delivery_append_text(&out, &delivery);
        for (size_t i = 0; i < out.length; i++) {
            unsigned char c = (unsigned char)out.data[i];
            assert_true(c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f));
            assert_false(c == 0xc2 && (unsigned char)out.data[i + 1] < 0xa0);
        }
        buffer_fini(&out);
    }
}

static void long_bodies_are_shown_in_part(void **state)
{
    char *body = calloc(1, 100000);
    struct buffer out = {0};
    (void)state;
    struct delivery delivery = received(body, 100000);
    delivery_append_text(&out, &delivery);
    assert_true(out.length < 4000);
    assert_non_null(strstr(out.data, "bytes more"));
    memset(body, 'x', 100000);
    buffer_clear(&out);
    delivery_append_text(&out, &delivery);
    assert_true(out.length < 20000);
    assert_non_null(strstr(out.data, "bytes more"));
    buffer_fini(&out);
    free(body);
}

static json_t *as_json(const struct delivery *delivery)
{
    struct buffer out = {0};
    delivery_append_json(&out, delivery);
    assert_int_equal(out.data[out.length - 1], '\n');
    assert_ptr_equal(strchr(out.data, '\n'), out.data + out.length - 1);
    json_t *object = json_loadb(out.data, out.length, JSON_ALLOW_NUL, NULL);
    buffer_fini(&out);
    assert_non_null(object);
    return object;
}

static void json_keeps_every_byte(void **state)
{
    (void)state;
    struct delivery text = received("\xc3\xbc\n\0x", 5);
    text.message_id = "id\xff";
    json_t *object = as_json(&text);
    const json_t *body = json_object_get(object, "body");
    assert_int_equal(json_string_length(body), 5);
    assert_memory_equal(json_string_value(body), "\xc3\xbc\n\0x", 5);
    assert_true(json_is_true(json_object_get(object, "good")));
    json_decref(object);

    struct delivery binary = received("\xff\0\x01", 3);
    object = as_json(&binary);
    assert_null(json_object_get(object, "body"));
    assert_string_equal(json_string_value(json_object_get(object, "body_base64")), "/wAB");
    json_decref(object);
}

static void endpoints_follow_listen_and_callback(void **state)
{
    static const struct {
        const char *listen, *callback, *address;
        int port; /* 0: any but 0 */
        const char *path;
    } cases[] = {
        {"127.0.0.1:8080", "https://a.example/x/y?q=1", "127.0.0.1", 8080, "/x/y"},
        {"[::1]:8080", "https://a.example?q=/z", "::1", 8080, "/"},
        {"8080", "https://a.example", "127.0.0.1", 8080, "/"},
        {NULL, "http://127.0.0.1:81/cb", "127.0.0.1", 81, "/cb"},
        {NULL, "http://localhost:81/cb", "127.0.0.1", 81, "/cb"},
        {NULL, "http://[::1]/cb", "::1", 80, "/cb"},
        {"0.0.0.0:0", "https://a.example/c", "0.0.0.0", 0, "/c"},
        {NULL, NULL, "127.0.0.1", 0, NULL},
        {"8080", "https://a.example/~x/%2Fy", "127.0.0.1", 8080, "/~x/%2Fy"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct endpoint endpoint;
        struct error error;
        if (endpoint_init(&endpoint, cases[i].listen, cases[i].callback, &error) != 0)
            fail_msg("case %zu: %s", i, error.message);
        assert_string_equal(endpoint.address, cases[i].address);
        assert_true(cases[i].port ? endpoint.port == cases[i].port : endpoint.port != 0);
        if (cases[i].path)
            assert_string_equal(endpoint.path, cases[i].path);
        if (cases[i].callback)
            assert_string_equal(endpoint.callback, cases[i].callback);
        endpoint_fini(&endpoint);
    }
}

static void bad_endpoints_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"", NULL},
        {":", NULL},
        {"127.0.0.1", NULL},
        {"127.0.0.1:", NULL},
        {"127.0.0.1:65536", NULL},
        {"127.0.0.1:-1", NULL},
        {"127.0.0.1:80x", NULL},
        {"::1:8080", NULL},
        {"a.example:8080", NULL},
        {"0.0.0.0:8080", NULL},
        {NULL, "https://a.example/x"},
        {NULL, "nowhere"},
        {"8080", "http://a.example/#fragment"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct endpoint endpoint;
        struct error error;
        if (endpoint_init(&endpoint, cases[i][0], cases[i][1], &error) != -1)
            fail_msg("case %zu was accepted", i);
        endpoint_fini(&endpoint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_with_success_are_accepted),
        cmocka_unit_test(answers_without_success_are_classified),
        cmocka_unit_test(an_overlong_reason_is_cut),
        cmocka_unit_test(verifications_are_read),
        cmocka_unit_test(the_hubs_parameters_win_over_the_callbacks_own),
        cmocka_unit_test(bad_verifications_are_refused),
        cmocka_unit_test(requests_with_bad_arguments_are_not_sent),
        cmocka_unit_test(who_asks_is_a_header_line),
        cmocka_unit_test(tokens_and_passwords_come_from_files),
        cmocka_unit_test(files_that_cannot_be_used_are_refused),
        cmocka_unit_test(deliveries_are_judged),
        cmocka_unit_test(a_terminal_is_never_given_control_characters),
        cmocka_unit_test(long_bodies_are_shown_in_part),
        cmocka_unit_test(json_keeps_every_byte),
        cmocka_unit_test(endpoints_follow_listen_and_callback),
        cmocka_unit_test(bad_endpoints_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
