/* Secrets in the state: brought under the current key when written, counted, and never lost. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "consolidator/partition.h"
#include "consolidator/secrets.h"
#include "tests/unit/folding.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static struct keyring *old_keys, *new_keys;

static struct keyring *make_keyring(const char *first, const char *second, const char *third)
{
    struct error error;
    char *items[] = {TEXT(first), TEXT(second), TEXT(third)};
    const struct string_list list = {items, 1 + (size_t)(second != NULL) + (third != NULL)};
    struct keyring *keyring = keyring_new(&list, &error);
    assert_non_null(keyring);
    return keyring;
}

#define OLD   "old=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NEW   "new=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define MOSIP "mosip=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

enum { COUNT_NEW, COUNT_OLD, COUNT_MOSIP, COUNT_UNKNOWN, COUNT_PLAIN, COUNTS };

static int set_up(void **state)
{
    (void)state;
    old_keys = make_keyring(OLD, NULL, NULL);
    new_keys = make_keyring(NEW, OLD, MOSIP);
    assert_int_equal(secrets_count_size(new_keys), COUNTS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    keyring_free(old_keys);
    keyring_free(new_keys);
    return 0;
}

/** An active subscription with one request that waits; their secrets are taken over. */
static struct subscription_state *make_state(struct stored_secret secret,
                                             struct stored_secret waiting)
{
    struct subscription_state *s = xcalloc(1, sizeof(*s));
    s->topic = xstrdup(TOPIC);
    s->callback = xstrdup(CALLBACK);
    id_subscription(TOPIC, CALLBACK, s->id);
    s->status = SUBSCRIPTION_ACTIVE;
    s->location.kafka_topic = xstrdup(KAFKA);
    s->pending = xcalloc(1, sizeof(*s->pending));
    s->pending_count = 1;
    strcpy(s->pending->request_id, request_id('p'));
    s->pending->location.kafka_topic = xstrdup(KAFKA);
    s->pending->lease_seconds = 100;
    s->secret = secret;
    s->pending->secret = waiting;
    return s;
}

static struct stored_secret sealed(const struct keyring *keyring, const char *plain)
{
    char id[ID_HEX_SIZE];
    struct stored_secret secret;
    id_subscription(TOPIC, CALLBACK, id);
    keyring_seal(keyring, id, plain, &secret);
    return secret;
}

static void assert_is(const struct subscription_state *s, const struct stored_secret *secret,
                      const char *key, const char *expected)
{
    struct error error;
    char *plain;
    assert_string_equal(secret->key_id, key);
    assert_int_equal(keyring_open(new_keys, s->id, secret, &plain, &error), 0);
    assert_string_equal(plain, expected);
    secret_free(plain);
}

static void test_old_plain_and_foreign_secrets_are_sealed_with_the_current_key(void **state)
{
    (void)state;
    struct stored_secret mosip = {0};
    keyring_parse_mosip("cipher{tdwwOJQzVPjBnM77IqOCsaKCvMjDzn334+ljrye8ZGVmZ2hpamtsbW5vcHFycw==}",
                        &mosip);
    struct subscription_state *s = make_state(sealed(old_keys, "old one"), sealed(NULL, "plain"));
    secrets_renew(new_keys, s);
    assert_is(s, &s->secret, "new", "old one");
    assert_is(s, &s->pending->secret, "new", "plain");
    stored_secret_fini(&s->secret);
    s->secret = mosip;
    secrets_renew(new_keys, s);
    assert_is(s, &s->secret, "new", "mosip's secret");
    subscription_state_free(s);
}

static void test_what_is_current_and_what_cannot_be_read_stays_byte_for_byte(void **state)
{
    (void)state;
    struct stored_secret tampered = sealed(old_keys, "s3cret");
    tampered.text[20] = tampered.text[20] == 'A' ? 'B' : 'A';
    struct stored_secret unknown = {xstrdup("lost"), xstrdup("c2VjcmV0")};
    struct stored_secret current = sealed(new_keys, "s3cret");
    struct stored_secret *const kept[] = {&tampered, &unknown, &current};
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        struct subscription_state *s = make_state(*kept[i], (struct stored_secret){0});
        char *before = picture(s);
        secrets_renew(new_keys, s);
        secrets_renew(NULL, s);
        char *after = picture(s);
        assert_string_equal(before, after);
        free(before);
        free(after);
        subscription_state_free(s);
    }
}

