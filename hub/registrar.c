#include "hub/registrar.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/placement.h"
#include "hub/hub.h"

struct registrar {
    struct hub *hub;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping;
    struct registration *queue;
};

static int locate(struct hub *hub, const char *topic, struct location *location,
                  struct error *error)
{
    if (!placement_choose(&hub->config, &hub->names, hub->layout.pool_partitions,
                          view_dedicated_count(hub->view), topic, location))
        return 0;
    if (kafka_admin_create_messages(kafka_producer_handle(hub->producer), &hub->config,
                                    location->kafka_topic, (int)hub->config.kafka.produce_timeout,
                                    error) != 0)
        return -1;
    message_topics_get(hub->message_topics, location->kafka_topic);
    return 0;
}

/* @locality producer thread */
static void on_written(void *context, rd_kafka_resp_err_t code, int32_t partition, int64_t offset)
{
    struct registration *registration = context;
    struct error error;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        view_note_write(registration->hub->view, partition, offset);
        registration->done(registration, NULL);
    } else {
        kafka_error(&error, code, "registering the topic");
        registration->done(registration, &error);
    }
}

/* @locality registrar thread */
static void register_topic(struct registrar *registrar, struct registration *registration)
{
    struct hub *hub = registrar->hub;
    struct error error;
    struct event event = {
        .type = EVENT_TOPIC_REGISTERED,
        .at_ms = clock_wall_ms(),
        .topic = (char *)(uintptr_t)registration->topic, /* borrowed */
        .method = -1,
    };
    registration->hub = hub;
    int result = -1;
    if (clock_monotonic_ms() > registration->deadline_ms)
        error_set(&error, ERROR_TIMEOUT, true, "too many registrations are waiting");
    else
        result = locate(hub, registration->topic, &event.location, &error);
    if (result == 0)
        result = event_writer_send(hub->events, &event, on_written, registration, &error);
    location_fini(&event.location);
    if (result != 0)
        registration->done(registration, &error);
}

static void *registrar_main(void *context)
{
    struct registrar *registrar = context;
    pthread_mutex_lock(&registrar->lock);
    while (!registrar->stopping || registrar->queue) {
        struct registration *registration = registrar->queue;
        if (!registration) {
            pthread_cond_wait(&registrar->work, &registrar->lock);
            continue;
        }
        LL_DELETE(registrar->queue, registration);
        pthread_mutex_unlock(&registrar->lock);
        register_topic(registrar, registration);
        pthread_mutex_lock(&registrar->lock);
    }
    pthread_mutex_unlock(&registrar->lock);
    return NULL;
}

struct registrar *registrar_new(struct hub *hub)
{
    struct registrar *registrar = xcalloc(1, sizeof(*registrar));
    registrar->hub = hub;
    pthread_mutex_init(&registrar->lock, NULL);
    pthread_cond_init(&registrar->work, NULL);
    if (pthread_create(&registrar->thread, NULL, registrar_main, registrar) != 0)
        PANIC("no thread for the registrar");
    return registrar;
}

void registrar_register(struct registrar *registrar, struct registration *registration)
{
    registration->deadline_ms = clock_monotonic_ms() + registrar->hub->config.kafka.produce_timeout;
    pthread_mutex_lock(&registrar->lock);
    LL_APPEND(registrar->queue, registration);
    pthread_cond_signal(&registrar->work);
    pthread_mutex_unlock(&registrar->lock);
}

void registrar_free(struct registrar *registrar)
{
    if (!registrar)
        return;
    pthread_mutex_lock(&registrar->lock);
    registrar->stopping = true;
    pthread_cond_signal(&registrar->work);
    pthread_mutex_unlock(&registrar->lock);
    pthread_join(registrar->thread, NULL);
    pthread_mutex_destroy(&registrar->lock);
    pthread_cond_destroy(&registrar->work);
    free(registrar);
}
