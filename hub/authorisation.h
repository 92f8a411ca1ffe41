/**
 * Who may do what: auth.rules, MOSIP's roles (auth.mosip_scopes), and operators
 * (auth.operator_role). What nothing allows is denied; without rules and MOSIP's roles, whoever is
 * authenticated may do everything but what is an operator's. Immutable after the start;
 * thread-safe, never blocks.
 */
#ifndef WEBSUB_HUB_AUTHORISATION_H
#define WEBSUB_HUB_AUTHORISATION_H

#include "common/access_rule.h"
#include "common/config.h"
#include "hub/auth/identity.h"

struct authorisation;

/** `config` must outlive it. */
struct authorisation *authorisation_new(const struct config *config);
void authorisation_free(struct authorisation *authorisation);

/** Whether `identity` may do `operation` on `topic`. */
bool authorisation_permits(const struct authorisation *authorisation,
                           enum access_operation operation, const char *topic,
                           const struct identity *identity);
/** Whether it may do what others may not: change others' subscriptions. */
bool authorisation_is_operator(const struct authorisation *authorisation,
                               const struct identity *identity);

#endif
