#include "common/address_guard.h"

#include <stdlib.h>

#include "common/panic.h"

/* The texts were checked when the configuration was loaded (config_list.c). */

static void networks_init(struct network_list *list, const struct string_list *texts)
{
    struct error error;
    list->items = xcalloc(texts->count, sizeof(*list->items));
    list->count = texts->count;
    for (size_t i = 0; i < texts->count; i++)
        ENSURE(address_network_parse(texts->items[i], &list->items[i], &error) == 0);
}

static void ports_init(struct port_list *list, const struct string_list *texts)
{
    list->items = xcalloc(texts->count, sizeof(*list->items));
    list->count = texts->count;
    for (size_t i = 0; i < texts->count; i++)
        ENSURE(address_port_range_parse(texts->items[i], &list->items[i]) == 0);
}

void address_guard_init(struct address_guard *guard, const struct config *config)
{
    networks_init(&guard->allowed_networks, &config->security.allowed_callback_networks);
    networks_init(&guard->denied_networks, &config->security.denied_callback_networks);
    ports_init(&guard->allowed_ports, &config->security.allowed_callback_ports);
    ports_init(&guard->denied_ports, &config->security.denied_callback_ports);
}

void address_guard_fini(struct address_guard *guard)
{
    free(guard->allowed_networks.items);
    free(guard->denied_networks.items);
    free(guard->allowed_ports.items);
    free(guard->denied_ports.items);
    *guard = (struct address_guard){.allowed_networks = {0}};
}

static bool networks_contain(const struct network_list *list, const struct sockaddr *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (address_network_contains(&list->items[i], address))
            return true;
    }
    return false;
}

static bool ports_contain(const struct port_list *list, uint16_t port)
{
    for (size_t i = 0; i < list->count; i++) {
        if (port >= list->items[i].first && port <= list->items[i].last)
            return true;
    }
    return false;
}

static enum address_verdict judge_one(const struct address_guard *guard,
                                      const struct sockaddr *address)
{
    if (networks_contain(&guard->denied_networks, address))
        return ADDRESS_DENIED;
    if (address_is_public(address) || networks_contain(&guard->allowed_networks, address))
        return ADDRESS_PERMITTED;
    return ADDRESS_NOT_PUBLIC;
}

enum address_verdict address_guard_judge(const struct address_guard *guard,
                                         const struct sockaddr *address)
{
    struct sockaddr_in embedded;
    enum address_verdict verdict = judge_one(guard, address);
    if (verdict == ADDRESS_PERMITTED && address_embedded(address, &embedded))
        verdict = judge_one(guard, (const struct sockaddr *)&embedded);
    if (verdict == ADDRESS_PERMITTED && !address_guard_permits_port(guard, address_port(address)))
        verdict = ADDRESS_PORT_DENIED;
    return verdict;
}

bool address_guard_permits_port(const struct address_guard *guard, uint16_t port)
{
    return !ports_contain(&guard->denied_ports, port) &&
           (guard->allowed_ports.count == 0 || ports_contain(&guard->allowed_ports, port));
}

const char *address_guard_reason(enum address_verdict verdict, const struct sockaddr *address)
{
    struct sockaddr_in embedded;
    const char *name = NULL;
    switch (verdict) {
    case ADDRESS_NOT_PUBLIC:
        /* What wraps may have been allowed. */
        if (address_embedded(address, &embedded))
            name = address_special_name((const struct sockaddr *)&embedded);
        return name ? name : address_special_name(address);
    case ADDRESS_DENIED:
        return "security.denied_callback_networks";
    case ADDRESS_PORT_DENIED:
        return "security.allowed_callback_ports, denied_callback_ports";
    default:
        return "permitted";
    }
}
