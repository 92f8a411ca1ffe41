#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "tests/unit/address_making.h"

static const char *special(const char *text)
{
    struct sockaddr_storage address;
    make_address(text, &address);
    const char *name = address_special_name((struct sockaddr *)&address);
    assert_int_equal(name == NULL, address_is_public((struct sockaddr *)&address));
    return name;
}

static void assert_public(const char *text)
{
    const char *name = special(text);
    if (name)
        fail_msg("%s is refused: %s", text, name);
}

static void assert_special(const char *text, const char *start)
{
    const char *name = special(text);
    if (!name)
        fail_msg("%s is not refused", text);
    assert_memory_equal(name, start, strlen(start));
}

/* The first and the last address of each block, and their neighbours outside. */
static void test_ipv4(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *first, *last, *after;
    } blocks[] = {
        {"This network", NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"Private-Use", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"Shared", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"Loopback", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"Link Local", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"Private-Use", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"IETF", "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"Documentation", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"Deprecated 6to4", "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
        {"Private-Use", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"Benchmarking", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"Documentation", "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
        {"Documentation", "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
        {"Multicast", "223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
        {"Reserved", NULL, "240.0.0.0", "255.255.255.254", NULL},
        {"Limited Broadcast", NULL, "255.255.255.255", "255.255.255.255", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        if (blocks[i].before)
            assert_public(blocks[i].before);
        assert_special(blocks[i].first, blocks[i].name);
        assert_special(blocks[i].last, blocks[i].name);
        if (blocks[i].after)
            assert_public(blocks[i].after);
    }
    assert_public("8.8.8.8");
    assert_special("169.254.169.254", "Link Local"); /* cloud metadata */
}

static void test_ipv6(void **state)
{
    (void)state;
    static const struct {
        const char *name, *first, *last;
    } blocks[] = {
        {"Unspecified", "::", "::"},
        {"Loopback", "::1", "::1"},
        {"NAT64", "64:ff9b::", "64:ff9b::ffff:ffff"},
        {"Local-Use NAT64", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
        {"Discard-Only", "100::", "100::ffff:ffff:ffff:ffff"},
        {"Dummy", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"},
        {"Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Benchmarking", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"},
        {"Deprecated ORCHID", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"ORCHIDv2", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"IETF", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:100::"},
        {"Documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Segment Routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Unique Local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Link Local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Deprecated Site Local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Not global unicast", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"Not global unicast", "1fff:ffff::", "::ffff:0:8.8.8.8"}, /* translated, RFC 2765 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        assert_special(blocks[i].first, blocks[i].name);
        assert_special(blocks[i].last, blocks[i].name);
    }
    assert_public("2000::");
    assert_public("2001:200::");
    assert_public("2001:4860:4860::8888");
    assert_public("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_public("2001:db9::");
    assert_public("2003::");
    assert_public("2a00:1450::1");
    assert_public("3ffe:ffff::");
    assert_public("3fff:1000::");
}

static void test_embedded(void **state)
{
    (void)state;
    assert_public("::ffff:8.8.8.8");
    assert_special("::8.8.8.8", "Deprecated IPv4-Compatible");
    assert_special("::ffff:127.0.0.1", "Loopback (RFC 1122)");
    assert_special("::ffff:169.254.169.254", "Link Local (RFC 3927)");
    assert_special("::ffff:0.0.0.0", "This network");
    assert_special("::10.0.0.1", "Private-Use");
    assert_special("::127.0.0.1", "Loopback (RFC 1122)");
    assert_special("::2", "This network");
    assert_special("64:ff9b::8.8.8.8", "NAT64");
    assert_special("2002:808:808::1", "6to4");
}

static void test_other_family(void **state)
{
    (void)state;
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    assert_false(address_is_public((struct sockaddr *)&address));
}

static bool contains(const char *network_text, const char *text)
{
    struct address_network network;
    struct error error;
    struct sockaddr_storage address;
    if (address_network_parse(network_text, &network, &error) != 0)
        fail_msg("%s", error.message);
    make_address(text, &address);
    return address_network_contains(&network, (struct sockaddr *)&address);
}

static void test_network(void **state)
{
    (void)state;
    assert_true(contains("127.0.0.0/8", "127.255.0.1"));
    assert_false(contains("127.0.0.0/8", "128.0.0.1"));
    assert_true(contains("10.20.30.40", "10.20.30.40"));
    assert_false(contains("10.20.30.40", "10.20.30.41"));
    assert_true(contains("172.16.0.0/12", "172.31.0.1"));
    assert_false(contains("172.16.0.0/12", "172.32.0.1"));
    assert_true(contains("0.0.0.0/0", "255.255.255.255"));
    assert_true(contains("10.0.0.0/31", "10.0.0.1"));
    assert_false(contains("10.0.0.0/31", "10.0.0.2"));
    assert_true(contains("fd00::/8", "fd12::1"));
    assert_true(contains("::1", "::1"));
    assert_true(contains("fe80::/10", "febf::1"));
    assert_false(contains("fe80::/10", "fec0::1"));
    assert_true(contains("::/0", "2001:db8::1"));
    /* A mapped address is IPv4, written either way; all of IPv6 does not include it. */
    assert_true(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
    assert_true(contains("::ffff:127.0.0.0/104", "127.1.2.3"));
    assert_false(contains("::/0", "::ffff:127.0.0.1"));
    assert_false(contains("::/0", "127.0.0.1"));
    assert_false(contains("0.0.0.0/0", "::1"));
}

static void assert_network_refused(const char *text, const char *message)
{
    struct address_network network;
    struct error error;
    assert_int_equal(address_network_parse(text, &network, &error), -1);
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, message);
}

static void test_network_refused(void **state)
{
    (void)state;
    assert_network_refused("", "\"\" is not an IPv4 or IPv6 network");
    assert_network_refused("/8", "\"/8\" is not an IPv4 or IPv6 network");
    assert_network_refused("localhost", "\"localhost\" is not an IPv4 or IPv6 network");
    assert_network_refused("10/8", "\"10/8\" is not an IPv4 or IPv6 network");
    assert_network_refused("010.0.0.0/8", "\"010.0.0.0/8\" is not an IPv4 or IPv6 network");
    assert_network_refused("[::1]", "\"[::1]\" is not an IPv4 or IPv6 network");
    const char *suffixes[] = {"", "33", "-1", "+8", " 8", "8 ", "x", "1000", "8/8"};
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
        char text[32], message[128];
        snprintf(text, sizeof(text), "10.0.0.0/%s", suffixes[i]);
        snprintf(message, sizeof(message),
                 "\"%s\" needs a prefix length from 0 to 32 after the '/'", text);
        assert_network_refused(text, message);
    }
    assert_network_refused("::/129",
                           "\"::/129\" needs a prefix length from 0 to 128 after the '/'");
    assert_network_refused(
        "10.1.2.3/8", "\"10.1.2.3/8\" has bits set beyond its first 8: an address, not a network");
    assert_network_refused(
        "fd00::1/64", "\"fd00::1/64\" has bits set beyond its first 64: an address, not a network");
}

static void assert_embedded(const char *text, const char *expected)
{
    struct sockaddr_storage address;
    struct sockaddr_in embedded;
    make_address(text, &address);
    bool found = address_embedded((struct sockaddr *)&address, &embedded);
    assert_int_equal(found, expected != NULL);
    if (!expected)
        return;
    char written[ADDRESS_TEXT_SIZE];
    address_write((struct sockaddr *)&embedded, written);
    assert_string_equal(written, expected);
    assert_int_equal(address_port((struct sockaddr *)&embedded), 0);
}

static void test_what_is_embedded(void **state)
{
    (void)state;
    assert_embedded("64:ff9b::10.0.0.1", "10.0.0.1");
    assert_embedded("64:ff9b::", "0.0.0.0");
    assert_embedded("2002:0a00:0001::1", "10.0.0.1");
    assert_embedded("2001:0:102:304:0:0:f5ff:fffe", "10.0.0.1"); /* Teredo inverts it */
    assert_embedded("::10.0.0.1", "10.0.0.1");
    assert_embedded("::2", "0.0.0.2");
    assert_embedded("::", NULL);
    assert_embedded("::1", NULL);
    assert_embedded("::ffff:10.0.0.1", NULL); /* is one */
    assert_embedded("64:ff9b:1::10.0.0.1", NULL);
    assert_embedded("64:ff9b::1:10.0.0.1", NULL);
    assert_embedded("2001:1::1", NULL);
    assert_embedded("2003::1", NULL);
    assert_embedded("10.0.0.1", NULL);
}

static void test_port_and_text(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    char text[ADDRESS_TEXT_SIZE];
    const char *const texts[] = {"10.0.0.1", "fd00::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        make_address(texts[i], &address);
        assert_int_equal(address_port((struct sockaddr *)&address), 443);
        address_write((struct sockaddr *)&address, text);
        assert_string_equal(text, texts[i]);
    }
    make_address("::ffff:10.0.0.1", &address);
    address_write((struct sockaddr *)&address, text);
    assert_string_equal(text, "10.0.0.1");
    address = (struct sockaddr_storage){.ss_family = AF_UNIX};
    assert_int_equal(address_port((struct sockaddr *)&address), 0);
    address_write((struct sockaddr *)&address, text);
    assert_string_equal(text, "?");
}

static void test_text(void **state)
{
    (void)state;
    assert_true(address_text_valid("0.0.0.0"));
    assert_true(address_text_valid("::"));
    assert_false(address_text_valid("localhost"));
    assert_false(address_text_valid(""));
    assert_false(address_text_valid("127.0.0.1:80"));
    assert_false(address_text_valid("[::1]"));
    assert_true(address_text_is_loopback("127.0.0.1"));
    assert_true(address_text_is_loopback("127.9.9.9"));
    assert_true(address_text_is_loopback("::1"));
    assert_true(address_text_is_loopback("::ffff:127.0.0.1"));
    assert_false(address_text_is_loopback("0.0.0.0"));
    assert_false(address_text_is_loopback("::"));
    assert_false(address_text_is_loopback("::127.0.0.1"));
    assert_false(address_text_is_loopback("10.0.0.1"));
    assert_false(address_text_is_loopback("localhost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_embedded),
        cmocka_unit_test(test_other_family),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_network_refused),
        cmocka_unit_test(test_what_is_embedded),
        cmocka_unit_test(test_port_and_text),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
