/* common/address_guard: which of a denied, an allowed and a special network wins, and the ports. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "common/address_guard.h"
#include "tests/unit/address_making.h"

enum { MAX_ITEMS = 8 };

/** Texts with blanks between them; "" is none. */
struct rules {
    const char *allowed, *denied, *allowed_ports, *denied_ports;
};

static void split(const char *text, struct string_list *list)
{
    list->items = calloc(MAX_ITEMS, sizeof(*list->items));
    assert_non_null(list->items);
    list->count = 0;
    char *copy = strdup(text ? text : ""), *rest = copy;
    for (char *item = strsep(&rest, " "); item; item = strsep(&rest, " ")) {
        if (!item[0])
            continue;
        assert_true(list->count < MAX_ITEMS);
        list->items[list->count++] = strdup(item);
    }
    free(copy);
}

static void free_list(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

static void start(struct address_guard *guard, const struct rules *rules)
{
    struct config config = {0};
    split(rules->allowed, &config.security.allowed_callback_networks);
    split(rules->denied, &config.security.denied_callback_networks);
    split(rules->allowed_ports, &config.security.allowed_callback_ports);
    split(rules->denied_ports, &config.security.denied_callback_ports);
    address_guard_init(guard, &config);
    /* The guard keeps nothing of the configuration. */
    free_list(&config.security.allowed_callback_networks);
    free_list(&config.security.denied_callback_networks);
    free_list(&config.security.allowed_callback_ports);
    free_list(&config.security.denied_callback_ports);
}

static enum address_verdict judge(const struct address_guard *guard, const char *text,
                                  uint16_t port)
{
    struct sockaddr_storage address;
    make_address_with_port(text, port, &address);
    return address_guard_judge(guard, (struct sockaddr *)&address);
}

static void check(const struct rules *rules, const char *text, uint16_t port,
                  enum address_verdict expected)
{
    struct address_guard guard;
    start(&guard, rules);
    enum address_verdict verdict = judge(&guard, text, port);
    if (verdict != expected)
        fail_msg("%s port %u: %d instead of %d", text, port, (int)verdict, (int)expected);
    address_guard_fini(&guard);
}

static const struct {
    const char *first, *last;
} special_networks[] = {
    {"0.0.0.0", "0.255.255.255"},
    {"10.0.0.0", "10.255.255.255"},
    {"100.64.0.0", "100.127.255.255"},
    {"127.0.0.0", "127.255.255.255"},
    {"169.254.0.0", "169.254.255.255"},
    {"172.16.0.0", "172.31.255.255"},
    {"192.0.0.0", "192.0.0.255"},
    {"192.0.2.0", "192.0.2.255"},
    {"192.88.99.0", "192.88.99.255"},
    {"192.168.0.0", "192.168.255.255"},
    {"198.18.0.0", "198.19.255.255"},
    {"198.51.100.0", "198.51.100.255"},
    {"203.0.113.0", "203.0.113.255"},
    {"224.0.0.0", "239.255.255.255"},
    {"240.0.0.0", "255.255.255.255"},
    {"::", "::1"},
    {"::ffff:10.0.0.0", "::ffff:10.255.255.255"},
    {"::ffff:127.0.0.0", "::ffff:127.255.255.255"},
    {"::2", "::255.255.255.255"},
    {"64:ff9b::", "64:ff9b::ffff:ffff"},
    {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
    {"100::", "100::ffff:ffff:ffff:ffff"},
    {"100:0:0:1::", "100::1:ffff:ffff:ffff:ffff"},
    {"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"},
    {"2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

static void test_special_networks_are_refused_by_default(void **state)
{
    (void)state;
    const struct address_guard nothing_set = {.allowed_networks = {0}};
    for (size_t i = 0; i < ARRAY_COUNT(special_networks); i++) {
        assert_int_equal(judge(&nothing_set, special_networks[i].first, 80), ADDRESS_NOT_PUBLIC);
        assert_int_equal(judge(&nothing_set, special_networks[i].last, 80), ADDRESS_NOT_PUBLIC);
    }
    const char *const public[] = {"8.8.8.8", "::ffff:8.8.8.8", "2a00:1450::1"};
    for (size_t i = 0; i < ARRAY_COUNT(public); i++)
        assert_int_equal(judge(&nothing_set, public[i], 80), ADDRESS_PERMITTED);
}

static void test_everything_can_be_allowed(void **state)
{
    (void)state;
    struct address_guard guard;
    start(&guard, &(struct rules){.allowed = "0.0.0.0/0 ::/0"});
    for (size_t i = 0; i < ARRAY_COUNT(special_networks); i++) {
        assert_int_equal(judge(&guard, special_networks[i].first, 80), ADDRESS_PERMITTED);
        assert_int_equal(judge(&guard, special_networks[i].last, 80), ADDRESS_PERMITTED);
    }
    address_guard_fini(&guard);
}

static void test_everything_can_be_denied(void **state)
{
    (void)state;
    struct address_guard guard;
    start(&guard, &(struct rules){.allowed = "0.0.0.0/0 ::/0", .denied = "0.0.0.0/0 ::/0"});
    for (size_t i = 0; i < ARRAY_COUNT(special_networks); i++) {
        assert_int_equal(judge(&guard, special_networks[i].first, 80), ADDRESS_DENIED);
        assert_int_equal(judge(&guard, special_networks[i].last, 80), ADDRESS_DENIED);
    }
    assert_int_equal(judge(&guard, "8.8.8.8", 80), ADDRESS_DENIED);
    assert_int_equal(judge(&guard, "2a00:1450::1", 80), ADDRESS_DENIED);
    address_guard_fini(&guard);
}

static void test_allowed_networks(void **state)
{
    (void)state;
    const struct rules rules = {.allowed = "10.1.0.0/16 ::1 fd00::/8"};
    check(&rules, "10.1.0.0", 80, ADDRESS_PERMITTED);
    check(&rules, "10.1.255.255", 80, ADDRESS_PERMITTED);
    check(&rules, "::ffff:10.1.2.3", 80, ADDRESS_PERMITTED);
    check(&rules, "10.0.255.255", 80, ADDRESS_NOT_PUBLIC);
    check(&rules, "10.2.0.0", 80, ADDRESS_NOT_PUBLIC);
    check(&rules, "::1", 80, ADDRESS_PERMITTED);
    check(&rules, "::", 80, ADDRESS_NOT_PUBLIC);
    check(&rules, "fd12::1", 80, ADDRESS_PERMITTED);
    check(&rules, "fc12::1", 80, ADDRESS_NOT_PUBLIC);
    check(&rules, "8.8.8.8", 80, ADDRESS_PERMITTED);
    /* What wraps an allowed address is not allowed with it: it is sent elsewhere. */
    check(&rules, "64:ff9b::10.1.2.3", 80, ADDRESS_NOT_PUBLIC);
    check(&rules, "2002:a01:203::1", 80, ADDRESS_NOT_PUBLIC);
    check(&rules, "::10.1.2.3", 80, ADDRESS_NOT_PUBLIC);
}

static void test_denied_networks_win(void **state)
{
    (void)state;
    const struct rules rules = {.allowed = "10.0.0.0/8 8.8.8.8 2a00::/16 ::1",
                                .denied = "10.1.0.0/16 8.8.8.0/24 2a00:1450::/32 9.9.9.9"};
    check(&rules, "10.0.255.255", 80, ADDRESS_PERMITTED);
    check(&rules, "10.1.0.0", 80, ADDRESS_DENIED);
    check(&rules, "10.1.255.255", 80, ADDRESS_DENIED);
    check(&rules, "::ffff:10.1.0.1", 80, ADDRESS_DENIED);
    check(&rules, "10.2.0.0", 80, ADDRESS_PERMITTED);
    check(&rules, "8.8.8.8", 80, ADDRESS_DENIED); /* allowed, and public */
    check(&rules, "8.8.7.255", 80, ADDRESS_PERMITTED);
    check(&rules, "9.9.9.9", 80, ADDRESS_DENIED);
    check(&rules, "9.9.9.8", 80, ADDRESS_PERMITTED);
    check(&rules, "2a00:1450::1", 80, ADDRESS_DENIED);
    check(&rules, "2a00:1451::1", 80, ADDRESS_PERMITTED);
    check(&rules, "::1", 80, ADDRESS_PERMITTED);
    /* An allowed network inside of a denied one is denied all the same. */
    const struct rules inside = {.allowed = "10.1.2.3", .denied = "10.0.0.0/8"};
    check(&inside, "10.1.2.3", 80, ADDRESS_DENIED);
    const struct rules same = {.allowed = "10.0.0.0/8", .denied = "10.0.0.0/8"};
    check(&same, "10.1.2.3", 80, ADDRESS_DENIED);
    const struct rules mapped = {.allowed = "10.0.0.0/8", .denied = "::ffff:10.1.2.3"};
    check(&mapped, "10.1.2.3", 80, ADDRESS_DENIED);
}

static void test_wrapped_addresses_are_judged_too(void **state)
{
    (void)state;
    const struct rules translated = {.allowed = "64:ff9b::/96 2002::/16 2001::/32"};
    check(&translated, "64:ff9b::8.8.8.8", 80, ADDRESS_PERMITTED);
    check(&translated, "64:ff9b::10.0.0.1", 80, ADDRESS_NOT_PUBLIC);
    check(&translated, "64:ff9b::127.0.0.1", 80, ADDRESS_NOT_PUBLIC);
    check(&translated, "64:ff9b::169.254.169.254", 80, ADDRESS_NOT_PUBLIC);
    check(&translated, "2002:808:808::1", 80, ADDRESS_PERMITTED);
    check(&translated, "2002:7f00:1::1", 80, ADDRESS_NOT_PUBLIC);
    check(&translated, "2001:0:102:304:0:0:f7f7:f7f7", 80, ADDRESS_PERMITTED);  /* 8.8.8.8 */
    check(&translated, "2001:0:102:304:0:0:80ff:fffe", 80, ADDRESS_NOT_PUBLIC); /* 127.0.0.1 */
    const struct rules both = {.allowed = "64:ff9b::/96 10.0.0.0/8"};
    check(&both, "64:ff9b::10.0.0.1", 80, ADDRESS_PERMITTED);
    const struct rules denied = {.allowed = "64:ff9b::/96 10.0.0.0/8",
                                 .denied = "10.0.0.0/24 8.8.8.0/24"};
    check(&denied, "64:ff9b::10.0.0.1", 80, ADDRESS_DENIED);
    check(&denied, "64:ff9b::10.0.1.1", 80, ADDRESS_PERMITTED);
    check(&denied, "64:ff9b::8.8.8.8", 80, ADDRESS_DENIED);
}

static void test_ports(void **state)
{
    (void)state;
    const struct rules none = {.allowed = ""};
    check(&none, "8.8.8.8", 1, ADDRESS_PERMITTED);
    check(&none, "8.8.8.8", 65535, ADDRESS_PERMITTED);
    const struct rules allowed = {.allowed_ports = "443 8000-8999"};
    check(&allowed, "8.8.8.8", 443, ADDRESS_PERMITTED);
    check(&allowed, "8.8.8.8", 442, ADDRESS_PORT_DENIED);
    check(&allowed, "8.8.8.8", 444, ADDRESS_PORT_DENIED);
    check(&allowed, "8.8.8.8", 7999, ADDRESS_PORT_DENIED);
    check(&allowed, "8.8.8.8", 8000, ADDRESS_PERMITTED);
    check(&allowed, "2a00:1450::1", 8999, ADDRESS_PERMITTED);
    check(&allowed, "2a00:1450::1", 9000, ADDRESS_PORT_DENIED);
    check(&allowed, "127.0.0.1", 443, ADDRESS_NOT_PUBLIC); /* a port allows no address */
    const struct rules denied = {.denied_ports = "25 6000-6063"};
    check(&denied, "8.8.8.8", 24, ADDRESS_PERMITTED);
    check(&denied, "8.8.8.8", 25, ADDRESS_PORT_DENIED);
    check(&denied, "::ffff:8.8.8.8", 6000, ADDRESS_PORT_DENIED);
    check(&denied, "8.8.8.8", 6063, ADDRESS_PORT_DENIED);
    check(&denied, "8.8.8.8", 6064, ADDRESS_PERMITTED);
    const struct rules both = {
        .allowed = "10.0.0.0/8", .allowed_ports = "1-1023", .denied_ports = "25 443"};
    check(&both, "10.0.0.1", 80, ADDRESS_PERMITTED);
    check(&both, "10.0.0.1", 25, ADDRESS_PORT_DENIED);
    check(&both, "8.8.8.8", 443, ADDRESS_PORT_DENIED);
    check(&both, "8.8.8.8", 1024, ADDRESS_PORT_DENIED);
    check(&both, "8.8.8.8", 0, ADDRESS_PORT_DENIED);
}

static void test_other_families_are_never_permitted(void **state)
{
    (void)state;
    struct address_guard guard;
    start(&guard, &(struct rules){.allowed = "0.0.0.0/0 ::/0"});
    const struct sockaddr_storage address = {.ss_family = AF_UNIX};
    assert_int_equal(address_guard_judge(&guard, (const struct sockaddr *)&address),
                     ADDRESS_NOT_PUBLIC);
    address_guard_fini(&guard);
}

static void assert_reason(enum address_verdict verdict, const char *text, const char *expected)
{
    struct sockaddr_storage address;
    make_address(text, &address);
    assert_string_equal(address_guard_reason(verdict, (struct sockaddr *)&address), expected);
}

static void test_reasons(void **state)
{
    (void)state;
    assert_reason(ADDRESS_NOT_PUBLIC, "127.0.0.1", "Loopback (RFC 1122)");
    assert_reason(ADDRESS_NOT_PUBLIC, "64:ff9b::8.8.8.8", "NAT64 (RFC 6052)");
    assert_reason(ADDRESS_NOT_PUBLIC, "64:ff9b::10.0.0.1", "Private-Use (RFC 1918)");
    assert_reason(ADDRESS_NOT_PUBLIC, "fd00::1", "Unique Local (RFC 4193)");
    assert_reason(ADDRESS_DENIED, "127.0.0.1", "security.denied_callback_networks");
    assert_reason(ADDRESS_PORT_DENIED, "8.8.8.8",
                  "security.allowed_callback_ports, denied_callback_ports");
    assert_reason(ADDRESS_PERMITTED, "8.8.8.8", "permitted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special_networks_are_refused_by_default),
        cmocka_unit_test(test_everything_can_be_allowed),
        cmocka_unit_test(test_everything_can_be_denied),
        cmocka_unit_test(test_allowed_networks),
        cmocka_unit_test(test_denied_networks_win),
        cmocka_unit_test(test_wrapped_addresses_are_judged_too),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_other_families_are_never_permitted),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
