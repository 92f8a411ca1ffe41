/* websub-hub: HTTP in, events and messages to Kafka. */
#include "common/log.h"
#include "common/program.h"
#include "hub/front.h"

enum { WATCH_MS = 1000 };

static bool stop_requested(void)
{
    return program_wait_for_stop(0);
}

/** Runs until a signal (0), or until only another process can go on (1). */
static int serve(struct front *front)
{
    struct error error;
    while (!program_wait_for_stop(WATCH_MS)) {
        if (!front_has_failed(front, &error))
            continue;
        log_error("hub.failed", LOG_STR("reason", error.message));
        return 1;
    }
    return 0;
}

static void reload(void *front)
{
    front_reload(front);
}

int main(int argc, char **argv)
{
    struct config config;
    struct error error;
    int code = program_start(argc, argv, "websub-hub",
                             "takes subscriptions and publications over HTTP", NULL, &config);
    if (code >= 0)
        return code;
    struct front *front = front_new(&config, stop_requested, &error);
    code = 0;
    if (front) {
        program_on_reload(reload, front);
        code = serve(front);
        log_info("hub.stopping");
        front_free(front);
    } else if (error.code != ERROR_CONFLICT) {
        log_error("hub.start_failed", LOG_STR("reason", error.message));
        code = 1;
    }
    log_info("hub.stopped");
    return code;
}
