import GatehouseCryptography
import HTTPSignatures

private let key = try! SignatureKey(id: "k", secret: Array("a secret of thirty-two octets...".utf8))

/// The first line is `Signature-Input`, the second `Signature`, and both again `Accept-Signature` and fields that are
/// covered. Nothing is believed with a key that nobody has, and a base tells of each component that it covers.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let octets = Array(UnsafeBufferPointer(start: data, count: size))
    let lines = octets.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false).map { Array($0) }
    let fields: [SignableMessage.Field] = [
        .init("Signature-Input", octets: lines[0]), .init("Signature", octets: lines.count > 1 ? lines[1] : []),
        .init("Host", "example.com"), .init("X", octets: lines[0]), .init("Content-Digest", octets: lines[0]),
        .init("Accept-Signature", octets: lines[0]),
    ]
    let request = SignableMessage.request(
        method: "GET", target: "/" + String(decoding: lines[0], as: UTF8.self), scheme: "https", fields: fields)
    if let asked = try? AcceptSignature.all(of: request), !asked.isEmpty {
        guard let field = try? AcceptSignature.field(asked),
            let again = try? AcceptSignature.all(
                of: .response(status: 401, fields: [.init("Accept-Signature", field)])),
            again.map(\.components) == asked.map(\.components), again.map(\.demanded) == asked.map(\.demanded)
        else { fatalError("not the same when it is written down") }
    }
    guard let signatures = try? MessageSignature.all(of: request) else { return 0 }
    for signature in signatures {
        if (try? signature.verify(request, with: key)) != nil { fatalError("passed as signed") }
        guard let base = try? signature.base(of: request) else { continue }
        let count = base.split(separator: 0x0A, omittingEmptySubsequences: false).count
        if count != signature.covered.count + 1 {
            fatalError("\(signature.covered.count) components in \(count) lines")
        }
        if Set(signature.covered).count != signature.covered.count { fatalError("something is covered twice") }
    }
    return 0
}
