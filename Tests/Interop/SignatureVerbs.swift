import GatehouseJSON
import HTTPSignatures

/// For `cavage.py` and `rfc9421.py`: signs messages, and judges those that others signed.
///
/// - `{"verb":"sign-message","family":"cavage"|"rfc9421","key":K,"message":M,"covered":[…]}` with `created`, `expires`, `nonce`
///   and `tag` as wanted gives `{"fields":[[name, value]…]}`, the lines to add;
/// - `{"verb":"verify-message","key":K,"message":M,"body":text}` gives `{"covered":[…]}` when the signature and the digests that
///   it covers are right.
///
/// K is `{"id":…,"algorithm":…}` with `secret` or `pem`; M is `{"method":…,"target":…,"scheme":…,"fields":[[name, value]…]}`, or
/// `{"status":…,"fields":[…],"request":M}` for an answer.
enum SignatureVerbs {
    /// - Returns: nil for another verb.
    static func answer(_ request: JSONValue) throws -> [JSONValue.Member]? {
        switch request["verb"]?.string {
        case "sign-message":
            let fields = try sign(try message(request["message"]), request)
            return [.init(name: "fields", value: .array(fields.map { [.string($0.name), .string($0.value)] }))]
        case "verify-message":
            let covered = try verify(
                try message(request["message"]), body: request["body"]?.string, with: try key(request))
            return [.init(name: "covered", value: .array(covered.map(JSONValue.string)))]
        default: return nil
        }
    }

    private static func sign(
        _ message: SignableMessage, _ request: JSONValue
    ) throws -> [(name: String, value: String)] {
        let covered = request["covered"]?.array?.compactMap(\.string) ?? []
        let (created, expires) = (request["created"]?.int64, request["expires"]?.int64)
        let key = try key(request)
        guard request["family"] == "rfc9421" else {
            let made = try CavageSignature.sign(
                message, covering: covered, created: created, expires: expires, with: key)
            return [("Authorization", "Signature \(made)")]
        }
        let parameters = SignatureParameters(
            created: created, expires: expires, nonce: request["nonce"]?.string,
            algorithm: key.algorithm.registeredName, keyID: key.id, tag: request["tag"]?.string)
        let made = try MessageSignature.sign(
            message, covering: try covered.map { try MessageComponent($0) }, parameters: parameters, with: key)
        return [("Signature-Input", made.signatureInput), ("Signature", made.signature)]
    }

    private static func verify(
        _ message: SignableMessage, body: String?, with key: SignatureKey
    ) throws -> [String] {
        guard let received = try ReceivedSignature.all(of: message).first, received.keyID == key.id else {
            throw SignatureRefusal(.unknownKey)
        }
        _ = try received.verify(message, with: key)
        for digest in BodyDigest.allCases where received.covers(digest.rawValue) {
            try digest.check(Array((body ?? "").utf8), of: message)
        }
        switch received {
        case .cavage(let signature): return signature.covered
        case .message(let signature): return signature.covered.map(\.identifier)
        }
    }

    // MARK: Reading

    private static func key(_ request: JSONValue) throws -> SignatureKey {
        guard let key = request["key"], let id = key["id"]?.string,
            let algorithm = SignatureAlgorithm(rawValue: key["algorithm"]?.string ?? "")
        else { throw Unreadable() }
        if let pem = key["pem"]?.string {
            return try SignatureKey(id: id, pem: Array(pem.utf8), algorithm: algorithm)
        }
        guard let secret = key["secret"]?.string else { throw Unreadable() }
        return try SignatureKey(id: id, secret: Array(secret.utf8), algorithm: algorithm, allowsWeak: true)
    }

    private static func message(_ value: JSONValue?) throws -> SignableMessage {
        guard let value else { throw Unreadable() }
        let fields = try fields(value["fields"]).map { SignableMessage.Field($0[0], $0[1]) }
        if let status = value["status"]?.int64 {
            return .response(status: Int(status), fields: fields, to: try value["request"].map { try message($0) })
        }
        guard let method = value["method"]?.string, let target = value["target"]?.string,
            let scheme = value["scheme"]?.string
        else { throw Unreadable() }
        return .request(method: method, target: target, scheme: scheme, fields: fields)
    }

    private static func fields(_ value: JSONValue?) throws -> [[String]] {
        try (value?.array ?? []).map { line in
            let pair = line.array?.compactMap(\.string) ?? []
            guard pair.count == 2 else { throw Unreadable() }
            return pair
        }
    }
}
