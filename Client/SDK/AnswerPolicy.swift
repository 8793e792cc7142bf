public import HTTPSignatures

/// What the answers of a server have to be signed with (RFC 9421). One that is not is an error, whatever its status: it may be
/// somebody else's.
public struct AnswerPolicy: Sendable {
    /// The status, and the request that is answered, so that no answer can be put in the place of another. Where the answer has
    /// a body, `content-digest` is demanded besides.
    public static let minimum = [
        "@status", "\"@method\";req", "\"@authority\";req", "\"@path\";req", "\"@query\";req",
    ]

    private let keys: [SignatureKey]
    private let required: [MessageComponent]
    private let window: Int64

    /// - Parameters:
    ///   - keys: those that the server signs with; public ones suffice. Another key's signature counts for nothing.
    ///   - covering: what has to be covered. `"signature";req` ties the answer to this one request.
    ///   - window: how far `created` may be from now by the server's clock, in seconds.
    /// - Throws: `SignatureRefusal` for a component that nobody knows.
    public init(
        keys: [SignatureKey], covering: [String] = minimum, window: Int64 = 300
    ) throws(SignatureRefusal) {
        self.keys = keys
        self.window = window
        var required: [MessageComponent] = []
        for name in covering { required.append(try MessageComponent(name)) }
        self.required = required
    }

    /// Whether an answer is the server's own.
    ///
    /// - Parameter now: Unix seconds by the server's clock.
    /// - Returns: nil when it is, else why not, as the end of a sentence.
    func objection(to response: TransportResponse, of request: TransportRequest, now: Int64) -> String? {
        let message = SignableMessage.response(
            status: response.status, fields: response.headers.map { SignableMessage.Field($0.name, $0.value) },
            to: request.signable())
        let signatures: [MessageSignature]
        do { signatures = try MessageSignature.all(of: message) } catch { return "\(error)" }
        var objection = "It is not signed."
        for signature in signatures {
            guard let key = keys.first(where: { $0.id == signature.parameters.keyID }) else {
                objection = "It is signed with another key."
                continue
            }
            guard let found = self.objection(to: signature, message, response.body, key, now) else { return nil }
            objection = found
        }
        return objection
    }

    private func objection(
        to signature: MessageSignature, _ message: SignableMessage, _ body: [UInt8], _ key: SignatureKey, _ now: Int64
    ) -> String? {
        do throws(SignatureRefusal) { try signature.verify(message, with: key) } catch { return "\(error)" }
        let covered = Set(signature.covered)
        let missing = required.filter { !covered.contains($0) }.map(\.identifier)
        guard missing.isEmpty else { return "Not covered: \(missing.joined(separator: ", "))." }
        guard let created = signature.parameters.created else { return "It does not say when it was signed." }
        guard abs(now - created) <= window, signature.parameters.expires.map({ now <= $0 }) ?? true else {
            return "It was signed \(now - created) seconds ago."
        }
        let hasDigest = signature.covered.contains { $0.identifier == "\"content-digest\"" }
        guard hasDigest || body.isEmpty else { return "Its body is not covered." }
        guard hasDigest else { return nil }
        do throws(SignatureRefusal) { try BodyDigest.contentDigest.check(body, of: message) } catch {
            return "\(error)"
        }
        return nil
    }
}

extension AnswerPolicy: CustomStringConvertible, CustomReflectable {
    /// Names the keys.
    public var description: String { "AnswerPolicy(\(keys.map(\.id).joined(separator: ", ")))" }
    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
