/** Identifiers, and the keys and shards that follow from them. All functions are pure but id_uuid7.
 */
#ifndef WEBSUB_COMMON_ID_H
#define WEBSUB_COMMON_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_HEX_SIZE    33 /**< 128 bits of SHA-256 in lower-case hex, and NUL */
#define ID_UUID_SIZE   37
#define ID_DIGEST_SIZE 65 /**< SHA-256 in lower-case hex, and NUL */

/**
 * The id of a subscription: SHA-256 over topic, newline, callback, cut to 128 bits. Neither
 * contains a newline (control characters are refused), so no two pairs share an input.
 */
void id_subscription(const char *topic, const char *callback, char out[ID_HEX_SIZE]);
/** The id of a topic: SHA-256 over the topic, cut to 128 bits. */
void id_topic(const char *topic, char out[ID_HEX_SIZE]);

/** UUID version 7 (RFC 9562, section 5.7): sorts by time of creation; 74 random bits. */
void id_uuid7(char out[ID_UUID_SIZE]);
/** UUID version 8 from the SHA-256 of `name`: the same name always gives the same. */
void id_uuid8(const char *name, char out[ID_UUID_SIZE]);

/** The same, but with the time and everything else given: the same `seed`, the same UUID. */
void id_uuid7_of(int64_t at_ms, const char *seed, char out[ID_UUID_SIZE]);

/** The id of content: SHA-256 over its type, which has no newline, a newline, and its bytes. */
void id_content(const char *type, const void *bytes, size_t length, char out[ID_DIGEST_SIZE]);

/** When an id of that form, as id_uuid7 writes it, was made; false: it is none. */
bool id_uuid7_time(const char *id, int64_t *wall_ms);

/** `length` random letters and digits and a NUL: challenges, tokens. */
void id_random_text(char *out, size_t length);

/** `size - 1` (even, at most 32) random hex digits in lower case and a NUL. */
void id_random_hex(char *out, size_t size);

/** Entity keys in the events and state topics: "topic:<url>", "subscription:<id>". Caller frees. */
char *id_topic_key(const char *topic);
char *id_subscription_key(const char *subscription_id);

/**
 * The partition, and thus the shard, of an entity key: the first 8 bytes of its SHA-256,
 * big-endian, modulo `partitions` (at least 1). The same in every version: state lies where this
 * once put it.
 */
int32_t id_partition(const char *key, size_t length, int32_t partitions);

#endif
