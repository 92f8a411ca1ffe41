/**
 * "intentMode" of MOSIP's clients. With their option for database-backed verification they end a
 * callback with "?intentMode=subscribe" when they subscribe and with "?intentMode=unsubscribe" when
 * they unsubscribe, and confirm a verification only if that is its hub.mode. With compat.mosip the
 * two are one callback: subscriptions are known by the first, and unsubscriptions are verified at
 * the second. Pure.
 */
#ifndef WEBSUB_COMMON_INTENT_MODE_H
#define WEBSUB_COMMON_INTENT_MODE_H

/** Makes the ending "intentMode=unsubscribe" of a callback's query "intentMode=subscribe", in
 * place. Others stay. */
void intent_mode_normalize(char *callback);

/** A copy of a callback that ends with "intentMode=subscribe", as it is to be called to verify an
 * unsubscription; NULL: it has no such ending. The caller frees it with free(). */
char *intent_mode_to_unsubscribe(const char *callback);

/** A copy with "intentMode=subscribe" as its query: what a callback without any may be known by. */
char *intent_mode_to_subscribe(const char *callback);

#endif
