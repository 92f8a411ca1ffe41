#include "deploy/devbroker/listen_port.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/panic.h"

static _Thread_local uint16_t chosen_port;

typedef int (*bind_fn)(int socket_fd, const struct sockaddr *address, socklen_t length);

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bind_fn find_system_bind(void)
{
    /* C knows no cast from an object pointer to a function pointer; POSIX promises that this works.
     */
    void *symbol = dlsym(RTLD_NEXT, "bind");
    bind_fn function;
    ENSURE(symbol != NULL);
    memcpy(&function, &symbol, sizeof(function));
    return function;
}

static bool is_any_loopback_port(const struct sockaddr *address, socklen_t length)
{
    struct sockaddr_in given;
    if (address->sa_family != AF_INET || length < sizeof(given))
        return false;
    memcpy(&given, address, sizeof(given));
    return given.sin_port == 0 && given.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

/* Takes the place of the C library's, for the whole process. */
int bind(int socket_fd, const struct sockaddr *address, socklen_t length)
{
    bind_fn system_bind = find_system_bind();
    if (chosen_port == 0 || !is_any_loopback_port(address, length))
        return system_bind(socket_fd, address, length);
    struct sockaddr_in fixed = loopback(chosen_port);
    return system_bind(socket_fd, (const struct sockaddr *)&fixed, sizeof(fixed));
}

void listen_port_choose(uint16_t port)
{
    chosen_port = port;
}

int listen_port_check(uint16_t port, struct error *error)
{
    const struct sockaddr_in address = loopback(port);
    const int on = 1;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return error_set(error, ERROR_RESOURCE, true, "cannot make a socket: %s", strerror(errno));
    int result = 0;
    /* As the mock does it: connections of a broker that has just ended do not keep the port. */
    if (setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(probe, (const struct sockaddr *)&address, sizeof(address)) != 0)
        result = error_set(error, ERROR_CONFIG, false, "cannot listen on 127.0.0.1:%u: %s", port,
                           strerror(errno));
    close(probe);
    return result;
}
