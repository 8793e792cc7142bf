/// What a signature has to cover and how old it may be. A signature that verifies says nothing without (RFC 9421 §3.2.1).
public struct SignaturePolicy: Sendable {
    /// The body of the request, as far as it matters.
    public enum Body: Sendable {
        /// Nobody reads it, so no digest has to be covered; one that is covered is compared with it all the same.
        case unread([UInt8])
        /// It is read: it has to be covered by a digest, which is compared with it.
        case read([UInt8])
        /// Somebody else reads it, and compares it with the digest, which has to be covered when there is one to read.
        case elsewhere(hasContent: Bool)
    }

    /// How far `date` and `created` may be from now, in seconds.
    public let window: Int64
    /// What draft-cavage signatures have to cover in place of the list below, as `CAVAGE_VERIFIED_HEADERS` of
    /// Flask-Cavage says.
    public let verifiedHeaders: [String]?

    /// - Parameters:
    ///   - window: in seconds, either way.
    ///   - verifiedHeaders: in any case; `request-target` stands for `(request-target)`.
    public init(window: Int64 = 300, verifiedHeaders: [String]? = nil) {
        precondition(window >= 0, "a window is not negative")
        self.window = window
        self.verifiedHeaders = verifiedHeaders.map {
            $0.map { name in
                let name = String(decoding: name.utf8.map(\.lowercased), as: UTF8.self)
                return name == "request-target" ? "(request-target)" : name
            }
        }
    }

    /// Whether requests of a method are for sending content, so that it is covered also when it is empty.
    public static func expectsContent(_ method: String) -> Bool { ["POST", "PUT", "PATCH"].contains(method) }

    /// What a draft-cavage signature has to cover, in the order of a challenge: Flask-Cavage 0.4 wants the same.
    /// `(created)` may stand for `date`, and `content-digest` for `digest`.
    public func requiredHeaders(method: String, readsBody: Bool) -> [String] {
        if let verifiedHeaders { return verifiedHeaders }
        var names = ["(request-target)", "host", "date"]
        if Self.expectsContent(method) {
            names += ["content-length", "content-type", "digest"]
        } else if readsBody {
            names.append("digest")
        }
        return names
    }

    /// What a signature of RFC 9421 has to cover, in the order of a challenge. `@target-uri` may stand for `@authority`,
    /// `@path` and `@query`, and `@request-target` for the last two. It needs `created` besides.
    public func requiredComponents(hasContent: Bool) -> [String] {
        ["@method", "@authority", "@path", "@query"] + (hasContent ? ["content-digest"] : [])
    }

    /// Decides about a signature that verifies.
    ///
    /// - Parameters:
    ///   - now: Unix seconds.
    /// - Returns: when it stops being accepted, in Unix seconds; so long it has to be remembered.
    /// - Throws: `SignatureRefusal`: `.notCovered`, `.noTime`, `.outsideWindow`, `.expired`, and what `BodyDigest` throws.
    public func check(
        _ received: ReceivedSignature, of message: SignableMessage, body: Body, now: Int64
    ) throws(SignatureRefusal) -> Int64 {
        let end =
            switch received {
            case .cavage(let signature): try check(signature, message, body, now)
            case .message(let signature): try check(signature, body, now)
            }
        switch body {
        case .unread(let octets), .read(let octets): try checkDigests(received, octets, message)
        case .elsewhere: break
        }
        return end
    }

    // MARK: draft-cavage

    private func check(
        _ signature: CavageSignature, _ message: SignableMessage, _ body: Body, _ now: Int64
    ) throws(SignatureRefusal) -> Int64 {
        let required = requiredHeaders(method: message.method, readsBody: body.isWanted)
        let missing = required.filter { !isCovered($0, by: signature) }
        guard missing.isEmpty else { throw SignatureRefusal(.notCovered(missing)) }
        var ends: [Int64] = []
        if signature.covers("date") {
            guard let lines = try? message.values(Array("date".utf8)), lines.count == 1,
                let date = HTTPDate.unixSeconds(lines[0])
            else { throw SignatureRefusal(.noTime("date")) }
            ends.append(try checkTime("date", date, now))
        }
        if signature.covers("(created)"), let created = signature.created {
            ends.append(try checkTime("created", created, now))
        }
        // Without any time, which only a list of the operator's own allows, it is remembered for as long as others.
        let end = ends.min() ?? now + window
        let expiry = try checkExpiry(signature.expires, end, now)
        // Where it is not covered anybody can set it, or take it away again: it ends nothing then, but does not let what
        // was accepted be forgotten earlier.
        return signature.covers("(expires)") ? expiry : end
    }

    private func isCovered(_ name: String, by signature: CavageSignature) -> Bool {
        if signature.covers(name) { return true }
        // A list of the operator's own means what it says.
        guard verifiedHeaders == nil else { return false }
        return switch name {
        case "date": signature.covers("(created)")
        case "digest": signature.covers("content-digest")
        default: false
        }
    }

    // MARK: RFC 9421

    private func check(_ signature: MessageSignature, _ body: Body, _ now: Int64) throws(SignatureRefusal) -> Int64 {
        let hasContent =
            switch body {
            case .unread: false
            case .read(let octets): !octets.isEmpty
            case .elsewhere(let hasContent): hasContent
            }
        let missing = requiredComponents(hasContent: hasContent).filter { !isCovered($0, by: signature) }
        guard missing.isEmpty else { throw SignatureRefusal(.notCovered(missing)) }
        guard let created = signature.parameters.created else { throw SignatureRefusal(.noTime("created")) }
        return try checkExpiry(signature.parameters.expires, try checkTime("created", created, now), now)
    }

    private func isCovered(_ name: String, by signature: MessageSignature) -> Bool {
        signature.covered.contains { component in
            guard component.parameters.isEmpty else { return false }
            return switch component.name {
            case name: true
            case "@target-uri": ["@authority", "@path", "@query"].contains(name)
            case "@request-target": ["@path", "@query"].contains(name)
            default: false
            }
        }
    }

    // MARK: Time

    /// - Returns: until when it is inside the window.
    private func checkTime(_ name: String, _ time: Int64, _ now: Int64) throws(SignatureRefusal) -> Int64 {
        // 15 digits at most, so nothing overflows.
        guard abs(now - time) <= window else { throw SignatureRefusal(.outsideWindow(name, seconds: now - time)) }
        return time + window
    }

    private func checkExpiry(_ expires: Int64?, _ end: Int64, _ now: Int64) throws(SignatureRefusal) -> Int64 {
        guard let expires else { return end }
        guard now <= expires else { throw SignatureRefusal(.expired) }
        return min(end, expires)
    }

    // MARK: Body

    private func checkDigests(
        _ received: ReceivedSignature, _ body: [UInt8], _ message: SignableMessage
    ) throws(SignatureRefusal) {
        for digest in BodyDigest.allCases where received.covers(digest.rawValue) { try digest.check(body, of: message) }
    }
}

extension SignaturePolicy.Body {
    fileprivate var isWanted: Bool {
        switch self {
        case .unread: false
        case .read: true
        case .elsewhere(let hasContent): hasContent
        }
    }
}

extension ReceivedSignature {
    /// Whether a field is covered, in whatever form.
    package func covers(_ field: String) -> Bool {
        switch self {
        case .cavage(let signature): signature.covers(field)
        case .message(let signature): signature.covered.contains { $0.name == field && !$0.isOfRequest }
        }
    }
}
