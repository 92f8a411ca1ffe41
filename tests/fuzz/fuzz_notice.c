/* Notices, as they are read before they are passed on: what is read can be put into a request. */
#include <string.h>

#include "common/notice.h"
#include "common/panic.h"
#include "tests/fuzz/fuzz.h"

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct notice_head head;
    if (notice_read_head(data, size, &head, &error) != 0) {
        ENSURE(error.code == ERROR_INVALID);
        return 0;
    }
    ENSURE(strlen(head.id) == ID_UUID_SIZE - 1 && is_plain(head.id));
    ENSURE(*head.type && strlen(head.type) <= NOTICE_TYPE_MAX && is_plain(head.type));
    return 0;
}
