#include "common/secret_cipher.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/panic.h"

enum { NONCE = 12, MOSIP_NONCE = 16, TAG = 16 };

struct bytes {
    unsigned char *data; /* owned */
    size_t length;
};

static void bytes_free(struct bytes *bytes)
{
    if (bytes->data)
        OPENSSL_cleanse(bytes->data, bytes->length);
    free(bytes->data);
}

static int decode(const char *text, struct bytes *out)
{
    *out = (struct bytes){0};
    if (strlen(text) <= SECRET_CIPHER_MAX_TEXT)
        out->data = base64_decode(text, &out->length);
    return out->data ? 0 : -1;
}

int secret_cipher_read_key(const char *base64, struct secret_cipher_key *key)
{
    struct bytes bytes;
    if (decode(base64, &bytes) != 0)
        return -1;
    bool fits = bytes.length == sizeof(key->bytes);
    if (fits)
        memcpy(key->bytes, bytes.data, sizeof(key->bytes));
    bytes_free(&bytes);
    return fits ? 0 : -1;
}

/* --- sealing --- */

char *secret_cipher_seal(const struct secret_cipher_key *key, const char *owner, const char *plain)
{
    int length = 0, rest = 0, plain_length = (int)strlen(plain);
    size_t size = NONCE + (size_t)plain_length + TAG;
    unsigned char *sealed = xmalloc(size), *ciphertext = sealed + NONCE;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    ENSURE(context && RAND_bytes(sealed, NONCE) == 1);
    ENSURE(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, sealed) == 1);
    ENSURE(EVP_EncryptUpdate(context, NULL, &length, (const unsigned char *)owner,
                             (int)strlen(owner)) == 1);
    ENSURE(EVP_EncryptUpdate(context, ciphertext, &length, (const unsigned char *)plain,
                             plain_length) == 1);
    ENSURE(EVP_EncryptFinal_ex(context, ciphertext + length, &rest) == 1);
    ENSURE(length + rest == plain_length);
    ENSURE(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, ciphertext + plain_length) ==
           1);
    EVP_CIPHER_CTX_free(context);
    char *text = base64_encode(sealed, size);
    free(sealed);
    return text;
}

/* --- opening --- */

/** Where in the bytes of a text its parts lie. */
struct layout {
    const unsigned char *nonce, *ciphertext;
    unsigned char *tag; /* OpenSSL takes it without const */
    int nonce_length, length;
};

/** Decrypts into `plain`, which has room for layout->length bytes. */
static bool decrypt(const struct secret_cipher_key *key, const char *owner,
                    const struct layout *layout, unsigned char *plain)
{
    int length = 0, rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    ENSURE(context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1);
    ENSURE(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, layout->nonce_length, NULL) == 1);
    ENSURE(EVP_DecryptInit_ex(context, NULL, NULL, key->bytes, layout->nonce) == 1);
    ENSURE(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, layout->tag) == 1);
    bool good = !owner || EVP_DecryptUpdate(context, NULL, &length, (const unsigned char *)owner,
                                            (int)strlen(owner)) == 1;
    good = good &&
           EVP_DecryptUpdate(context, plain, &length, layout->ciphertext, layout->length) == 1 &&
           EVP_DecryptFinal_ex(context, plain + length, &rest) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!good)
        ERR_clear_error(); /* TLS on this thread would take it for its own */
    return good;
}

static char *open_layout(const struct secret_cipher_key *key, const char *owner,
                         const struct layout *layout, struct error *error)
{
    size_t length = (size_t)layout->length;
    char *plain = xcalloc(1, length + 1);
    bool good = decrypt(key, owner, layout, (unsigned char *)plain);
    if (!good)
        error_set(error, ERROR_INVALID, false,
                  "not encrypted with this key for this subscription, or changed since");
    else if (strlen(plain) != length)
        error_set(error, ERROR_INVALID, false, "the decrypted secret contains a NUL byte");
    else
        return plain;
    OPENSSL_cleanse(plain, length);
    free(plain);
    return NULL;
}

static int decode_sealed(const char *text, size_t overhead, struct bytes *bytes,
                         struct error *error)
{
    if (decode(text, bytes) != 0)
        return error_set(error, ERROR_INVALID, false, "the encrypted secret is not base64");
    if (bytes->length >= overhead)
        return 0;
    bytes_free(bytes);
    return error_set(error, ERROR_INVALID, false, "the encrypted secret is too short");
}

char *secret_cipher_open(const struct secret_cipher_key *key, const char *owner, const char *text,
                         struct error *error)
{
    struct bytes bytes;
    if (decode_sealed(text, NONCE + TAG, &bytes, error) != 0)
        return NULL;
    const struct layout layout = {
        .nonce = bytes.data,
        .nonce_length = NONCE,
        .ciphertext = bytes.data + NONCE,
        .length = (int)(bytes.length - NONCE - TAG),
        .tag = bytes.data + bytes.length - TAG,
    };
    char *plain = open_layout(key, owner, &layout, error);
    bytes_free(&bytes);
    return plain;
}

char *secret_cipher_open_mosip(const struct secret_cipher_key *key, const char *text,
                               struct error *error)
{
    struct bytes bytes;
    if (decode_sealed(text, TAG + MOSIP_NONCE, &bytes, error) != 0)
        return NULL;
    const struct layout layout = {
        .ciphertext = bytes.data,
        .length = (int)(bytes.length - TAG - MOSIP_NONCE),
        .tag = bytes.data + bytes.length - MOSIP_NONCE - TAG,
        .nonce = bytes.data + bytes.length - MOSIP_NONCE,
        .nonce_length = MOSIP_NONCE,
    };
    char *plain = open_layout(key, NULL, &layout, error);
    bytes_free(&bytes);
    return plain;
}
