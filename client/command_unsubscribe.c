/* websub unsubscribe: ends a subscription, and confirms that at its callback. */
#include "client/command.h"
#include "client/session.h"

enum { DEFAULT_TIMEOUT_S = 30 };

static int unsubscribe(struct session *session)
{
    const struct command_options *options = session->options;
    int64_t seconds = options->timeout_seconds ? options->timeout_seconds : DEFAULT_TIMEOUT_S;
    int code = session_unsubscribe(session, seconds * 1000);
    if (code == COMMAND_DONE && options->no_listen)
        session_note(session, "accepted: the hub will ask back at %s", options->callback);
    return code;
}

int command_unsubscribe(const struct command_options *options)
{
    struct session session;
    if (!options->callback)
        return command_refuse_usage("unsubscribe: --callback is missing");
    int code = session_open(&session, options);
    if (code == COMMAND_DONE)
        code = unsubscribe(&session);
    session_close(&session);
    return code;
}
