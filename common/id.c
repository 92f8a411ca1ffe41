#include "common/id.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/panic.h"

struct part {
    const char *bytes;
    size_t length;
};

static void write_hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

/* EVP_sha256() would be looked up again by each digest, which costs more than the digest. */
static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ENSURE(sha256 != NULL);
}

/** SHA-256 over `parts`, one after the other; NULL ends them. */
static void hash_parts(const struct part *part, uint8_t digest[SHA256_DIGEST_LENGTH])
{
    ENSURE(pthread_once(&sha256_once, fetch_sha256) == 0);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ENSURE(context != NULL);
    ENSURE(EVP_DigestInit_ex2(context, sha256, NULL) == 1);
    for (; part->bytes; part++)
        ENSURE(EVP_DigestUpdate(context, part->bytes, part->length) == 1);
    ENSURE(EVP_DigestFinal_ex(context, digest, NULL) == 1);
    EVP_MD_CTX_free(context);
}

static void write_id(const struct part *parts, char out[ID_HEX_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    hash_parts(parts, digest);
    write_hex(digest, (ID_HEX_SIZE - 1) / 2, out);
}

void id_subscription(const char *topic, const char *callback, char out[ID_HEX_SIZE])
{
    const struct part parts[] = {
        {topic, strlen(topic)}, {"\n", 1}, {callback, strlen(callback)}, {NULL, 0}};
    write_id(parts, out);
}

void id_topic(const char *topic, char out[ID_HEX_SIZE])
{
    const struct part parts[] = {{topic, strlen(topic)}, {NULL, 0}};
    write_id(parts, out);
}

static void fill_random(uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        ENSURE(got > 0 || errno == EINTR);
        if (got > 0) {
            bytes += got;
            count -= (size_t)got;
        }
    }
}

/** Writes 16 bytes as a UUID of that version and of the variant of RFC 9562. */
static void write_uuid(uint8_t bytes[16], uint8_t version, char out[ID_UUID_SIZE])
{
    bytes[6] = (uint8_t)(version << 4 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));

    /* 8-4-4-4-12 digits; each '-' is written over the NUL of the group before it. */
    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    const uint8_t *from = bytes;
    for (size_t i = 0; i < sizeof(groups); i++) {
        if (i > 0)
            *out++ = '-';
        write_hex(from, groups[i], out);
        out += 2 * groups[i];
        from += groups[i];
    }
}

/** The first 6 bytes of a UUID of version 7. */
static void put_time(int64_t at_ms, uint8_t bytes[16])
{
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)((uint64_t)at_ms >> (40 - 8 * i));
}

void id_uuid7(char out[ID_UUID_SIZE])
{
    uint8_t bytes[16];
    fill_random(bytes + 6, sizeof(bytes) - 6);
    put_time(clock_wall_ms(), bytes);
    write_uuid(bytes, 7, out);
}

void id_uuid7_of(int64_t at_ms, const char *seed, char out[ID_UUID_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    hash_parts((const struct part[]){{seed, strlen(seed)}, {NULL, 0}}, digest);
    put_time(at_ms, digest);
    write_uuid(digest, 7, out);
}

void id_uuid8(const char *name, char out[ID_UUID_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    hash_parts((const struct part[]){{name, strlen(name)}, {NULL, 0}}, digest);
    write_uuid(digest, 8, out);
}

void id_content(const char *type, const void *bytes, size_t length, char out[ID_DIGEST_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    hash_parts((const struct part[]){{type, strlen(type)}, {"\n", 1}, {bytes, length}, {NULL, 0}},
               digest);
    write_hex(digest, sizeof(digest), out);
}

bool id_uuid7_time(const char *id, int64_t *wall_ms)
{
    static const char form[] = "xxxxxxxx-xxxx-7xxx-Vxxx-xxxxxxxxxxxx";
    static const char digits[] = "0123456789abcdef";
    *wall_ms = 0;
    if (strlen(id) != ID_UUID_SIZE - 1)
        return false;
    for (size_t i = 0; form[i]; i++) {
        const char *digit = strchr(digits, id[i]);
        bool fits = form[i] == 'x'   ? digit != NULL
                    : form[i] == 'V' ? strchr("89ab", id[i]) != NULL
                                     : id[i] == form[i];
        if (!fits)
            return false;
        if (i < 13 && digit)
            *wall_ms = *wall_ms * 16 + (digit - digits);
    }
    return true;
}

void id_random_hex(char *out, size_t size)
{
    uint8_t bytes[16];
    size_t count = (size - 1) / 2;
    ENSURE(count <= sizeof(bytes));
    fill_random(bytes, count);
    write_hex(bytes, count, out);
}

char *id_topic_key(const char *topic)
{
    return xasprintf("topic:%s", topic);
}

char *id_subscription_key(const char *subscription_id)
{
    return xasprintf("subscription:%s", subscription_id);
}

int32_t id_partition(const char *key, size_t length, int32_t partitions)
{
    ENSURE(partitions > 0);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    hash_parts((const struct part[]){{key, length}, {NULL, 0}}, digest);
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return (int32_t)(number % (uint64_t)partitions);
}

void id_random_text(char *out, size_t length)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    enum { CHARACTERS = sizeof(alphabet) - 1, UNBIASED = 256 - 256 % CHARACTERS };
    size_t made = 0;
    while (made < length) {
        uint8_t byte;
        fill_random(&byte, 1);
        if (byte < UNBIASED)
            out[made++] = alphabet[byte % CHARACTERS];
    }
    out[length] = '\0';
}
