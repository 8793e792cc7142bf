#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
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
