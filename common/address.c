#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* An address without port: 4 or 16 bytes in network byte order. */
struct plain {
    int family;
    uint8_t bytes[16];
};

struct special {
    const char *name;
    unsigned prefix_length;
    uint8_t bytes[16];
};

/*
 * IANA IPv4 Special-Purpose Address Registry, without what is marked globally reachable. The
 * anycast addresses in 192.0.0.0/24 that are reachable (PCP, TURN) receive no webhooks: their block
 * is refused as a whole. 224.0.0.0/4 comes from the multicast registry.
 */
static const struct special special_ipv4[] = {
    {"This network (RFC 791)", 8, {0}},
    {"Private-Use (RFC 1918)", 8, {10}},
    {"Shared Address Space (RFC 6598)", 10, {100, 64}},
    {"Loopback (RFC 1122)", 8, {127}},
    {"Link Local (RFC 3927)", 16, {169, 254}},
    {"Private-Use (RFC 1918)", 12, {172, 16}},
    {"IETF Protocol Assignments (RFC 6890)", 24, {192, 0, 0}},
    {"Documentation TEST-NET-1 (RFC 5737)", 24, {192, 0, 2}},
    {"Deprecated 6to4 Relay Anycast (RFC 7526)", 24, {192, 88, 99}},
    {"Private-Use (RFC 1918)", 16, {192, 168}},
    {"Benchmarking (RFC 2544)", 15, {198, 18}},
    {"Documentation TEST-NET-2 (RFC 5737)", 24, {198, 51, 100}},
    {"Documentation TEST-NET-3 (RFC 5737)", 24, {203, 0, 113}},
    {"Multicast (RFC 5771)", 4, {224}},
    {"Limited Broadcast (RFC 919)", 32, {255, 255, 255, 255}},
    {"Reserved (RFC 1112)", 4, {240}},
};

/*
 * IANA IPv6 Special-Purpose Address Registry likewise. NAT64, 6to4 and Teredo wrap IPv4 addresses
 * and could lead back inside through a translator: refused although some count as reachable.
 * 2001::/23 covers Teredo, benchmarking and ORCHID, which are listed before it for their names.
 */
static const struct special special_ipv6[] = {
    {"Unspecified (RFC 4291)", 128, {0}},
    {"Loopback (RFC 4291)", 128, {[15] = 1}},
    {"NAT64 (RFC 6052)", 96, {0x00, 0x64, 0xff, 0x9b}},
    {"Local-Use NAT64 (RFC 8215)", 48, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}},
    {"Discard-Only (RFC 6666)", 64, {0x01, 0x00}},
    {"Dummy IPv6 Prefix (RFC 9780)", 64, {0x01, 0x00, [7] = 0x01}},
    {"Teredo (RFC 4380)", 32, {0x20, 0x01, 0x00, 0x00}},
    {"Benchmarking (RFC 5180)", 48, {0x20, 0x01, 0x00, 0x02}},
    {"Deprecated ORCHID (RFC 4843)", 28, {0x20, 0x01, 0x00, 0x10}},
    {"ORCHIDv2 (RFC 7343)", 28, {0x20, 0x01, 0x00, 0x20}},
    {"IETF Protocol Assignments (RFC 2928)", 23, {0x20, 0x01}},
    {"Documentation (RFC 3849)", 32, {0x20, 0x01, 0x0d, 0xb8}},
    {"6to4 (RFC 3056)", 16, {0x20, 0x02}},
    {"Documentation (RFC 9637)", 20, {0x3f, 0xff}},
    {"Segment Routing SIDs (RFC 9602)", 16, {0x5f, 0x00}},
    {"Unique Local (RFC 4193)", 7, {0xfc}},
    {"Link Local (RFC 4291)", 10, {0xfe, 0x80}},
    {"Deprecated Site Local (RFC 3879)", 10, {0xfe, 0xc0}},
    {"Multicast (RFC 4291)", 8, {0xff}},
};

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t compatible_prefix[12];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool prefix_matches(const uint8_t *bytes, const uint8_t *prefix, unsigned length)
{
    unsigned whole = length / 8;
    unsigned rest = length % 8;
    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static void make_plain_ipv4(const uint8_t bytes[4], struct plain *plain)
{
    *plain = (struct plain){.family = AF_INET};
    memcpy(plain->bytes, bytes, 4);
}

static void make_plain_ipv6(const uint8_t bytes[16], struct plain *plain)
{
    if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        make_plain_ipv4(bytes + sizeof(mapped_prefix), plain);
        return;
    }
    *plain = (struct plain){.family = AF_INET6};
    memcpy(plain->bytes, bytes, 16);
}

