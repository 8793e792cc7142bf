import GatehouseCryptography

extension CavageSignature {
    /// Signs a message.
    ///
    /// - Parameters:
    ///   - message: with all that is covered.
    ///   - covered: names of fields, `(request-target)`, `(created)`, `(expires)`.
    ///   - created: Unix seconds; sent when given, and needed when covered.
    ///   - expires: Unix seconds, as `created`.
    /// - Returns: what stands in `Signature`, and after the scheme in `Authorization`. Without spaces around commas and
    ///   with the signature last, which every verifier that we know can read.
    /// - Throws: `SignatureRefusal`, or `SignatureKeyError` when the key does not sign.
    public static func sign(
        _ message: SignableMessage, covering covered: [String], created: Int64? = nil, expires: Int64? = nil,
        with key: SignatureKey
    ) throws -> String {
        let names = covered.map { $0.utf8.map(\.lowercased) }
        // The older labels are understood by everybody, but exclude the newer components.
        let isNew = names.contains(SigningString.created) || names.contains(SigningString.expires)
        let label = isNew ? SignatureAlgorithm.anyLabel : key.algorithm.labels.first ?? SignatureAlgorithm.anyLabel
        let base = try SigningString.make(names, of: message, label: label, created: created, expires: expires)
        let signature = try key.sign(base, .der)
        return field(
            keyID: key.id, label: label, created: created, expires: expires, covered: covered, signature: signature)
    }

    /// The field of a signature that was made elsewhere; nothing is checked.
    package static func field(
        keyID: String, label: String?, created: Int64?, expires: Int64?, covered: [String]?, signature: [UInt8]
    ) -> String {
        var parts = ["keyId=\(quoted(keyID))"]
        if let label { parts.append("algorithm=\(quoted(label))") }
        if let created { parts.append("created=\(created)") }
        if let expires { parts.append("expires=\(expires)") }
        if let covered { parts.append("headers=\(quoted(covered.joined(separator: " ")))") }
        parts.append("signature=\(quoted(Base64.encode(signature)))")
        return parts.joined(separator: ",")
    }

    /// RFC 9110 §5.6.4.
    private static func quoted(_ text: String) -> String {
        "\"" + text.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    }
}
