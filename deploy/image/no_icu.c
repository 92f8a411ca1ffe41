/*
 * Stands in for ICU's library in the image. Debian's libxml2 is linked with it for character sets
 * that glibc does not know, and for that it would bring 35 MB. To this one no character set is
 * known.
 *
 * The compiler checks that the functions are those of ICU (its header renames them for its version,
 * ucnv_open_72), deploy/image/collect that libxml2 misses none.
 */
#include <stddef.h>
#include <unicode/ucnv.h>

U_CAPI UConverter *U_EXPORT2 ucnv_open(const char *name, UErrorCode *error)
{
    (void)name;
    *error = U_FILE_ACCESS_ERROR;
    return NULL;
}

/* The rest is never called: there is no converter to call it with. */

U_CAPI void U_EXPORT2 ucnv_close(UConverter *converter)
{
    (void)converter;
}

U_CAPI void U_EXPORT2 ucnv_setToUCallBack(UConverter *converter, UConverterToUCallback action,
                                          const void *context, UConverterToUCallback *old_action,
                                          const void **old_context, UErrorCode *error)
{
    (void)converter, (void)action, (void)context, (void)old_action, (void)old_context;
    *error = U_UNSUPPORTED_ERROR;
}

U_CAPI void U_EXPORT2 ucnv_setFromUCallBack(UConverter *converter, UConverterFromUCallback action,
                                            const void *context,
                                            UConverterFromUCallback *old_action,
                                            const void **old_context, UErrorCode *error)
{
    (void)converter, (void)action, (void)context, (void)old_action, (void)old_context;
    *error = U_UNSUPPORTED_ERROR;
}

U_CAPI void U_EXPORT2 ucnv_convertEx(UConverter *to, UConverter *from, char **target,
                                     const char *target_limit, const char **source,
                                     const char *source_limit, UChar *pivot_start,
                                     UChar **pivot_source, UChar **pivot_target,
                                     const UChar *pivot_limit, UBool reset, UBool flush,
                                     UErrorCode *error)
{
    (void)to, (void)from, (void)target, (void)target_limit, (void)source, (void)source_limit;
    (void)pivot_start, (void)pivot_source, (void)pivot_target, (void)pivot_limit, (void)reset,
        (void)flush;
    *error = U_UNSUPPORTED_ERROR;
}

U_CAPI void U_EXPORT2 UCNV_TO_U_CALLBACK_STOP(const void *context,
                                              UConverterToUnicodeArgs *arguments, const char *units,
                                              int32_t length, UConverterCallbackReason reason,
                                              UErrorCode *error)
{
    (void)context, (void)arguments, (void)units, (void)length, (void)reason, (void)error;
}

U_CAPI void U_EXPORT2 UCNV_FROM_U_CALLBACK_STOP(const void *context,
                                                UConverterFromUnicodeArgs *arguments,
                                                const UChar *units, int32_t length,
                                                UChar32 code_point, UConverterCallbackReason reason,
                                                UErrorCode *error)
{
    (void)context, (void)arguments, (void)units, (void)length, (void)code_point, (void)reason,
        (void)error;
}