/* False for another family. Copies, as a sockaddr may be less aligned than what it is cast to. */
static bool read_sockaddr(const struct sockaddr *address, struct plain *plain)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        make_plain_ipv4((const uint8_t *)&in.sin_addr, plain);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        make_plain_ipv6(in6.sin6_addr.s6_addr, plain);
        return true;
    }
    return false;
}

static const char *find_special(const struct special *table, size_t count, const uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (prefix_matches(bytes, table[i].bytes, table[i].prefix_length))
            return table[i].name;
    }
    return NULL;
}

static const char *special_name(const struct plain *plain)
{
    if (plain->family == AF_INET)
        return find_special(special_ipv4, COUNT(special_ipv4), plain->bytes);

    const char *name = find_special(special_ipv6, COUNT(special_ipv6), plain->bytes);
    if (name)
        return name;
    if (memcmp(plain->bytes, compatible_prefix, sizeof(compatible_prefix)) == 0) {
        name = find_special(special_ipv4, COUNT(special_ipv4), plain->bytes + 12);
        return name ? name : "Deprecated IPv4-Compatible (RFC 4291)";
    }
    /* Global unicast has been given out from 2000::/3 only (RFC 4291, section 2.4). */
    return plain->bytes[0] >> 5 == 1 ? NULL : "Not global unicast (RFC 4291)";
}

static bool network_contains(const struct address_network *network, const struct plain *plain)
{
    return network->family == plain->family &&
           prefix_matches(plain->bytes, network->bytes, network->prefix_length);
}

