/*
 * A client is a hub's URL and a stack of idle libcurl handles, each with its kept connection. A
 * request takes one, or makes a new one when all are busy, so that the requests of several threads
 * neither wait for each other nor share a handle.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/authorization.h"
#include "client/fail.h"
#include "client/transfer.h"
#include "client/websub.h"
#include "common/error.h"
#include "common/form.h"
#include "common/panic.h"
#include "common/url.h"

enum {
    MAX_IDLE = 16,
    MAX_REDIRECTS = 5,
    MAX_CONTENT_TYPE = 1024,
    DEFAULT_CONNECT_MS = 5000,
    DEFAULT_TIMEOUT_MS = 30000
};

struct websub_client {
    char *hub_url;
    struct buffer origin; /* of it */
    char *authorization;  /* header line, or NULL; a secret */
    char *ca_file;        /* NULL: the system's authorities */
    long connect_timeout_ms;
    long timeout_ms;
    pthread_mutex_t mutex; /* protects what follows */
    CURL *idle[MAX_IDLE];
    size_t idle_count;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct websub_client *websub_client_new(const struct websub_client_options *options,
                                        struct websub_error *error)
{
    struct error cause;
    const char *url = options->hub_url ? options->hub_url : "";
    if (url_check_callback(url, &cause) != 0) {
        fail_set(error, WEBSUB_ERROR_ARGUMENT, 0, "the URL of the hub %s", cause.message);
        return NULL;
    }
    if (options->ca_file && access(options->ca_file, R_OK) != 0) {
        fail_set(error, WEBSUB_ERROR_ARGUMENT, 0, "%s: %s", options->ca_file, strerror(errno));
        return NULL;
    }
    char *authorization = NULL;
    if (authorization_make(options, &authorization, error) != 0)
        return NULL;
    pthread_once(&curl_once, start_curl);
    struct websub_client *client = xcalloc(1, sizeof(*client));
    client->hub_url = xstrdup(url);
    client->authorization = authorization;
    ENSURE(url_origin(url, &client->origin) == 0);
    client->ca_file = xstrdup_or_null(options->ca_file);
    client->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : DEFAULT_CONNECT_MS;
    client->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    ENSURE(pthread_mutex_init(&client->mutex, NULL) == 0);
    return client;
}

void websub_client_free(struct websub_client *client)
{
    if (!client)
        return;
    for (size_t i = 0; i < client->idle_count; i++)
        curl_easy_cleanup(client->idle[i]);
    pthread_mutex_destroy(&client->mutex);
    authorization_free(client->authorization);
    buffer_fini(&client->origin);
    free(client->hub_url);
    free(client->ca_file);
    free(client);
}

static CURL *take_handle(struct websub_client *client)
{
    CURL *easy = NULL;
    pthread_mutex_lock(&client->mutex);
    if (client->idle_count > 0)
        easy = client->idle[--client->idle_count];
    pthread_mutex_unlock(&client->mutex);
    if (!easy) {
        easy = curl_easy_init();
        ENSURE(easy != NULL);
    }
    return easy;
}

static void give_back_handle(struct websub_client *client, CURL *easy)
{
    pthread_mutex_lock(&client->mutex);
    if (client->idle_count < MAX_IDLE) {
        client->idle[client->idle_count++] = easy;
        easy = NULL;
    }
    pthread_mutex_unlock(&client->mutex);
    if (easy)
        curl_easy_cleanup(easy);
}

/* The hub may send a request elsewhere (WebSub section 5.1.2); what is encrypted must stay so. */
static bool may_follow(const char *from, const struct answer *answer)
{
    return (answer->status == 307 || answer->status == 308) && answer->location &&
           (strncmp(from, "https:", 6) != 0 || strncmp(answer->location, "https:", 6) == 0);
}

/* Who we are is for the hub itself, not for where it, or who claims to be it, sends us. */
static const char *authorization_for(const struct websub_client *client, const char *url)
{
    struct buffer origin = {0};
    bool same = url_origin(url, &origin) == 0 && strcmp(origin.data, client->origin.data) == 0;
    buffer_fini(&origin);
    return same ? client->authorization : NULL;
}

/* On success `*answer` is the last one; call answer_fini in either case. */
static int follow_to_answer(const struct websub_client *client, CURL *easy,
                            struct transfer *transfer, struct answer *answer,
                            struct websub_error *error)
{
    char *url = NULL; /* owned: where the last redirect led */
    transfer->authorization = client->authorization;
    int result = transfer_perform(easy, transfer, answer, error);
    for (int hops = 0; result == 0 && hops < MAX_REDIRECTS && may_follow(transfer->url, answer);
         hops++) {
        free(url);
        url = answer->location;
        answer->location = NULL;
        answer_fini(answer);
        *answer = (struct answer){0};
        transfer->url = url;
        transfer->authorization = authorization_for(client, url);
        result = transfer_perform(easy, transfer, answer, error);
    }
    free(url);
    return result;
}

