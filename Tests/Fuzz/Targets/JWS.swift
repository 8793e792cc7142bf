import WebTokens

/// A signature of RFC 7515, appendix A.1, and one of RFC 8037, appendix A.4. Both are in the corpus.
private let signed = [
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
        + "c19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylG"
        + "jg5BhVsPt9g7sVvpAr_MuM0KAg",
]

/// Their keys, each alone, since those signatures do not name one.
private let keys = [
    """
    {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","alg":"HS256"}
    """,
    """
    {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA"}
    """,
].map { KeySet([try! VerificationKey(try! JWK(parsing: Array($0.utf8)))]) }

private let verifiers = keys.map { keys in
    TokenVerifier(keys: keys, type: "at+jwt", issuer: "joe", audience: "joe", leewaySeconds: 10)
}

/// Only what was signed passes, and no other text for the same octets.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
    for (keys, verifier) in zip(keys, verifiers) {
        if (try? JWS.verify(text, with: keys)) != nil, !signed.contains(text) {
            fatalError("passed as signed: \(text)")
        }
        if (try? verifier.verify(text, nowSeconds: 1_300_000_000)) != nil { fatalError("passed as a token: \(text)") }
    }
    return 0
}
