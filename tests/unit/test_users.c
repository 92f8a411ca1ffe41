/* The users file of auth.mode "basic". */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/panic.h"
#include "hub/auth/users_file.h"
#include "tests/unit/password_hashes.h"

static struct crypt_data *scratch;

static struct users *parse(const char *text, struct error *error)
{
    return users_parse(text, strlen(text), "service-account-", error);
}

static void every_strong_method_is_checked(void **state)
{
    static const char *const hashes[] = {BCRYPT_2Y,      BCRYPT_2B,     BCRYPT_2A, YESCRYPT,
                                         YESCRYPT_USUAL, GOST_YESCRYPT, SHA512,    SHA512_OPENSSL};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
        struct error error;
        char *text = xasprintf("alice:%s:a b\n", hashes[i]);
        struct users *users = parse(text, &error);
        if (!users)
            fail_msg("%s: %s", hashes[i], error.message);
        struct identity *alice = users_find(users, "alice", "password", scratch);
        if (!alice)
            fail_msg("%s: the right password is refused", hashes[i]);
        assert_string_equal(alice->name, "alice");
        assert_string_equal(alice->method, "basic");
        assert_true(identity_has_role(alice, "a") && identity_has_role(alice, "b"));
        assert_null(users_find(users, "alice", "Password", scratch));
        assert_null(users_find(users, "alice", "", scratch));
        assert_null(users_find(users, "bob", "password", scratch));
        users_free(users);
        free(text);
    }
}

static void a_file_has_comments_and_several_forms_of_lines(void **state)
{
    static const char text[] = "# who may publish\r\n"
                               "\r\n"
                               "   \t\n"
                               "  # indented\n"
                               "alice:" BCRYPT_2Y ":one two\tthree  \r\n"
                               "  J\xc3\xbcrgen M.:" BCRYPT_2Y "\n"
                               "service-account-feed:" BCRYPT_2Y ":\n"
                               "carol:" BCRYPT_2Y ":urn:role:x y";
    struct error error;
    (void)state;
    struct users *users = parse(text, &error);
    assert_non_null(users);
    assert_int_equal(users_count(users), 4);
    struct identity *found = users_find(users, "alice", "password", scratch);
    assert_int_equal(found->role_count, 3);
    assert_true(identity_has_role(found, "three"));
    found = users_find(users, "J\xc3\xbcrgen M.", "password", scratch);
    assert_int_equal(found->role_count, 0);
    found = users_find(users, "service-account-feed", "password", scratch);
    assert_string_equal(found->name, "feed");
    assert_null(users_find(users, "feed", "password", scratch));
    found = users_find(users, "carol", "password", scratch);
    assert_true(identity_has_role(found, "urn:role:x"));
    users_free(users);
}

static void an_empty_file_lets_nobody_in(void **state)
{
    static const char *const texts[] = {"", "\n", "# nobody"};
    struct error error;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct users *users = parse(texts[i], &error);
        assert_int_equal(users_count(users), 0);
        assert_null(users_find(users, "alice", "password", scratch));
        users_free(users);
    }
    users_free(NULL);
}

