/**
 * Network addresses, networks and ports: how they are written, and which are globally reachable.
 * What may be dialled is decided by address_guard.h.
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is treated as the IPv4 address everywhere here: that
 * is what the kernel dials. All functions are pure and may be called from any thread.
 */
#ifndef WEBSUB_COMMON_ADDRESS_H
#define WEBSUB_COMMON_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

/** Ports from `first` to `last`. */
struct port_range {
    uint16_t first, last;
};

/** "443" or "8000-8999", from 1 to 65535; -1 when it is neither. */
int address_port_range_parse(const char *text, struct port_range *range);

struct address_network {
    int family; /**< AF_INET or AF_INET6 */
    unsigned prefix_length;
    uint8_t bytes[16]; /**< network byte order; 4 of them for AF_INET; host bits are 0 */
};

/**
 * Parses "10.0.0.0/8", "fd00::/8", or a single address. Host bits that are set ("10.1.2.3/8") are
 * refused: what was meant is not known. ERROR_INVALID with a message that names what is wrong.
 */
int address_network_parse(const char *text, struct address_network *network, struct error *error);
bool address_network_contains(const struct address_network *network,
                              const struct sockaddr *address);

/**
 * NULL when the address is globally reachable unicast, else the name of its entry in IANA's
 * special-purpose registries, e.g. "Loopback": a literal, fit for logs and reasons.
 */
const char *address_special_name(const struct sockaddr *address);
/** Whether address_special_name has nothing to say. Families other than IPv4 and IPv6 are not
 * public. */
bool address_is_public(const struct sockaddr *address);

/**
 * Whether the address wraps an IPv4 address that a translator or tunnel on the way would unwrap:
 * NAT64 (64:ff9b::/96), 6to4, Teredo (the client's), IPv4-compatible. `embedded` gets it, with port
 * 0. Not those of local-use NAT64 prefixes: where they have it only their operator knows.
 */
bool address_embedded(const struct sockaddr *address, struct sockaddr_in *embedded);

/** 0 for other families than IPv4 and IPv6. */
uint16_t address_port(const struct sockaddr *address);

#define ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN
/** Writes it for people, without port. */
void address_write(const struct sockaddr *address, char text[ADDRESS_TEXT_SIZE]);

/** Whether `text` is a literal IPv4 or IPv6 address (no name, port, brackets or zone). */
bool address_text_valid(const char *text);
/** Whether `text` is a literal loopback address: 127.0.0.0/8 or ::1. */
bool address_text_is_loopback(const char *text);

#endif
