/* A users file: its users have names and strong hashes, or an error shows nothing of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "hub/auth/users.h"
#include "tests/fuzz/fuzz.h"

enum { TELLING = 8 }; /* so much of a hash would help to find the password */

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/** The message is about the line, not of it: no part of a field of the file is in it. */
static void check_silence(const char *message, const char *text, size_t size)
{
    static const char known[] =
        "a line is \"name:hash:role role...\" the password is not hashed, or "
        "by a method that is too weak; use yescrypt, bcrypt or SHA-512, "
        "see crypt(5) it is not UTF-8 text there is a line for this name "
        "already the name is empty, too long, or has control characters "
        "there is no password hash the password hash is not complete "
        "this system does not have the method of the password hash";
    for (size_t i = 0; i + TELLING <= size; i++) {
        char part[TELLING + 1];
        memcpy(part, text + i, TELLING);
        part[TELLING] = '\0';
        ENSURE(strlen(part) < TELLING || strstr(known, part) || !strstr(message, part));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct error error = {0};
    struct users *users = users_parse(text, size, "service-account-", &error);
    if (users) {
        ENSURE(users_count(users) <= count_lines(text, size));
        struct users *again = users_parse(text, size, "service-account-", &error);
        ENSURE(again && users_count(again) == users_count(users));
        users_free(again);
    } else {
        size_t line = 0;
        ENSURE(error.code == ERROR_CONFIG && sscanf(error.message, "line %zu: ", &line) == 1);
        ENSURE(line >= 1 && line <= count_lines(text, size));
        /* what is before the first ':' is our own: "line 12345678" may be in the file too */
        check_silence(strchr(error.message, ':'), text, size);
    }
    users_free(users);
    return 0;
}
