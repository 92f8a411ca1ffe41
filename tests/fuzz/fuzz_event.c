/* Events: what is decoded can be encoded, and is decoded as the same again. */
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

static char *encode(const struct event *event)
{
    size_t length;
    char *text = event_encode(event, &length);
    ENSURE(strlen(text) == length);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct event event;
    if (event_decode(data, size, &event, &error) != 0) {
        ENSURE(error.code == ERROR_INVALID);
        return 0;
    }
    char *key = event_key(&event), *once = encode(&event);
    event_fini(&event);
    ENSURE(event_decode(once, strlen(once), &event, &error) == 0);
    char *key_again = event_key(&event), *twice = encode(&event);
    event_fini(&event);
    ENSURE(strcmp(once, twice) == 0);
    ENSURE(strcmp(key, key_again) == 0);
    free(key);
    free(once);
    free(key_again);
    free(twice);
    return 0;
}
