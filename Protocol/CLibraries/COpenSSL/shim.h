#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

// Swift turns the parameter names, which are macros, into strings that live for one call only, while an OSSL_PARAM keeps the
// pointer; so lists of parameters are made here.

/// Starts a MAC context with a key and the name of a digest. 1 when it worked.
static inline int gatehouse_hmac_init(EVP_MAC_CTX *context, const void *key, size_t key_size, const char *digest) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(context, (const unsigned char *)key, key_size, parameters);
}

/// HKDF with SHA-256 and no salt (RFC 5869). 1 when it worked.
static inline int gatehouse_hkdf_sha256(
    EVP_KDF_CTX *context, const void *key, size_t key_size, const void *info, size_t info_size, unsigned char *out,
    size_t out_size) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_size),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, out, out_size, parameters);
}

/// A key from the parameters that were collected. NULL when libcrypto refuses them.
static inline EVP_PKEY *gatehouse_key(const char *type, int selection, OSSL_PARAM_BLD *builder) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (parameters != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1
        && EVP_PKEY_fromdata(context, &key, selection, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return key;
}

/// An RSA key from n and e, or from n, e, d, p, q, dp, dq and qi. NULL when libcrypto refuses them.
static inline EVP_PKEY *gatehouse_rsa_key(const BIGNUM *const *numbers, int count) {
    static const char *const names[] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,         OSSL_PKEY_PARAM_RSA_D,
        OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    int is_good = builder != NULL && count <= 8;
    for (int i = 0; is_good && i < count; i++) is_good = OSSL_PARAM_BLD_push_BN(builder, names[i], numbers[i]);
    EVP_PKEY *key = is_good ? gatehouse_key("RSA", count > 2 ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, builder) : NULL;
    OSSL_PARAM_BLD_free(builder);
    return key;
}

/// A key on a named curve from an encoded point and, unless NULL, the private number. NULL when libcrypto refuses them.
static inline EVP_PKEY *gatehouse_ec_key(
    const char *curve, const unsigned char *point, size_t point_size, const BIGNUM *secret) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    int is_good = builder != NULL && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0)
        && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_size)
        && (secret == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret));
    EVP_PKEY *key =
        is_good ? gatehouse_key("EC", secret != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, builder) : NULL;
    OSSL_PARAM_BLD_free(builder);
    return key;
}

// Variadic in libcrypto, which Swift cannot call.

static inline EVP_PKEY *gatehouse_generate_rsa(size_t bits) { return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits); }

static inline EVP_PKEY *gatehouse_generate_ec(const char *curve) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

/// A key from a file in PEM, in any of its forms. NULL when there is none, and for one that is encrypted: nobody is asked
/// for its password.
static inline EVP_PKEY *gatehouse_read_pem(const unsigned char *pem, size_t size, int is_private) {
    EVP_PKEY *key = NULL;
    int selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    OSSL_DECODER_CTX *context = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, selection, NULL, NULL);
    const unsigned char *next = pem;
    int is_read = context != NULL && OSSL_DECODER_from_data(context, &next, &size) == 1;
    OSSL_DECODER_CTX_free(context);
    if (is_read) return key;
    EVP_PKEY_free(key);
    return NULL;
}
