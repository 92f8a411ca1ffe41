/**
 * Names that MOSIP's hub derives for Kafka (its hub/modules/util/util.bal). Pure.
 *
 * It replaces every character but ASCII letters and digits by '_', so that different topics may
 * have one name: to it, `a/b` and `a_b` are the same topic.
 */
#ifndef WEBSUB_CLIENT_MIGRATION_MOSIP_NAME_H
#define WEBSUB_CLIENT_MIGRATION_MOSIP_NAME_H

/** The Kafka topic of a WebSub topic (UTF-8). The caller frees it. */
char *mosip_name(const char *topic);

/**
 * The consumer group of a subscription as release 1.2.0 named it, which did not store the name.
 * (Later ones append a monotonic time and store it with the subscription.) The caller frees it.
 */
char *mosip_group(const char *topic, const char *callback);

#endif
