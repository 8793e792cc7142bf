import GatehouseCryptography
import HTTPSignatures

private let key = try! SignatureKey(id: "k", secret: Array("a secret of thirty-two octets...".utf8))
private let request = SignableMessage.request(
    method: "GET", target: "/a?b=c", scheme: "https",
    fields: [
        .init("Host", "example.com"), .init("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), .init("Digest", "a"),
        .init("Digest", "b"),
    ])

/// What is read is never believed with a key that nobody has, and says the same when it is written down and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let octets = Array(UnsafeBufferPointer(start: data, count: size))
    guard let signature = try? CavageSignature(parsing: octets) else { return 0 }
    if (try? signature.verify(request, with: key)) != nil { fatalError("passed as signed") }
    let written = CavageSignature.field(
        keyID: signature.keyID, label: signature.label, created: signature.created, expires: signature.expires,
        covered: signature.covered, signature: signature.signature)
    guard let again = try? CavageSignature(parsing: Array(written.utf8)), again.keyID == signature.keyID,
        again.label == signature.label, again.created == signature.created, again.expires == signature.expires,
        again.covered == signature.covered, again.signature == signature.signature
    else { fatalError("not the same when it is written down: \(written)") }
    let policy = SignaturePolicy()
    if (try? policy.check(.cavage(signature), of: request, body: .unread([]), now: 784_111_777)) != nil,
        !signature.covered.contains("(request-target)")
    {
        fatalError("let through without its target")
    }
    return 0
}