static int post(struct websub_client *client, struct transfer *transfer, char *message_id,
                struct websub_error *error)
{
    struct answer answer = {0};
    CURL *easy = take_handle(client);
    transfer->ca_file = client->ca_file;
    transfer->connect_timeout_ms = client->connect_timeout_ms;
    transfer->timeout_ms = client->timeout_ms;
    int result = follow_to_answer(client, easy, transfer, &answer, error);
    give_back_handle(client, easy);
    if (result == 0)
        result = answer_judge(&answer, error);
    if (result == 0 && message_id)
        memcpy(message_id, answer.message_id, sizeof(answer.message_id));
    answer_fini(&answer);
    return result;
}

static int post_form(struct websub_client *client, const struct buffer *form,
                     struct websub_error *error)
{
    struct transfer transfer = {
        .url = client->hub_url,
        .content_type = "application/x-www-form-urlencoded",
        .body = form->data,
        .length = form->length,
    };
    return post(client, &transfer, NULL, error);
}

static int check_topic(const char *topic, struct websub_error *error)
{
    struct error cause;
    if (topic_check(topic ? topic : "", &cause) == 0)
        return 0;
    return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0, "the topic %s", cause.message);
}

static int check_callback(const char *callback, struct websub_error *error)
{
    struct error cause;
    if (url_check_callback(callback ? callback : "", &cause) == 0)
        return 0;
    return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0, "the callback %s", cause.message);
}

static int post_topic(struct websub_client *client, const char *mode, const char *topic,
                      struct websub_error *error)
{
    struct buffer form = {0};
    if (check_topic(topic, error) != 0)
        return -1;
    form_append(&form, "hub.mode", mode);
    form_append(&form, "hub.topic", topic);
    int result = post_form(client, &form, error);
    buffer_fini(&form);
    return result;
}

int websub_register(struct websub_client *client, const char *topic, struct websub_error *error)
{
    return post_topic(client, "register", topic, error);
}

int websub_deregister(struct websub_client *client, const char *topic, struct websub_error *error)
{
    return post_topic(client, "deregister", topic, error);
}

static int check_message(const struct websub_message *message, const char *content_type,
                         struct websub_error *error)
{
    if (check_topic(message->topic, error) != 0)
        return -1;
    if (!message->body || message->length == 0)
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0, "the message is empty");
    for (const char *c = content_type; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0,
                            "the content type contains a control character");
    if (!content_type[0] || strlen(content_type) > MAX_CONTENT_TYPE)
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0,
                        "the content type is empty or longer than %d bytes", MAX_CONTENT_TYPE);
    return 0;
}

int websub_publish(struct websub_client *client, const struct websub_message *message,
                   char id[WEBSUB_MESSAGE_ID_SIZE], struct websub_error *error)
{
    const char *content_type =
        message->content_type ? message->content_type : "application/octet-stream";
    if (check_message(message, content_type, error) != 0)
        return -1;
    struct buffer parameters = {0}, url = {0};
    form_append(&parameters, "hub.mode", "publish");
    form_append(&parameters, "hub.topic", message->topic);
    url_append_query(&url, client->hub_url, parameters.data);
    struct transfer transfer = {
        .url = url.data,
        .content_type = content_type,
        .body = message->body,
        .length = message->length,
    };
    int result = post(client, &transfer, id, error);
    buffer_fini(&parameters);
    buffer_fini(&url);
    return result;
}

static int check_subscription(const struct websub_subscription *subscription,
                              struct websub_error *error)
{
    const char *secret = subscription->secret;
    if (check_topic(subscription->topic, error) != 0 ||
        check_callback(subscription->callback, error) != 0)
        return -1;
    if (secret && (!secret[0] || strlen(secret) > WEBSUB_SECRET_MAX))
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0,
                        "the secret is empty or longer than %d bytes", WEBSUB_SECRET_MAX);
    if (subscription->lease_seconds < 0)
        return fail_set(error, WEBSUB_ERROR_ARGUMENT, 0, "the lease is negative");
    return 0;
}

int websub_subscribe(struct websub_client *client, const struct websub_subscription *subscription,
                     struct websub_error *error)
{
    struct buffer form = {0};
    if (check_subscription(subscription, error) != 0)
        return -1;
    form_append(&form, "hub.mode", "subscribe");
    form_append(&form, "hub.topic", subscription->topic);
    form_append(&form, "hub.callback", subscription->callback);
    if (subscription->secret)
        form_append(&form, "hub.secret", subscription->secret);
    if (subscription->lease_seconds > 0) {
        char seconds[24];
        snprintf(seconds, sizeof(seconds), "%" PRId64, subscription->lease_seconds);
        form_append(&form, "hub.lease_seconds", seconds);
    }
    int result = post_form(client, &form, error);
    buffer_fini(&form);
    return result;
}

int websub_unsubscribe(struct websub_client *client, const char *topic, const char *callback,
                       struct websub_error *error)
{
    struct buffer form = {0};
    if (check_topic(topic, error) != 0 || check_callback(callback, error) != 0)
        return -1;
    form_append(&form, "hub.mode", "unsubscribe");
    form_append(&form, "hub.topic", topic);
    form_append(&form, "hub.callback", callback);
    int result = post_form(client, &form, error);
    buffer_fini(&form);
    return result;
}