static void test_secrets_are_counted_by_their_key(void **state)
{
    (void)state;
    int64_t counts[COUNTS] = {0};
    struct stored_secret unknown = {xstrdup("lost"), xstrdup("x")};
    struct subscription_state *one = make_state(sealed(old_keys, "a"), sealed(new_keys, "b"));
    struct subscription_state *two = make_state(unknown, sealed(NULL, "plain"));
    struct subscription_state *none = make_state((struct stored_secret){0}, sealed(old_keys, "c"));
    secrets_count(new_keys, one, 1, counts);
    secrets_count(new_keys, two, 1, counts);
    secrets_count(new_keys, none, 1, counts);
    const int64_t all[COUNTS] = {1, 2, 0, 1, 1};
    assert_memory_equal(counts, all, sizeof(all));
    secrets_renew(new_keys, none);
    secrets_count(new_keys, one, -1, counts);
    const int64_t rest[COUNTS] = {0, 1, 0, 1, 1};
    assert_memory_equal(counts, rest, sizeof(rest));
    subscription_state_free(one);
    subscription_state_free(two);
    subscription_state_free(none);
}

/* --- within a partition --- */

static char *last_told;

static int on_changed(void *context, const char *key, const char *value, size_t length)
{
    (void)context;
    (void)key;
    free(last_told);
    last_told = value ? strndup(value, length) : NULL;
    return 0;
}

static void load(struct partition *partition, struct subscription_state *s)
{
    struct state_record record = {.kind = STATE_SUBSCRIPTION, .value.subscription = s};
    char *key = id_subscription_key(s->id);
    partition_load(partition, key, strlen(key), &record);
    free(key);
}

static const struct fold_times times = {.resume_window_ms = 1000};

static void assert_counts(const struct partition *partition, int64_t new, int64_t old,
                          int64_t plain)
{
    const int64_t expected[COUNTS] = {new, old, 0, 0, plain};
    assert_memory_equal(partition->secrets, expected, sizeof(expected));
}

/* Any event that changes the subscription rewrites its record; one that is ignored does not. */
static void test_a_rewritten_record_has_its_secrets_under_the_current_key(void **state)
{
    (void)state;
    struct partition_effects effects;
    struct partition *partition = partition_new(0, &times, new_keys);
    load(partition, make_state(sealed(NULL, "plain"), (struct stored_secret){0}));
    load(partition, make_state(sealed(old_keys, "secret"), sealed(NULL, "waits")));
    assert_counts(partition, 0, 1, 1);
    struct event event = make_delivery(EVENT_DELIVERY_DETACHED, 99, 5);
    assert_int_equal(partition_fold(partition, &event, 7, on_changed, NULL, &effects), 0);
    assert_counts(partition, 0, 1, 1);
    assert_null(last_told);
    event.base = 0;
    assert_int_equal(partition_fold(partition, &event, 8, on_changed, NULL, &effects), 1);
    assert_counts(partition, 2, 0, 0);
    assert_non_null(strstr(last_told, "\"secret_key\":\"new\""));
    assert_null(strstr(last_told, "\"old\""));
    assert_null(strstr(last_told, "waits"));
    event = make_event(EVENT_DELIVERY_GONE);
    assert_int_equal(partition_fold(partition, &event, 9, on_changed, NULL, &effects), 1);
    assert_counts(partition, 1, 0, 0);
    event = make_request(EVENT_SUBSCRIPTION_REFUSED, 'p');
    assert_int_equal(partition_fold(partition, &event, 10, on_changed, NULL, &effects), 1);
    assert_counts(partition, 0, 0, 0);
    assert_null(last_told);
    partition_free(partition);
}

static void test_a_request_is_written_under_the_current_key(void **state)
{
    (void)state;
    struct partition_effects effects;
    struct partition *partition = partition_new(0, &times, new_keys);
    struct event event = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    event.secret = sealed(old_keys, "secret");
    assert_int_equal(partition_fold(partition, &event, 1, on_changed, NULL, &effects), 1);
    stored_secret_fini(&event.secret);
    assert_counts(partition, 1, 0, 0);
    event.type = EVENT_SUBSCRIPTION_VERIFIED;
    assert_int_equal(partition_fold(partition, &event, 2, on_changed, NULL, &effects), 1);
    assert_counts(partition, 1, 0, 0);
    assert_non_null(strstr(last_told, "\"secret_key\":\"new\""));
    free(last_told);
    last_told = NULL;
    partition_free(partition);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_old_plain_and_foreign_secrets_are_sealed_with_the_current_key),
        TEST(test_what_is_current_and_what_cannot_be_read_stays_byte_for_byte),
        TEST(test_secrets_are_counted_by_their_key),
        TEST(test_a_rewritten_record_has_its_secrets_under_the_current_key),
        TEST(test_a_request_is_written_under_the_current_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
