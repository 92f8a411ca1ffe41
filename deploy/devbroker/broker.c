#include "deploy/devbroker/broker.h"

#include <librdkafka/rdkafka.h>
/* Needs rdkafka.h before it. */
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/kafka.h"
#include "common/log.h"
#include "common/panic.h"
#include "deploy/devbroker/listen_port.h"

enum { API_KEY_METADATA = 3, PAUSE_NS = 2000000 };

struct broker {
    rd_kafka_t *rk; /* the mock cluster lives in a client handle */
    rd_kafka_mock_cluster_t *cluster;
};

/* @locality librdkafka's threads */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    if (level <=
        3) /* less severe: that the handle has no servers to connect to, which is intended */
        log_warning("broker", LOG_STR("facility", facility), LOG_STR("message", text));
}

static rd_kafka_t *new_handle(struct error *error)
{
    char message[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, message, sizeof(message));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        error_set(error, ERROR_RESOURCE, false, "librdkafka: %s", message);
    }
    return rk;
}

/*
 * The mock's thread overlooks a command that comes while it is finishing the one before, and then
 * sleeps for a second. So it is given the time to get back to waiting before each.
 */
static void let_cluster_rest(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    nanosleep(&pause, NULL);
}

static rd_kafka_mock_cluster_t *new_cluster(rd_kafka_t *rk, uint16_t port, struct error *error)
{
    /* The mock does not survive a port that it cannot have. */
    if (port != 0 && listen_port_check(port, error) != 0)
        return NULL;
    listen_port_choose(port);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
    listen_port_choose(0);
    if (!cluster) {
        error_set(error, ERROR_INTERNAL, false, "librdkafka cannot start its mock cluster");
        return NULL;
    }
    /*
     * Later versions of the Metadata answer name a controller, here one that does not exist:
     * clients that create topics would wait for it. Version 0 names none.
     */
    let_cluster_rest();
    ENSURE(rd_kafka_mock_set_apiversion(cluster, API_KEY_METADATA, 0, 0) ==
           RD_KAFKA_RESP_ERR_NO_ERROR);
    return cluster;
}

static int create_topic(rd_kafka_mock_cluster_t *cluster, const char *name, int64_t partitions,
                        struct error *error)
{
    let_cluster_rest();
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(cluster, name, (int)partitions, 1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return error_set(error, ERROR_INTERNAL, false, "cannot create the topic %s: %s", name,
                     rd_kafka_err2str(code));
}

static int create_topics(rd_kafka_mock_cluster_t *cluster, const struct config *config,
                         struct error *error)
{
    struct kafka_names names;
    kafka_names_init(&names, config);
    const struct {
        const char *name;
        int64_t partitions;
    } topics[] = {
        {names.events, config->kafka.partitions},
        {names.state, config->kafka.partitions},
        {names.dead_letters, config->kafka.partitions},
        {names.attempts, config->kafka.partitions},
        {names.status, config->kafka.partitions},
        {names.pool, config->messages.pool_partitions},
        {names.notices, config->kafka.partitions}, /* the last, if it is wanted */
    };
    size_t count = sizeof(topics) / sizeof(topics[0]) - (config->notices.enabled ? 0 : 1);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = create_topic(cluster, topics[i].name, topics[i].partitions, error);
    kafka_names_fini(&names);
    return result;
}

/* A librdkafka that does not call our bind() would listen somewhere else. */
static int check_port(const struct broker *broker, uint16_t port, struct error *error)
{
    const char *colon = strrchr(broker_address(broker), ':');
    if (port == 0 || (colon && strtoul(colon + 1, NULL, 10) == port))
        return 0;
    return error_set(error, ERROR_INTERNAL, false,
                     "this librdkafka cannot be told a port: use --port 0 and --address-file");
}

struct broker *broker_new(const struct config *config, uint16_t port, struct error *error)
{
    struct broker *broker = xcalloc(1, sizeof(*broker));
    broker->rk = new_handle(error);
    if (!broker->rk)
        goto fail;
    broker->cluster = new_cluster(broker->rk, port, error);
    if (!broker->cluster)
        goto fail;
    if (check_port(broker, port, error) == 0 && create_topics(broker->cluster, config, error) == 0)
        return broker;
fail:
    broker_free(broker);
    return NULL;
}

const char *broker_address(const struct broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void broker_free(struct broker *broker)
{
    if (!broker)
        return;
    if (broker->cluster) {
        let_cluster_rest();
        rd_kafka_mock_cluster_destroy(broker->cluster);
    }
    if (broker->rk)
        rd_kafka_destroy(broker->rk);
    free(broker);
}
