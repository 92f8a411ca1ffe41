#include "hub/auth/users.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/utf8.h"

#define uthash_fatal(message) PANIC("uthash: %s", message)
#include <uthash.h>

/* What crypt(5) calls strong, and how long the part after the last '$' is: a setting without its
 * hash would let nobody in, and nobody would know why. */
static const struct {
    const char *prefix;
    size_t length;
} strong_methods[] = {
    {"$y$", 43}, {"$gy$", 43}, {"$2b$", 53}, {"$2y$", 53}, {"$2a$", 53}, {"$6$", 86},
};

/* A setting that costs what Debian's default costs; no hash is as short as it. */
static const char nobodys_hash[] = "$y$j9T$nobodynobodynobody1$";

struct user {
    char *name;
    char *hash;
    struct identity *identity;
    UT_hash_handle hh, hh_identity;
};

struct users {
    struct user *by_name;     /* owns them */
    struct user *by_identity; /* by the names that others see, which must differ too */
};

struct text {
    const char *data;
    size_t length;
};

static void user_free(struct user *user)
{
    identity_unref(user->identity);
    OPENSSL_cleanse(user->hash, strlen(user->hash));
    free(user->hash);
    free(user->name);
    free(user);
}

void users_free(struct users *users)
{
    if (!users)
        return;
    HASH_CLEAR(hh_identity, users->by_identity);
    while (users->by_name) {
        struct user *user = users->by_name;
        HASH_DEL(users->by_name, user);
        user_free(user);
    }
    free(users);
}

size_t users_count(const struct users *users)
{
    return HASH_COUNT(users->by_name);
}

/* --- parsing --- */

/** Cuts off what is before the next `separator`; false when there is nothing left. */
static bool take(struct text *rest, char separator, struct text *part)
{
    if (!rest->data)
        return false;
    const char *end = memchr(rest->data, separator, rest->length);
    *part = (struct text){rest->data, end ? (size_t)(end - rest->data) : rest->length};
    *rest = end ? (struct text){end + 1, rest->length - part->length - 1} : (struct text){0};
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct text trim(struct text text)
{
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && is_blank(*text.data)) {
        text.data++;
        text.length--;
    }
    return text;
}

/** NULL, or what is wrong with the hash. */
static const char *judge_hash(const char *hash)
{
    static const char alphabet[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (hash[0] == '\0')
        return "there is no password hash";
    size_t i = 0, count = sizeof(strong_methods) / sizeof(strong_methods[0]);
    while (i < count &&
           strncmp(hash, strong_methods[i].prefix, strlen(strong_methods[i].prefix)) != 0)
        i++;
    int salt = crypt_checksalt(hash);
    if (salt == CRYPT_SALT_METHOD_DISABLED)
        return "this system does not have the method of the password hash";
    /* A password as it is looks like a hash of DES to crypt. */
    if (i == count || salt == CRYPT_SALT_METHOD_LEGACY || salt == CRYPT_SALT_TOO_CHEAP)
        return "the password is not hashed, or by a method that is too weak; use yescrypt, bcrypt "
               "or SHA-512, see crypt(5)";
    const char *last = strrchr(hash, '$') + 1;
    if (salt != CRYPT_SALT_OK || strlen(last) != strong_methods[i].length ||
        strspn(last, alphabet) != strong_methods[i].length)
        return "the password hash is not complete";
    return NULL;
}

static struct user *user_new(struct text name, struct text hash, struct text roles,
                             const char *prefix)
{
    struct user *user = xcalloc(1, sizeof(*user));
    char *role_text = xstrndup(roles.data ? roles.data : "", roles.length);
    user->name = xstrndup(name.data, name.length);
    user->hash = xstrndup(hash.data, hash.length);
    user->identity = identity_new("basic", user->name, prefix);
    if (user->identity)
        identity_add_roles(user->identity, role_text, " \t");
    free(role_text);
    return user;
}

/** Two lines whose identities are the same would be one user with two passwords. */
static bool is_known(const struct users *users, const struct user *user)
{
    const char *name = user->identity->name;
    struct user *other;
    HASH_FIND(hh_identity, users->by_identity, name, strlen(name), other);
    return other != NULL;
}

static void add(struct users *users, struct user *user)
{
    const char *name = user->identity->name;
    HASH_ADD_KEYPTR(hh, users->by_name, user->name, strlen(user->name), user);
    HASH_ADD_KEYPTR(hh_identity, users->by_identity, name, strlen(name), user);
}

/** NULL, or what is wrong with the line: a literal. */
static const char *parse_line(struct users *users, struct text line, const char *prefix)
{
    struct text rest = line, name, hash, roles = {0};
    if (!utf8_valid(line.data, line.length) || memchr(line.data, '\0', line.length))
        return "it is not UTF-8 text";
    if (!take(&rest, ':', &name) || !take(&rest, ':', &hash))
        return "a line is \"name:hash:role role...\"";
    roles = rest; /* may have ':' in them */
    struct user *user = user_new(name, hash, roles, prefix);
    const char *problem = judge_hash(user->hash);
    if (!user->identity)
        problem = "the name is empty, too long, or has control characters";
    else if (!problem && is_known(users, user))
        problem = "there is a line for this name already";
    if (problem)
        user_free(user);
    else
        add(users, user);
    return problem;
}

struct users *users_parse(const char *text, size_t length, const char *prefix, struct error *error)
{
    struct users *users = xcalloc(1, sizeof(*users));
    struct text rest = {text, length}, line;
    for (size_t number = 1; take(&rest, '\n', &line); number++) {
        line = trim(line);
        if (line.length == 0 || *line.data == '#')
            continue;
        const char *problem = parse_line(users, line, prefix);
        if (!problem)
            continue;
        error_set(error, ERROR_CONFIG, false, "line %zu: %s", number, problem);
        users_free(users);
        return NULL;
    }
    return users;
}

/* --- looking up --- */

/** For an unknown name: any user's hash, always the same for the same name, so that answers to it
 * take as long as those to a known one, whatever the methods and costs in the file are. */
static const char *stand_in(const struct users *users, const char *name)
{
    unsigned hash = 0;
    size_t count = users_count(users);
    if (count == 0)
        return nobodys_hash;
    HASH_VALUE(name, strlen(name), hash);
    const struct user *user = users->by_name;
    for (size_t skip = hash % count; skip > 0; skip--)
        user = user->hh.next;
    return user->hash;
}

struct identity *users_find(const struct users *users, const char *name, const char *password,
                            struct crypt_data *scratch)
{
    struct user *user;
    HASH_FIND(hh, users->by_name, name, strlen(name), user);
    const char *expected = user ? user->hash : stand_in(users, name);
    const char *got = crypt_rn(password, expected, scratch, (int)sizeof(*scratch));
    size_t length = strlen(expected);
    bool same = got && strlen(got) == length && CRYPTO_memcmp(got, expected, length) == 0;
    OPENSSL_cleanse(scratch->output, sizeof(scratch->output));
    OPENSSL_cleanse(scratch->setting, sizeof(scratch->setting));
    OPENSSL_cleanse(scratch->input, sizeof(scratch->input));
    return user && same ? user->identity : NULL;
}
