#include "tests/fuzz/live_hub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "consolidator/engine.h"
#include "deploy/devbroker/broker.h"
#include "hub/front.h"

enum { PATIENCE_SECONDS = 30, QUIET_MS = 1, PARTITIONS = 2, POLL_MS = 10 };

/* OpenSSL's state of librdkafka's threads seems lost at the end. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcrypto\n";
}

static struct {
    struct broker *broker;
    struct front *front;
    uint16_t port;

    /* the consolidator: its thread's, but for the flags */
    pthread_t thread;
    struct config config;
    atomic_bool stop;
    atomic_bool joined;
} live;

static struct config load_config(void)
{
    struct config config;
    struct error error;
    if (config_load(&config, NULL, &error) != 0)
        PANIC("configuration: %s", error.message);
    return config;
}

static void set_number(const char *name, unsigned number)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", number);
    ENSURE(setenv(name, text, 1) == 0);
}

/** Everything comes from here, nothing from the environment that the fuzzer runs in. */
static void choose_settings(void)
{
    static const struct {
        const char *name, *value;
    } settings[] = {
        /* The mock cannot create topics when asked to. */
        {"WEBSUB_MESSAGES_LAYOUT", "pooled"},
        /* It answers a fetch after this time, even if there is something earlier. */
        {"WEBSUB_KAFKA_PROPERTIES", "fetch.wait.max.ms=2"},
        {"WEBSUB_KAFKA_PRODUCE_TIMEOUT", "10s"},
        {"WEBSUB_HUB_VIEW_TIMEOUT", "10s"},
        {"WEBSUB_HUB_THREADS", "2"},
        /* Well below PATIENCE_SECONDS: once in 188,000 inputs a connection whose sending side was
         * closed stayed until this time had passed. */
        {"WEBSUB_HUB_IDLE_TIMEOUT", "5s"},
        /* Secrets are sealed; with a key that is none. */
        {"WEBSUB_SECURITY_SECRET_KEYS", "fuzz=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        /* Neither fuzzers nor tests read it, and it would be megabytes. */
        {"WEBSUB_LOG_LEVEL", "error"},
    };
    clearenv();
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        ENSURE(setenv(settings[i].name, settings[i].value, 1) == 0);
    set_number("WEBSUB_KAFKA_PARTITIONS", PARTITIONS);
    set_number("WEBSUB_MESSAGES_POOL_PARTITIONS", PARTITIONS);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
           getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static struct engine_metrics make_metrics(struct metrics *metrics, struct keyring *keyring)
{
    return (struct engine_metrics){
        .folded = metrics_counter(metrics, "folded", "", NULL),
        .ignored = metrics_counter(metrics, "ignored", "", NULL),
        .malformed = metrics_counter(metrics, "malformed", "", NULL),
        .malformed_state = metrics_counter(metrics, "malformed_state", "", NULL),
        .transactions = metrics_counter(metrics, "transactions", "", NULL),
        .aborted = metrics_counter(metrics, "aborted", "", NULL),
        .notices = metrics_counter(metrics, "notices", "", NULL),
        .partitions = metrics_gauge(metrics, "partitions", "", NULL),
        .subscriptions = metrics_gauge(metrics, "subscriptions", "", NULL),
        .topics = metrics_gauge(metrics, "topics", "", NULL),
        .secrets = secrets_gauges_new(keyring, metrics),
    };
}

/* @locality consolidator thread */
static void *consolidate(void *unused)
{
    (void)unused;
    struct error error = {0};
    struct metrics *metrics = metrics_new();
    struct keyring *keyring = keyring_new(&live.config.security.secret_keys, &error);
    ENSURE(keyring);
    const struct engine_metrics engine_metrics = make_metrics(metrics, keyring);
    const struct kafka_layout layout = {.partitions = PARTITIONS};
    struct kafka_names names;
    kafka_names_init(&names, &live.config);
    /* As the consolidator's main: what new handles may mend gets new handles. */
    for (int result = -1; result != 0 && !atomic_load(&live.stop);) {
        struct engine *engine =
            engine_new(&live.config, &names, &layout, keyring, &engine_metrics, &error);
        ENSURE(engine);
        result = engine_run(engine, &live.stop, &live.joined, &error);
        ENSURE(result == 0 || error.retriable || error.code == ERROR_CONFLICT);
        engine_free(engine);
    }
    /* A message that is malformed, in Kafka, was written by our hub. */
    ENSURE(atomic_load(&engine_metrics.malformed->value) == 0);
    ENSURE(atomic_load(&engine_metrics.malformed_state->value) == 0);
    secrets_gauges_free(engine_metrics.secrets);
    keyring_free(keyring);
    kafka_names_fini(&names);
    metrics_free(metrics);
    return NULL;
}

static bool never(void)
{
    return false;
}

static void stop(void)
{
    front_free(live.front);
    atomic_store(&live.stop, true);
    pthread_join(live.thread, NULL);
    config_fini(&live.config);
    broker_free(live.broker);
}

static void start_broker(void)
{
    struct error error;
    struct config config = load_config();
    live.broker = broker_new(&config, 0, &error);
    if (!live.broker)
        PANIC("broker: %s", error.message);
    config_fini(&config);
    ENSURE(setenv("WEBSUB_KAFKA_BOOTSTRAP_SERVERS", broker_address(live.broker), 1) == 0);
}

void live_hub_start(void)
{
    struct error error;
    if (live.front)
        return;
    signal(SIGPIPE, SIG_IGN);
    choose_settings();
    live.port = free_port();
    set_number("WEBSUB_HUB_PORT", live.port);
    start_broker();
    live.config = load_config();
    log_init("live-hub", live.config.log.level, live.config.log.format);
    if (pthread_create(&live.thread, NULL, consolidate, NULL) != 0)
        PANIC("no thread for the consolidator");
    struct config config = load_config();
    live.front = front_new(&config, never, &error);
    if (!live.front)
        PANIC("hub: %s", error.message);
    while (!atomic_load(&live.joined))
        clock_sleep_ms(POLL_MS);
    ENSURE(atexit(stop) == 0);
}

static int connect_to_hub(void)
{
    const struct sockaddr_in address = loopback(live.port);
    const struct timeval patience = {PATIENCE_SECONDS, 0};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        PANIC("the hub does not let us connect: %s", strerror(errno));
    return fd;
}

static bool hub_has_closed(void)
{
    return errno == ECONNRESET || errno == EPIPE || errno == ENOTCONN;
}

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && hub_has_closed())
            return;
        if (sent < 0)
            PANIC("the hub does not read: %s", strerror(errno));
        bytes += sent;
        length -= (size_t)sent;
    }
}