/* Parses a literal address as it is written: IPv4-mapped stays IPv6. */
static bool parse_literal(const char *text, struct plain *plain)
{
    *plain = (struct plain){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    return inet_pton(plain->family, text, plain->bytes) == 1;
}

/* Parses digits without sign or blanks; false above `max`. */
static bool parse_prefix_length(const char *text, unsigned max, unsigned *length)
{
    if (!text[0] || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
        return false;
    *length = (unsigned)strtoul(text, NULL, 10);
    return *length <= max;
}

static bool has_host_bits(const struct address_network *network, unsigned bits)
{
    for (unsigned i = network->prefix_length; i < bits; i++) {
        if (network->bytes[i / 8] >> (7 - i % 8) & 1)
            return true;
    }
    return false;
}

/* Networks of IPv4-mapped addresses become what they stand for, as the addresses do. */
static void unmap_network(struct address_network *network)
{
    if (network->family != AF_INET6 || network->prefix_length < 96 ||
        memcmp(network->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
        return;
    struct address_network ipv4 = {.family = AF_INET, .prefix_length = network->prefix_length - 96};
    memcpy(ipv4.bytes, network->bytes + sizeof(mapped_prefix), 4);
    *network = ipv4;
}

/** A decimal port at `*text`, which is moved behind it; 0: none. */
static uint16_t parse_port(const char **text)
{
    size_t digits = strspn(*text, "0123456789");
    long port = digits > 0 && digits <= 5 ? strtol(*text, NULL, 10) : 0;
    *text += digits;
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

int address_port_range_parse(const char *text, struct port_range *range)
{
    range->first = range->last = parse_port(&text);
    if (*text == '-') {
        text++;
        range->last = parse_port(&text);
    }
    return range->first > 0 && range->last >= range->first && !*text ? 0 : -1;
}

int address_network_parse(const char *text, struct address_network *network, struct error *error)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    struct plain plain = {0};
    bool valid = length < sizeof(address);
    if (valid) {
        memcpy(address, text, length);
        address[length] = '\0';
        valid = parse_literal(address, &plain);
    }
    if (!valid)
        return error_set(error, ERROR_INVALID, false, "\"%.64s\" is not an IPv4 or IPv6 network",
                         text);

    unsigned bits = plain.family == AF_INET ? 32 : 128;
    *network = (struct address_network){.family = plain.family, .prefix_length = bits};
    memcpy(network->bytes, plain.bytes, sizeof(plain.bytes));
    if (slash && !parse_prefix_length(slash + 1, bits, &network->prefix_length))
        return error_set(error, ERROR_INVALID, false,
                         "\"%.64s\" needs a prefix length from 0 to %u after the '/'", text, bits);
    if (has_host_bits(network, bits))
        return error_set(error, ERROR_INVALID, false,
                         "\"%.64s\" has bits set beyond its first %u: an address, not a network",
                         text, network->prefix_length);
    unmap_network(network);
    return 0;
}

bool address_network_contains(const struct address_network *network, const struct sockaddr *address)
{
    struct plain plain;
    return read_sockaddr(address, &plain) && network_contains(network, &plain);
}

const char *address_special_name(const struct sockaddr *address)
{
    struct plain plain;
    return read_sockaddr(address, &plain) ? special_name(&plain) : "Not an IP address";
}

bool address_is_public(const struct sockaddr *address)
{
    return address_special_name(address) == NULL;
}

/** Where the IPv4 address begins in an IPv6 one that wraps it; -1: it does not. */
static int embedded_at(const uint8_t bytes[16])
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t six_to_four[2] = {0x20, 0x02};
    static const uint8_t teredo[4] = {0x20, 0x01};
    /* Of ::/96, but no IPv4 address in it: the unspecified one and loopback. */
    static const uint8_t own[15];
    if (memcmp(bytes, own, sizeof(own)) == 0 && bytes[15] <= 1)
        return -1;
    if (memcmp(bytes, compatible_prefix, sizeof(compatible_prefix)) == 0 ||
        memcmp(bytes, nat64, sizeof(nat64)) == 0 || memcmp(bytes, teredo, sizeof(teredo)) == 0)
        return 12;
    return memcmp(bytes, six_to_four, sizeof(six_to_four)) == 0 ? 2 : -1;
}

bool address_embedded(const struct sockaddr *address, struct sockaddr_in *embedded)
{
    struct plain plain;
    if (!read_sockaddr(address, &plain) || plain.family != AF_INET6)
        return false;
    int at = embedded_at(plain.bytes);
    if (at < 0)
        return false;
    *embedded = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&embedded->sin_addr, plain.bytes + at, 4);
    if (plain.bytes[0] == 0x20 && plain.bytes[1] == 0x01)
        embedded->sin_addr.s_addr ^= UINT32_MAX; /* Teredo writes it inverted (RFC 4380) */
    return true;
}

uint16_t address_port(const struct sockaddr *address)
{
    in_port_t port = 0;
    if (address->sa_family == AF_INET)
        memcpy(&port, (const char *)address + offsetof(struct sockaddr_in, sin_port), sizeof(port));
    else if (address->sa_family == AF_INET6)
        memcpy(&port, (const char *)address + offsetof(struct sockaddr_in6, sin6_port),
               sizeof(port));
    return ntohs(port);
}

void address_write(const struct sockaddr *address, char text[ADDRESS_TEXT_SIZE])
{
    struct plain plain;
    if (!read_sockaddr(address, &plain) ||
        !inet_ntop(plain.family, plain.bytes, text, ADDRESS_TEXT_SIZE))
        memcpy(text, "?", sizeof("?"));
}

bool address_text_valid(const char *text)
{
    struct plain plain;
    return parse_literal(text, &plain);
}

bool address_text_is_loopback(const char *text)
{
    struct plain literal;
    if (!parse_literal(text, &literal))
        return false;
    struct plain plain = literal;
    if (literal.family == AF_INET6)
        make_plain_ipv6(literal.bytes, &plain);
    static const uint8_t loopback_ipv6[16] = {[15] = 1};
    return plain.family == AF_INET ? plain.bytes[0] == 127
                                   : memcmp(plain.bytes, loopback_ipv6, 16) == 0;
}
