import GatehouseCryptography

/// Octets have one text, so that no two texts are the same signature.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let octets = Array(UnsafeBufferPointer(start: data, count: size))
    guard Base64URL.decode(Base64URL.encode(octets)) == octets else { fatalError("\(octets) do not come back") }
    let text = String(decoding: octets, as: UTF8.self)
    if let decoded = Base64URL.decode(text), Base64URL.encode(decoded) != text {
        fatalError("\(text) is not the only text of \(decoded)")
    }
    return 0
}
