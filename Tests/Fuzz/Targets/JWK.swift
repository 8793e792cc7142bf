import WebTokens

/// A key that is taken comes back the same, and its public form holds nothing private.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let key = try? JWK(parsing: Array(UnsafeBufferPointer(start: data, count: size))) else { return 0 }
    guard let again = try? JWK(parsing: Array(key.json(includingPrivate: true).utf8)), again == key else {
        fatalError("\(key) does not come back")
    }
    guard key.isAsymmetric else { return 0 }
    guard let shown = try? JWK(parsing: Array(key.json(includingPrivate: false).utf8)), !shown.isPrivate,
        shown.thumbprint() == key.thumbprint()
    else { fatalError("the public form of \(key) is wrong") }
    return 0
}
