/* websub-hub: HTTP in, events and messages to Kafka. */
#include "common/keyring.h"
#include "common/log.h"
#include "common/program.h"
#include "common/tls_files.h"
#include "hub/front.h"

static bool stop_requested(void)
{
    return program_wait_for_stop(0);
}

static int check_config(const struct config *config, struct error *error)
{
    return keyring_check_config(config, error) == 0 ? tls_files_check(config, error) : -1;
}

static void reload(void *front)
{
    front_reload(front);
}

int main(int argc, char **argv)
{
    struct config config;
    struct error error;
    int code =
        program_start(argc, argv, "websub-hub", "takes subscriptions and publications over HTTP",
                      check_config, &config);
    if (code >= 0)
        return code;
    struct front *front = front_new(&config, stop_requested, &error);
    code = 0;
    if (front) {
        program_on_reload(reload, front);
        program_wait_for_stop(-1);
        log_info("hub.stopping");
        front_free(front);
    } else if (error.code != ERROR_CONFLICT) {
        log_error("hub.start_failed", LOG_STR("reason", error.message));
        code = 1;
    }
    log_info("hub.stopped");
    return code;
}
