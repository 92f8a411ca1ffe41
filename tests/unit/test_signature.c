#include "tests/unit/unit.h"

#include <ctype.h>
#include <string.h>

#include "common/signature.h"

/* clang-format off */
#define TEN_0b "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
#define REPEAT_0b TEN_0b TEN_0b
#define TEN_0c "\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c"
#define REPEAT_0c TEN_0c TEN_0c
#define TEN_aa "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
#define REPEAT_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa TEN_aa
#define TEN_dd "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
#define REPEAT_dd TEN_dd TEN_dd TEN_dd TEN_dd TEN_dd
#define TEN_cd "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
#define REPEAT_cd TEN_cd TEN_cd TEN_cd TEN_cd TEN_cd

static const struct {
    enum signature_method method;
    const char *secret;
    size_t secret_length;
    const char *body;
    size_t body_length;
    const char *header;
} vectors[] = {
    /* RFC 2202, section 3; then RFC 4231, sections 4.2 to 4.5, 4.7 and 4.8, for each method. */
    {SIGNATURE_SHA1, (REPEAT_0b), 20, "Hi There", 8,
     "sha1=b617318655057264e28bc0b6fb378c8ef146be00"},
    {SIGNATURE_SHA1, "Jefe", 4, "what do ya want for nothing?", 28,
     "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {SIGNATURE_SHA1, (REPEAT_aa), 20, (REPEAT_dd), 50,
     "sha1=125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
    {SIGNATURE_SHA1, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", 25, (REPEAT_cd), 50,
     "sha1=4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
    {SIGNATURE_SHA1, (REPEAT_0c), 20, "Test With Truncation", 20,
     "sha1=4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
    {SIGNATURE_SHA1, (REPEAT_aa), 80, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
     "sha1=aa4ae5e15272d00e95705637ce8a3b55ed402112"},
    {SIGNATURE_SHA1, (REPEAT_aa), 80, "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data", 73,
     "sha1=e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
    {SIGNATURE_SHA256, (REPEAT_0b), 20, "Hi There", 8,
     "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {SIGNATURE_SHA256, "Jefe", 4, "what do ya want for nothing?", 28,
     "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {SIGNATURE_SHA256, (REPEAT_aa), 20, (REPEAT_dd), 50,
     "sha256=773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {SIGNATURE_SHA256, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", 25, (REPEAT_cd), 50,
     "sha256=82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {SIGNATURE_SHA256, (REPEAT_aa), 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
     "sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {SIGNATURE_SHA256, (REPEAT_aa), 131, "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.", 152,
     "sha256=9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {SIGNATURE_SHA384, (REPEAT_0b), 20, "Hi There", 8,
     "sha384=afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
    {SIGNATURE_SHA384, "Jefe", 4, "what do ya want for nothing?", 28,
     "sha384=af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {SIGNATURE_SHA384, (REPEAT_aa), 20, (REPEAT_dd), 50,
     "sha384=88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27"},
    {SIGNATURE_SHA384, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", 25, (REPEAT_cd), 50,
     "sha384=3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb"},
    {SIGNATURE_SHA384, (REPEAT_aa), 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
     "sha384=4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
    {SIGNATURE_SHA384, (REPEAT_aa), 131, "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.", 152,
     "sha384=6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e"},
    {SIGNATURE_SHA512, (REPEAT_0b), 20, "Hi There", 8,
     "sha512=87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
    {SIGNATURE_SHA512, "Jefe", 4, "what do ya want for nothing?", 28,
     "sha512=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    {SIGNATURE_SHA512, (REPEAT_aa), 20, (REPEAT_dd), 50,
     "sha512=fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
    {SIGNATURE_SHA512, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", 25, (REPEAT_cd), 50,
     "sha512=b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
    {SIGNATURE_SHA512, (REPEAT_aa), 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
     "sha512=80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
    {SIGNATURE_SHA512, (REPEAT_aa), 131, "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.", 152,
     "sha512=e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
};
/* clang-format on */

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        char header[SIGNATURE_HEADER_SIZE];
        signature_compute(vectors[i].method, vectors[i].secret, vectors[i].secret_length,
                          vectors[i].body, vectors[i].body_length, header);
        assert_string_equal(header, vectors[i].header);
        assert_true(signature_verify(header, vectors[i].secret, vectors[i].secret_length,
                                     vectors[i].body, vectors[i].body_length));
    }
}

/* Used again and again, with other methods, secrets and bodies in between, it is still right. */
static void test_signer_gives_the_same_as_one_off_signatures(void **state)
{
    (void)state;
    struct signer *signer = signer_new();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
            char header[SIGNATURE_HEADER_SIZE];
            signer_compute(signer, vectors[i].method, vectors[i].secret, vectors[i].secret_length,
                           vectors[i].body, vectors[i].body_length, header);
            assert_string_equal(header, vectors[i].header);
        }
    }
    signer_free(signer);
}

static void test_empty(void **state)
{
    (void)state;
    char header[SIGNATURE_HEADER_SIZE];
    signature_compute(SIGNATURE_SHA256, "", 0, "", 0, header);
    assert_string_equal(header,
                        "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    signature_compute(SIGNATURE_SHA256, NULL, 0, NULL, 0, header);
    assert_true(signature_verify(header, "", 0, "", 0));
}

/* Every byte of the header matters, and so do body and secret. */
static void test_refused(void **state)
{
    (void)state;
    char header[SIGNATURE_HEADER_SIZE];
    for (int method = SIGNATURE_SHA1; method <= SIGNATURE_SHA512; method++) {
        signature_compute((enum signature_method)method, "secret", 6, "a\0b", 3, header);
        assert_true(signature_verify(header, "secret", 6, "a\0b", 3));
        assert_false(signature_verify(header, "secret", 6, "a\0c", 3));
        assert_false(signature_verify(header, "secret", 6, "a\0b", 2));
        assert_false(signature_verify(header, "Secret", 6, "a\0b", 3));
        assert_false(signature_verify(header, "secret", 5, "a\0b", 3));
        for (size_t i = 0; header[i]; i++) {
            char original = header[i];
            header[i] = original == '0' ? '1' : '0';
            assert_false(signature_verify(header, "secret", 6, "a\0b", 3));
            header[i] = original;
        }
        header[strlen(header) - 1] = '\0';
        assert_false(signature_verify(header, "secret", 6, "a\0b", 3));
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "=",
        "sha256",
        "sha256=",
        "md5=00",
        "SHA256=00",
        "sha256sha256sha256=00",
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
        "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad0",
        " sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
        "sha256=\xff",
    };
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++)
        assert_false(signature_verify(headers[i], "", 0, "", 0));
}

static void test_upper_case_digits(void **state)
{
    (void)state;
    char header[SIGNATURE_HEADER_SIZE];
    signature_compute(SIGNATURE_SHA512, "k", 1, "body", 4, header);
    for (size_t i = strlen("sha512="); header[i]; i++)
        header[i] = (char)toupper((unsigned char)header[i]);
    assert_true(signature_verify(header, "k", 1, "body", 4));
}

static void test_names(void **state)
{
    (void)state;
    for (int i = SIGNATURE_SHA1; i <= SIGNATURE_SHA512; i++) {
        enum signature_method method;
        const char *name = signature_method_name((enum signature_method)i);
        assert_int_equal(signature_method_parse(name, &method), 0);
        assert_int_equal(method, i);
    }
    enum signature_method method = SIGNATURE_SHA384;
    assert_int_equal(signature_method_parse("md5", &method), -1);
    assert_int_equal(signature_method_parse("SHA1", &method), -1);
    assert_int_equal(signature_method_parse("", &method), -1);
    assert_int_equal(method, SIGNATURE_SHA384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_signer_gives_the_same_as_one_off_signatures),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_upper_case_digits),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
