/*
 * A look-up only tells that it failed, and librdkafka tells the reason once in half a minute: it is
 * kept here, as whoever looks at the log later is to find it as well.
 */
#include "common/kafka_reach.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"

enum {
    ATTEMPT_MS = 1000,
    /* Older ones repeat their nonce in the last message of SCRAM. Kafka put up with that until 4.0;
     * since then it answers that the credentials are invalid, which sends people the wrong way. */
    FIRST_VERSION_WITH_SOUND_SCRAM = 0x02060100,
};

/* @locality whoever polls */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct kafka_reach *reach = opaque;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) /* follows the reason */
        snprintf(reach->reason, sizeof(reach->reason), "%s", reason);
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_error_cb(conf, on_error);
}

static void warn_of_old_scram(rd_kafka_t *rk)
{
    char mechanism[32];
    size_t size = sizeof(mechanism);
    if (rd_kafka_version() < FIRST_VERSION_WITH_SOUND_SCRAM &&
        rd_kafka_conf_get(rd_kafka_conf(rk), "sasl.mechanism", mechanism, &size) ==
            RD_KAFKA_CONF_OK &&
        strncmp(mechanism, "SCRAM-", strlen("SCRAM-")) == 0)
        log_warning("kafka.old_scram", LOG_STR("librdkafka", rd_kafka_version_str()),
                    LOG_STR("reason", "Kafka 4 takes SCRAM from librdkafka 2.6.1 and later only"));
}

int kafka_reach_init(struct kafka_reach *reach, const struct config *config, struct error *error)
{
    /* A broker that wants TLS just closes the connection of a client without. */
    const struct kafka_property properties[] = {{"log.connection.close", "true"}, {NULL, NULL}};
    *reach = (struct kafka_reach){.servers = config->kafka.bootstrap_servers};
    reach->rk = kafka_client_new(config, RD_KAFKA_PRODUCER, properties, configure, reach, error);
    if (!reach->rk)
        return -1;
    warn_of_old_scram(reach->rk);
    return 0;
}

static void log_waiting(struct kafka_reach *reach, const char *failure)
{
    while (rd_kafka_poll(reach->rk, 0) > 0)
        ;
    log_warning("kafka.waiting", LOG_STR("bootstrap_servers", reach->servers),
                LOG_STR("reason", reach->reason[0] ? reach->reason : failure));
}

int kafka_reach_wait(struct kafka_reach *reach, bool (*stop)(void), struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    bool waited = false;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(reach->rk, 0, NULL, &metadata, ATTEMPT_MS);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            reach->reason[0] = '\0';
            log_info(waited ? "kafka.reached_at_last" : "kafka.reached",
                     LOG_STR("bootstrap_servers", reach->servers));
            return 0;
        }
        if (stop())
            return error_set(error, ERROR_CONFLICT, false, "stopped while waiting for Kafka");
        log_waiting(reach, rd_kafka_err2str(code));
        waited = true;
    }
}

void kafka_reach_fini(struct kafka_reach *reach)
{
    kafka_client_free(reach->rk);
}