static void a_bad_line_is_named_and_not_shown(void **state)
{
    static const struct {
        const char *line, *part;
    } cases[] = {
        {"alice", "name:hash:role"},
        {"alice" BCRYPT_2Y, "name:hash:role"},
        {":" BCRYPT_2Y ":x", "name"},
        {"service-account-:" BCRYPT_2Y ":x", "name"},
        {"a\x01:" BCRYPT_2Y ":x", "name"},
        {"al\xffice:" BCRYPT_2Y ":x", "UTF-8"},
        {"alice:" BCRYPT_2Y ":x\xff", "UTF-8"},
        {"alice:", "no password hash"},
        {"alice::x", "no password hash"},
        {"alice:secretpassword:x", "not hashed"},
        {"alice:pass-word:x", "not hashed"},
        {"alice:*:x", "not hashed"},
        {"alice:!" BCRYPT_2Y ":x", "not hashed"},
        {"alice: " BCRYPT_2Y ":x", "not hashed"},
        {"alice:$5$h5Jzig/Z//SvAbWG$ZtsexzobzextcSxDJLHkt699pZfYJp.mC8G3N1BewsA:x", "too weak"},
        {"alice:$7$CU..../....TyOTVavW0J2EhGJPQ4cEK0$"
         "tM/GFtKiw1fdm/J5MoT/qgXw6bbIZjTW.au8BvD9Ar6:x",
         "use yescrypt"},
        {"alice:x92cHnkSt8Mqk:x", "too weak"},
        {"alice:$1$5TAFJfKW$1oF4D2AAYTCkuUcqfuy4Y/:x", "too weak"},
        {"alice:$md5,rounds=35243$MrZwj4xw$$8sZp/wKdyOaK4dugjq8yK1:x", "too weak"},
        {"alice:$apr1$simYphIr$/bDyu81NoAdt52dS4CfxT0:x", "not hashed"},
        {"alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=:x", "not hashed"},
        {"alice:$6$:x", "not complete"},
        {"alice:$6$salt:x", "not complete"},
        {"alice:$6$salt$:x", "not complete"},
        {"alice:$y$j9T$2zep2fTfUYm.SmT4cndbF.:x", "not complete"},
        {"alice:" YESCRYPT "x:x", "not complete"},
        {"alice:" BCRYPT_2Y " :x", "not complete"},
        {"bob:" BCRYPT_2Y ":x", "already"},
        {"service-account-bob:" BCRYPT_2Y ":x", "already"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error error;
        char *text = xasprintf("# first\nbob:%s:\n\n%s\n", BCRYPT_2B, cases[i].line);
        if (parse(text, &error))
            fail_msg("accepted: %s", cases[i].line);
        assert_int_equal(error.code, ERROR_CONFIG);
        if (strncmp(error.message, "line 4: ", 8) != 0 || !strstr(error.message, cases[i].part))
            fail_msg("%s: %s", cases[i].line, error.message);
        assert_null(strchr(error.message, '$'));
        assert_null(strstr(error.message, "alice"));
        assert_null(strstr(error.message, "secretpassword"));
        free(text);
    }
}

static void a_nul_is_no_text(void **state)
{
    static const char text[] = "alice:" BCRYPT_2Y ":x\0y\n";
    static const char at_the_end[] = "alice:" BCRYPT_2Y ":x\0\n";
    struct error error;
    (void)state;
    assert_null(users_parse(text, sizeof(text) - 1, "", &error));
    assert_null(users_parse(at_the_end, sizeof(at_the_end) - 1, "", &error));
}

/* --- the file --- */

static char path[] = "/tmp/websub-users-XXXXXX";

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_file(void **state)
{
    (void)state;
    scratch = xcalloc(1, sizeof(*scratch));
    return close(mkstemp(path));
}

static int remove_file(void **state)
{
    (void)state;
    free(scratch);
    return unlink(path);
}

static void a_file_that_cannot_be_used_is_named(void **state)
{
    struct users_file file;
    struct error error;
    (void)state;
    assert_null(users_file_open(&file, "/nowhere/users", "", &error));
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_non_null(strstr(error.message, "/nowhere/users"));
    assert_null(users_file_open(&file, "/tmp", "", &error));
    assert_non_null(strstr(error.message, "regular file"));
    write_file("alice:x\n");
    assert_null(users_file_open(&file, path, "", &error));
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.message, "line 1"));
}

static void a_change_counts_once_it_has_settled(void **state)
{
    struct users_file file;
    struct error error;
    bool failed;
    (void)state;
    write_file("alice:" BCRYPT_2Y "\n");
    struct users *users = users_file_open(&file, path, "", &error);
    assert_int_equal(users_count(users), 1);
    users_free(users);
    assert_null(users_file_look(&file, &failed, &error));
    assert_false(failed);

    write_file("alice:" BCRYPT_2Y "\nbo");
    assert_null(users_file_look(&file, &failed, &error));
    assert_false(failed); /* may be half of it */
    write_file("alice:" BCRYPT_2Y "\nbob:" BCRYPT_2Y "\n");
    assert_null(users_file_look(&file, &failed, &error));
    assert_false(failed);
    users = users_file_look(&file, &failed, &error);
    assert_int_equal(users_count(users), 2);
    users_free(users);
    assert_null(users_file_look(&file, &failed, &error));
    assert_null(users_file_look(&file, &failed, &error));
}

static void a_bad_change_is_told_once(void **state)
{
    struct users_file file;
    struct error error;
    bool failed;
    (void)state;
    write_file("alice:" BCRYPT_2Y "\n");
    users_free(users_file_open(&file, path, "", &error));
    write_file("alice\n");
    users_file_look(&file, &failed, &error);
    assert_null(users_file_look(&file, &failed, &error));
    assert_true(failed);
    assert_non_null(strstr(error.message, "line 1"));
    assert_null(users_file_look(&file, &failed, &error));
    assert_false(failed);

    unlink(path);
    users_file_look(&file, &failed, &error);
    assert_null(users_file_look(&file, &failed, &error));
    assert_true(failed);
    assert_null(users_file_look(&file, &failed, &error));
    assert_false(failed);

    write_file("bob:" BCRYPT_2Y "\n");
    users_file_look(&file, &failed, &error);
    struct users *users = users_file_look(&file, &failed, &error);
    assert_int_equal(users_count(users), 1);
    users_free(users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strong_method_is_checked),
        cmocka_unit_test(a_file_has_comments_and_several_forms_of_lines),
        cmocka_unit_test(an_empty_file_lets_nobody_in),
        cmocka_unit_test(a_bad_line_is_named_and_not_shown),
        cmocka_unit_test(a_nul_is_no_text),
        cmocka_unit_test(a_file_that_cannot_be_used_is_named),
        cmocka_unit_test(a_change_counts_once_it_has_settled),
        cmocka_unit_test(a_bad_change_is_told_once),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
