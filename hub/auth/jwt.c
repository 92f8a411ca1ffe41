/*
 * auth.mode "jwt": tokens that are judged here, with the issuer's keys.
 *
 * Verifying takes 0.35 ms (RSA of 2048 bits) to 0.9 ms (P-521) of a processor, and is done on the
 * thread that serves the request: handing it to another would save the clients nothing.
 * Repetitions are the auth cache's.
 */
#include "hub/auth/method.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "hub/auth/claims.h"
#include "hub/auth/jwt_keys.h"
#include "hub/auth/jwt_token.h"

struct jwt_method {
    struct auth_method method;
    const struct config *config;
    struct jwt_keys *keys;
};

/** A check whose token names a key that is being fetched. */
struct waiting_check {
    struct jwt_method *method;
    struct auth_check *check;
    struct jwt_token token;
    struct jwt_keys_wait wait;
};

static void end(struct auth_check *check, enum auth_outcome outcome, const char *reason)
{
    if (reason)
        auth_check_set_reason(check, "%s", reason);
    check->done(check, outcome);
}

/** Why is in the log (jwt_keys.c), and nothing to the client. */
static void end_unavailable(struct auth_check *check)
{
    end(check, AUTH_UNAVAILABLE, "the token cannot be checked now; try again later");
}

/** Of a token that is the issuer's. */
static void judge_claims(const struct jwt_method *method, const struct jwt_token *token,
                         struct auth_check *check)
{
    const struct config *config = method->config;
    const char *reason = claims_check(config, token->claims, clock_wall_ms());
    /* RFC 7519 leaves it open; a token for ever is one that nobody can take back. */
    if (!reason && !json_object_get(token->claims, "exp"))
        reason = "the token has no end (exp)";
    if (!reason)
        check->identity =
            claims_to_identity(config, method->method.name, token->claims, NULL, &reason);
    if (reason) {
        end(check, AUTH_REFUSED, reason);
        return;
    }
    check->expires_ms = claims_expires_ms(token->claims) + config->auth.leeway;
    end(check, AUTH_GRANTED, NULL);
}

static void judge(const struct jwt_method *method, const struct jwt_token *token,
                  enum jwt_verdict verdict, struct auth_check *check)
{
    static const char *const reasons[] = {
        [JWT_WRONG] = "the token's signature is wrong",
        [JWT_UNFIT_KEY] = "the token's key (kid) is not for its algorithm",
        [JWT_NO_KEY] = "the token's key is unknown",
    };
    if (verdict == JWT_VERIFIED)
        judge_claims(method, token, check);
    else
        end(check, AUTH_REFUSED, reasons[verdict]);
}

/** By the keys of now. `*newer_needed`: a fetch could change the verdict. */
static enum jwt_verdict verify(const struct jwt_method *method, const struct jwt_token *token,
                               bool *newer_needed)
{
    struct jwt_key_sets sets = jwt_keys_get(method->keys);
    struct jwk_set *const all[] = {sets.fetched, sets.file};
    enum jwt_verdict verdict = jwt_token_verify(token, all, 2);
    *newer_needed = verdict != JWT_VERIFIED && jwt_keys_may_bring(method->keys, &sets, token->kid);
    jwt_keys_release(&sets);
    return verdict;
}

/* @locality the thread that ended the fetch */
static void on_keys(struct jwt_keys_wait *wait, bool fetched)
{
    struct waiting_check *waiting = CONTAINER_OF(wait, struct waiting_check, wait);
    struct auth_check *check = waiting->check;
    bool newer_needed;
    if (fetched)
        judge(waiting->method, &waiting->token,
              verify(waiting->method, &waiting->token, &newer_needed), check);
    else
        end_unavailable(check);
    jwt_token_fini(&waiting->token);
    free(waiting);
}

/** Takes the token over. */
static void wait_for_keys(struct jwt_method *method, struct jwt_token *token,
                          struct auth_check *check)
{
    struct waiting_check *waiting = xcalloc(1, sizeof(*waiting));
    waiting->method = method;
    waiting->check = check;
    waiting->token = *token;
    waiting->wait.kid = waiting->token.kid;
    waiting->wait.done = on_keys;
    if (jwt_keys_wait(method->keys, &waiting->wait))
        return;
    jwt_token_fini(&waiting->token);
    free(waiting);
    end_unavailable(check);
}

static void jwt_check(struct auth_method *base, struct auth_check *check)
{
    struct jwt_method *method = CONTAINER_OF(base, struct jwt_method, method);
    struct jwt_token token;
    bool newer_needed;
    const char *reason =
        jwt_token_read(&token, check->credentials->token, check->credentials->token_length,
                       &method->config->auth.algorithms);
    if (reason) {
        end(check, AUTH_REFUSED, reason);
        return;
    }
    enum jwt_verdict verdict = verify(method, &token, &newer_needed);
    if (newer_needed) {
        wait_for_keys(method, &token, check);
        return;
    }
    judge(method, &token, verdict, check);
    jwt_token_fini(&token);
}

static void jwt_free(struct auth_method *base)
{
    struct jwt_method *method = CONTAINER_OF(base, struct jwt_method, method);
    jwt_keys_free(method->keys);
    free(method);
}

struct auth_method *auth_jwt_new(const struct config *config, struct auth_cache *cache,
                                 struct error *error)
{
    struct jwt_method *method = xcalloc(1, sizeof(*method));
    method->method = (struct auth_method){
        .name = "jwt",
        .kinds = CREDENTIALS_TOKEN,
        .check = jwt_check,
        .free = jwt_free,
    };
    method->config = config;
    method->keys = jwt_keys_new(config, cache, error);
    if (!method->keys) {
        free(method);
        return NULL;
    }
    return &method->method;
}
