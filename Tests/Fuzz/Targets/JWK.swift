import WebTokens

/// A key that is taken comes back the same, and its public form holds nothing private.
///
/// libcrypto looks for factors of an RSA modulus with random numbers, so a number that nobody made as a modulus can be taken
/// once and refused the next time. That is all that may differ.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    func parsed(_ json: String, of key: JWK) -> JWK? {
        do { return try JWK(parsing: Array(json.utf8)) } catch {
            guard "\(error)".contains("the modulus is none") else { fatalError("\(key) is refused: \(error)") }
            return nil
        }
    }
    guard let key = try? JWK(parsing: Array(UnsafeBufferPointer(start: data, count: size))),
        let again = parsed(key.json(includingPrivate: true), of: key)
    else { return 0 }
    guard again == key else { fatalError("\(key) does not come back") }
    guard key.isAsymmetric, let shown = parsed(key.json(includingPrivate: false), of: key) else { return 0 }
    guard !shown.isPrivate, shown.thumbprint() == key.thumbprint() else {
        fatalError("the public form of \(key) is wrong")
    }
    return 0
}
