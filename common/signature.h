/** HMAC signatures of deliveries (WebSub section 7.1) and comparison in constant time. */
#ifndef WEBSUB_COMMON_SIGNATURE_H
#define WEBSUB_COMMON_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

enum signature_method { SIGNATURE_SHA1, SIGNATURE_SHA256, SIGNATURE_SHA384, SIGNATURE_SHA512 };

#define SIGNATURE_MAX_SECRET  199 /**< bytes; WebSub section 5.1: less than 200 */
#define SIGNATURE_HEADER_SIZE (sizeof("sha512=") + 128)

/** "sha1", "sha256", "sha384", "sha512". */
const char *signature_method_name(enum signature_method method);
/** 0 and `*method`, or -1 for a name that is none of the four. */
int signature_method_parse(const char *name, enum signature_method *method);

/** Writes "method=hexdigest" (lower case), the value of X-Hub-Signature. */
void signature_compute(enum signature_method method, const char *secret, size_t secret_length,
                       const void *body, size_t body_length, char out[SIGNATURE_HEADER_SIZE]);

/**
 * The same for many signatures by one thread: keeps what OpenSSL would otherwise look up and
 * allocate for each, which costs more than hashing a small body. `secret` is not NULL.
 */
struct signer;
struct signer *signer_new(void);
void signer_free(struct signer *signer);
void signer_compute(struct signer *signer, enum signature_method method, const char *secret,
                    size_t secret_length, const void *body, size_t body_length,
                    char out[SIGNATURE_HEADER_SIZE]);

/**
 * Whether `header` is a right signature of the body, whatever method it names (hex digits of either
 * case); the time does not depend on which digits are wrong.
 */
bool signature_verify(const char *header, const char *secret, size_t secret_length,
                      const void *body, size_t body_length);

#endif
