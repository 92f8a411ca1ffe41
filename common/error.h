/**
 * Typed errors.
 *
 * Functions that can fail take a `struct error *` as their last parameter, return 0 (or a pointer)
 * on success and -1 (or NULL) on failure, and fill it only on failure. It lives on the caller's
 * stack, needs no cleanup and is never NULL.
 */
#ifndef WEBSUB_COMMON_ERROR_H
#define WEBSUB_COMMON_ERROR_H

#include <stdbool.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,     /**< input that breaks a rule: the sender's fault, repeating cannot help */
    ERROR_NOT_FOUND,   /**< what was named does not exist */
    ERROR_TOO_LARGE,   /**< input above a configured bound */
    ERROR_UNAVAILABLE, /**< a service that we need (Kafka, DNS) does not answer */
    ERROR_TIMEOUT,     /**< a bound in time passed; the outcome may be unknown */
    ERROR_CONFLICT,    /**< someone else owns this now (fenced, lost the partition) */
    ERROR_CONFIG,      /**< the configuration, or a setting found in Kafka, cannot be worked with */
    ERROR_RESOURCE,    /**< out of memory, descriptors, queue space */
    ERROR_INTERNAL,    /**< should not happen */
};

struct error {
    enum error_code code;
    bool retriable; /**< the same call may succeed later without any change by the caller */
    char message[512];
};

/** Fills `*error`; always returns -1 so that callers can `return error_set(...)`. */
int error_set(struct error *error, enum error_code code, bool retriable, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Puts "prefix: " before the message, keeping code and retriable; returns -1. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A stable lower-case name for logs and metrics, e.g. "unavailable". */
const char *error_code_name(enum error_code code);

#endif
