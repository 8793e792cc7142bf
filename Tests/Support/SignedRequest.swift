import Foundation
package import HTTPSignatures

/// A request as octets, that a test signs and then spoils.
package struct SignedRequest: Sendable {
    package var method: String
    package var target: String
    /// All header lines in their order, `Host` first.
    package var lines: [(name: String, value: String)]
    package var body: String

    /// With `Host`, `Date`, and for a body also its length, type and digests; not signed.
    ///
    /// - Parameters:
    ///   - body: nil sends none.
    ///   - now: Unix seconds.
    package init(
        _ method: String = "GET", _ target: String, host: String = "app.test", body: String? = nil, now: Int64
    ) {
        self.method = method
        self.target = target
        self.body = body ?? ""
        lines = [("Host", host), ("Date", HTTPDate.text(now)), ("Connection", "close")]
        guard let body else { return }
        lines += [
            ("Content-Length", "\(body.utf8.count)"), ("Content-Type", "text/plain"),
            ("Digest", BodyDigest.digest.value(of: Array(body.utf8))),
            ("Content-Digest", BodyDigest.contentDigest.value(of: Array(body.utf8))),
        ]
    }

    /// The first line of a name, replaced where it stands; nil takes all of them away.
    package subscript(name: String) -> String? {
        get { lines.first { $0.name.lowercased() == name.lowercased() }?.value }
        set {
            let index = lines.firstIndex { $0.name.lowercased() == name.lowercased() }
            if let newValue {
                if let index { lines[index].value = newValue } else { lines.append((name, newValue)) }
            } else {
                lines.removeAll { $0.name.lowercased() == name.lowercased() }
            }
        }
    }

    private func message(scheme: String) -> SignableMessage {
        .request(
            method: method, target: target, scheme: scheme,
            fields: lines.map { SignableMessage.Field($0.name, $0.value) })
    }

    /// Signs as draft-cavage has it.
    ///
    /// - Parameter covering: what the policy asks for unless said.
    package mutating func signCavage(
        covering: [String]? = nil, created: Int64? = nil, expires: Int64? = nil,
        form: CavageSignature.Form = .authorization, with key: SignatureKey
    ) throws {
        let covering =
            covering ?? SignaturePolicy().requiredHeaders(method: method, readsBody: self["Digest"] != nil)
        let field = try CavageSignature.sign(
            message(scheme: "http"), covering: covering, created: created, expires: expires, with: key)
        switch form {
        case .authorization: lines.append(("Authorization", "Signature \(field)"))
        case .signature: lines.append(("Signature", field))
        }
    }

    /// Signs as RFC 9421 has it.
    ///
    /// - Parameters:
    ///   - covering: what the policy asks for unless said.
    ///   - parameters: with the `keyid` of the key unless it has one.
    package mutating func signMessage(
        covering: [String]? = nil, parameters: SignatureParameters, label: String = "sig1", scheme: String = "https",
        with key: SignatureKey
    ) throws {
        let covering = covering ?? SignaturePolicy().requiredComponents(hasContent: self["Content-Digest"] != nil)
        var parameters = parameters
        parameters.keyID = parameters.keyID ?? key.id
        let made = try MessageSignature.sign(
            message(scheme: scheme), covering: try covering.map { try MessageComponent($0) }, parameters: parameters,
            label: label, with: key)
        lines += [("Signature-Input", made.signatureInput), ("Signature", made.signature)]
    }

    /// As it goes over the wire.
    package var text: String {
        "\(method) \(target) HTTP/1.1\r\n" + lines.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n" + body
    }

    /// - Parameter source: as `RawConnection` has it.
    package func send(port: UInt16, from source: String? = nil) async throws -> RawAnswer {
        let connection = try RawConnection(port: port, from: source)
        try connection.send(text)
        return RawAnswer(try await connection.rest())
    }
}

/// An answer that ended with its connection.
package struct RawAnswer: Sendable, CustomStringConvertible {
    package let description: String
    /// 0 for what is no answer.
    package let status: Int
    package let lines: [(name: String, value: String)]
    package let body: String

    package init(_ text: String) {
        description = text
        let end = text.range(of: "\r\n\r\n")
        let head = text[..<(end?.lowerBound ?? text.endIndex)].components(separatedBy: "\r\n")
        status = Int(head[0].split(separator: " ").dropFirst().first ?? "") ?? 0
        lines = head.dropFirst().map { line in
            let name = line.prefix { $0 != ":" }
            return (String(name), line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces))
        }
        body = end.map { String(text[$0.upperBound...]) } ?? ""
    }

    /// All lines of a name.
    package subscript(name: String) -> [String] {
        lines.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The status with the word of the refusal, such as `401 signature_stale`.
    package var outcome: String { self["Error-Code"].first.map { "\(status) \($0)" } ?? "\(status)" }
}
