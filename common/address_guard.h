/**
 * Which addresses and ports may be dialled for a URL that a stranger chose: the guard against
 * server-side request forgery (section "security" of the configuration, docs/callback-guard.md).
 *
 * It judges the address that is really connected to, after DNS (libcurl:
 * CURLOPT_OPENSOCKETFUNCTION), because names and spellings say nothing: a name can resolve to
 * something else a moment later, and an address can be written in a hundred ways. Judging a URL's
 * text is never enough; address_guard_permits_port only spares a request that cannot succeed.
 *
 *   denied network or port  >  allowed network  >  public
 *
 * Whoever calls such a URL must go through dispatcher/http_client with this guard: callbacks
 * (verification, denial, delivery), and fetches of topics when there are any. Other HTTP clients
 * (providers that the operator configured) do not need it.
 *
 * Made once, then read-only: pure, without allocation, from any thread. It does not change while a
 * process lives, so what it permitted when a connection was made it still permits when the
 * connection is used again.
 */
#ifndef WEBSUB_COMMON_ADDRESS_GUARD_H
#define WEBSUB_COMMON_ADDRESS_GUARD_H

#include "common/address.h"
#include "common/config.h"

struct network_list {
    struct address_network *items; /**< owned */
    size_t count;
};

struct port_list {
    struct port_range *items; /**< owned */
    size_t count;
};

/** Zero-initialised permits public addresses, on every port. */
struct address_guard {
    struct network_list allowed_networks; /**< beside public ones */
    struct network_list denied_networks;
    struct port_list allowed_ports; /**< empty: all */
    struct port_list denied_ports;
};

enum address_verdict {
    ADDRESS_PERMITTED,
    ADDRESS_NOT_PUBLIC, /**< and no network allows it */
    ADDRESS_DENIED,     /**< by a network */
    ADDRESS_PORT_DENIED /**< or not among those that are allowed */
};

/** Fills the guard from a configuration that was loaded, and so is valid. */
void address_guard_init(struct address_guard *guard, const struct config *config);
void address_guard_fini(struct address_guard *guard);

/**
 * Judges an address with its port. An IPv4 address that is wrapped in an IPv6 one
 * (address_embedded) must be permitted too: whoever allows 64:ff9b::/96 has not thereby allowed
 * 64:ff9b::10.0.0.1, and denying 10.0.0.0/8 denies that as well.
 */
enum address_verdict address_guard_judge(const struct address_guard *guard,
                                         const struct sockaddr *address);
bool address_guard_permits_port(const struct address_guard *guard, uint16_t port);

/** Why an address was judged so, for logs: a literal such as "Loopback (RFC 1122)". Not for
 * strangers: it tells about our network. */
const char *address_guard_reason(enum address_verdict verdict, const struct sockaddr *address);

#endif