/** Until bytes or the end have come, or the hub seems to wait for more: false. */
static bool wait_for_bytes(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int64_t deadline = clock_monotonic_ms() + PATIENCE_SECONDS * 1000;
    while (poll(&ready, 1, QUIET_MS) == 0) {
        if (front_pending(live.front) == 0)
            return false;
        if (clock_monotonic_ms() > deadline)
            PANIC("the hub does not answer");
    }
    return true;
}

static void receive_all(int fd, bool close_when_quiet, struct buffer *answer)
{
    char bytes[4096];
    ssize_t got;
    do {
        if (close_when_quiet && !wait_for_bytes(fd)) {
            close_when_quiet = false;
            shutdown(fd, SHUT_WR);
        }
        got = recv(fd, bytes, sizeof(bytes), 0);
        if (got > 0)
            buffer_append(answer, bytes, (size_t)got);
    } while (got > 0);
    if (got < 0 && !hub_has_closed())
        PANIC("the hub neither answers nor closes: %s", strerror(errno));
}

static struct buffer exchange(const void *bytes, size_t length, bool close_when_quiet)
{
    struct buffer answer = {0};
    int fd = connect_to_hub();
    send_all(fd, bytes, length);
    receive_all(fd, close_when_quiet, &answer);
    close(fd);
    return answer;
}

char *live_hub_try(const void *bytes, size_t length, size_t *answer_length)
{
    struct buffer answer = exchange(bytes, length, true);
    *answer_length = answer.length;
    return answer.data ? answer.data : xstrdup("");
}

int live_hub_ask(const char *request)
{
    struct buffer answer = exchange(request, strlen(request), false);
    int status = answer.data ? atoi(answer.data + strcspn(answer.data, " ")) : 0;
    buffer_fini(&answer);
    return status;
}
