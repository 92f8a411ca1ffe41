/** Socket addresses from text. */
#ifndef WEBSUB_TESTS_UNIT_ADDRESS_MAKING_H
#define WEBSUB_TESTS_UNIT_ADDRESS_MAKING_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static inline void make_address_with_port(const char *text, uint16_t port,
                                          struct sockaddr_storage *address)
{
    memset(address, 0, sizeof(*address));
    if (strchr(text, ':')) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(address, &in6, sizeof(in6));
    } else {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
        memcpy(address, &in, sizeof(in));
    }
}

static inline void make_address(const char *text, struct sockaddr_storage *address)
{
    make_address_with_port(text, 443, address);
}

#endif
