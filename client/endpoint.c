#include "client/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/address.h"
#include "common/buffer.h"
#include "common/id.h"
#include "common/panic.h"
#include "common/url.h"

static int refuse_listen(const char *text, struct error *error)
{
    return error_set(error, ERROR_INVALID, false,
                     "--listen: expected ADDRESS:PORT such as 127.0.0.1:8080, not '%s'", text);
}

static int parse_port(const char *text, uint16_t *port)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long value = strtoul(text, NULL, 10);
    if (digits == 0 || digits > 5 || text[digits] || value > UINT16_MAX)
        return -1;
    *port = (uint16_t)value;
    return 0;
}

/* Copies a host without the brackets that an IPv6 address has in front of a port. */
static char *copy_host(const char *text, size_t length)
{
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
        return xstrndup(text + 1, length - 2);
    return xstrndup(text, length);
}

static int parse_listen(const char *text, struct endpoint *endpoint, struct error *error)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    if (parse_port(port, &endpoint->port) != 0)
        return refuse_listen(text, error);
    free(endpoint->address);
    endpoint->address = colon ? copy_host(text, (size_t)(colon - text)) : xstrdup("127.0.0.1");
    bool ipv6 = strchr(endpoint->address, ':') != NULL;
    if (!address_text_valid(endpoint->address) || (ipv6 && text[0] != '['))
        return refuse_listen(text, error);
    return 0;
}

/* The callback was checked, so url_origin gives "scheme://host:port". */
static int listen_as_callback(struct endpoint *endpoint, struct error *error)
{
    struct buffer origin = {0};
    ENSURE(url_origin(endpoint->callback, &origin) == 0);
    const char *host = strstr(origin.data, "://") + 3;
    const char *colon = strrchr(host, ':');
    free(endpoint->address);
    endpoint->address = copy_host(host, (size_t)(colon - host));
    if (strcmp(endpoint->address, "localhost") == 0) {
        free(endpoint->address);
        endpoint->address = xstrdup("127.0.0.1");
    }
    int result = parse_port(colon + 1, &endpoint->port);
    if (result == 0 && !address_text_valid(endpoint->address))
        result = -1;
    buffer_fini(&origin);
    if (result == 0)
        return 0;
    return error_set(error, ERROR_INVALID, false,
                     "--callback names no address of this machine: say with --listen where its "
                     "requests arrive");
}

/* Asks the kernel for a port. Another program could get it before we listen: then listening fails.
 */
static int choose_port(struct endpoint *endpoint, struct error *error)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    bool is_v4 = inet_pton(AF_INET, endpoint->address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, endpoint->address, &v6.sin6_addr) != 1)
        return refuse_listen(endpoint->address, error);
    struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t length = is_v4 ? sizeof(v4) : sizeof(v6);
    int result = 0;
    int probe = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0 || bind(probe, address, length) != 0 || getsockname(probe, address, &length) != 0)
        result = error_set(error, ERROR_CONFIG, false, "--listen: %s: %s", endpoint->address,
                           strerror(errno));
    else
        endpoint->port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
    if (probe >= 0)
        close(probe);
    return result;
}

static bool is_any_address(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

static int make_callback(struct endpoint *endpoint, struct error *error)
{
    char token[ID_UUID_SIZE];
    if (is_any_address(endpoint->address))
        return error_set(error, ERROR_INVALID, false,
                         "--listen %s: say with --callback how the hub reaches this machine",
                         endpoint->address);
    bool ipv6 = strchr(endpoint->address, ':') != NULL;
    id_uuid7(token);
    endpoint->callback =
        xasprintf("http://%s%s%s:%u/callback/%s", ipv6 ? "[" : "", endpoint->address,
                  ipv6 ? "]" : "", (unsigned)endpoint->port, token);
    return 0;
}

static char *copy_path(const char *callback)
{
    const char *host = strstr(callback, "://") + 3;
    const char *path = host + strcspn(host, "/?");
    size_t length = strcspn(path, "?");
    return length > 0 ? xstrndup(path, length) : xstrdup("/");
}

static int check_callback(const char *callback, struct error *error)
{
    if (url_check_callback(callback, error) == 0)
        return 0;
    return error_prefix(error, "--callback");
}

static int fill(struct endpoint *endpoint, const char *listen, const char *callback,
                struct error *error)
{
    if (callback && check_callback(callback, error) != 0)
        return -1;
    endpoint->callback = xstrdup_or_null(callback);
    if (callback)
        url_normalize(endpoint->callback); /* as the hub will: its requests must be recognised */
    if (listen && parse_listen(listen, endpoint, error) != 0)
        return -1;
    if (!listen && callback && listen_as_callback(endpoint, error) != 0)
        return -1;
    if (endpoint->port == 0 && choose_port(endpoint, error) != 0)
        return -1;
    if (!callback && make_callback(endpoint, error) != 0)
        return -1;
    endpoint->path = copy_path(endpoint->callback);
    return 0;
}

int endpoint_init(struct endpoint *endpoint, const char *listen, const char *callback,
                  struct error *error)
{
    *endpoint = (struct endpoint){.address = xstrdup("127.0.0.1")};
    if (fill(endpoint, listen, callback, error) == 0)
        return 0;
    endpoint_fini(endpoint);
    return -1;
}

void endpoint_fini(struct endpoint *endpoint)
{
    free(endpoint->address);
    free(endpoint->callback);
    free(endpoint->path);
    *endpoint = (struct endpoint){0};
}
