package import GatehouseJSON
import GatehouseMessages
import HTTPSignatures
import HTTPTypes

/// Turns HTTP into calls on `APIKeys` and back; decides who may see and change which key, and nothing else.
struct APIKeyHandlers: Sendable {
    let keys: APIKeys

    /// `GET /api/keys[?account=…&after=…&limit=…]`
    @Sendable func list(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let query = try call.queryMembers("account", "after", "limit")
        let account = query["account"] ?? caller.account.id
        try Self.requireRight(of: caller, over: account)
        // No account has such an identifier, and no store can be asked for it.
        guard !account.utf8.contains(0) else { throw Problem.unknownAccount }
        return try await keys.list(of: account, try PageRequest(query, isID: APIKeys.isUsable)).answer(\.json)
    }

    /// `GET /api/keys/{id}`
    @Sendable func show(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        .json(try await key(of: call, for: caller).json.bytes())
    }

    /// `POST /api/keys`
    @Sendable func create(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let body = try call.jsonObject(
            only: "id", "account", "algorithm", "scopes", "replay", "expires", "debug", "secret", "public_key")
        let account = try body.optionalString("account") ?? caller.account.id
        var plan = APIKeys.Plan()
        plan.id = try body.optionalString("id")
        plan.scopes = try Self.scopes(body) ?? []
        plan.isStrict = try Self.isStrict(body) ?? false
        plan.isDebug = try body.optionalFlag("debug") ?? false
        plan.expiresAt = try Self.expiry(body) ?? nil
        let algorithm = try body.optionalString("algorithm").map { name throws(Problem) in
            try SignatureAlgorithm(checking: name)
        }
        let material = try Self.material(body, algorithm ?? .hmacSHA256)
        try Self.requireRight(of: caller, over: account)
        try Self.requireRight(of: caller, toGive: plan.scopes)
        guard !account.utf8.contains(0) else { throw Problem.unknownAccount }
        let entry = try await keys.add(plan, material, of: account, by: caller.account.actor)
        var answer = Answer.json(entry.json(showing: material).bytes(), status: .created)
        answer.headers[.location] = "/api/keys/" + PercentEncoding.encode(entry.id)
        return answer
    }

    /// `PATCH /api/keys/{id}`
    @Sendable func change(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let body = try call.jsonObject(only: "scopes", "replay", "expires", "debug")
        let change = APIKeys.Change(
            scopes: try Self.scopes(body), isStrict: try Self.isStrict(body), isDebug: try body.optionalFlag("debug"),
            expiresAt: try Self.expiry(body))
        let entry = try await key(of: call, for: caller)
        try Self.requireRight(of: caller, toGive: (change.scopes ?? []).subtracting(entry.scopes))
        try await keys.change(entry.id, change, by: caller.account.actor)
        return Answer(status: .noContent)
    }

    /// `POST /api/keys/{id}/rotate`
    @Sendable func rotate(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let body = try call.jsonObject(only: "overlap", "secret", "public_key")
        let overlap = body["overlap"] == nil ? APIKeys.overlap : try body.requireInteger("overlap")
        guard (0...APIKeys.longestOverlap).contains(overlap) else {
            throw Problem.invalidMember.saying(
                "The member \"overlap\" is a number of seconds from 0 to \(APIKeys.longestOverlap).")
        }
        let entry = try await key(of: call, for: caller)
        let material = try Self.material(body, try SignatureAlgorithm(checking: entry.algorithm))
        return .json(
            try await keys.rotate(entry.id, to: material, overlap: overlap, by: caller.account.actor)
                .json(showing: material).bytes())
    }

    /// `DELETE /api/keys/{id}`
    @Sendable func revoke(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        try await keys.revoke(try await key(of: call, for: caller).id, by: caller.account.actor)
        return Answer(status: .noContent)
    }

    // MARK: Rights

    private static func requireRight(of caller: SignedIn, over account: String) throws(Problem) {
        guard account == caller.account.id || caller.account.roles.contains(.admin) else { throw .insufficientRole }
    }

    /// Whoever asks about tokens sees everybody's.
    private static func requireRight(of caller: SignedIn, toGive scopes: Set<KeyScope>) throws(Problem) {
        guard !scopes.contains(.introspect) || caller.account.roles.contains(.admin) else { throw .insufficientRole }
    }

    /// Somebody else's is none.
    private func key(of call: Call, for caller: SignedIn) async throws -> APIKeyEntry {
        let entry = try await keys.require(call.parameters[0])
        guard entry.account == caller.account.id || caller.account.roles.contains(.admin) else {
            throw Problem.unknownKey
        }
        return entry
    }

    // MARK: Reading

    private static func scopes(_ body: JSONValue) throws(Problem) -> Set<KeyScope>? {
        guard let value = body["scopes"] else { return nil }
        guard let words = value.array else { throw .wrongType.saying("The member \"scopes\" must be an array.") }
        var scopes: Set<KeyScope> = []
        for word in words {
            guard let scope = word.string.flatMap({ KeyScope($0) }) else { throw .invalidScope }
            scopes.insert(scope)
        }
        return scopes
    }

    private static func isStrict(_ body: JSONValue) throws(Problem) -> Bool? {
        switch try body.optionalString("replay") {
        case nil: return nil
        case "strict": return true
        case "default": return false
        default: throw .invalidMember.saying("The member \"replay\" can be \"strict\" or \"default\".")
        }
    }

    /// `.some(nil)` for null.
    private static func expiry(_ body: JSONValue) throws(Problem) -> Int64?? {
        if body["expires"] == .null { return .some(nil) }
        guard let text = try body.optionalString("expires") else { return nil }
        guard let time = RFC3339.microseconds(text) else {
            throw .invalidMember.saying("The member \"expires\" must be a time such as 2027-01-31T23:59:59Z.")
        }
        return time
    }

    private static func material(_ body: JSONValue, _ algorithm: SignatureAlgorithm) throws(Problem) -> APIKeyMaterial {
        let secret = try body.optionalString("secret")
        let publicKey = try body.optionalString("public_key")
        if secret != nil && publicKey != nil {
            throw .unknownMember.saying("A key has either \"secret\" or \"public_key\".")
        }
        if let publicKey { return try APIKeyMaterial(publicKey: Array(publicKey.utf8), algorithm: algorithm) }
        if let secret { return try APIKeyMaterial(secret: Array(secret.utf8), algorithm: algorithm, allowsWeak: false) }
        guard algorithm.isShared else {
            throw .missingMember.saying("The member \"public_key\" is missing, which \(algorithm.rawValue) needs.")
        }
        return .random(algorithm)
    }
}

extension APIKeyEntry {
    /// With the secret that was made just now, which is shown this once.
    package func json(showing material: APIKeyMaterial) -> JSONValue {
        guard let secret = material.madeSecret, let members = json.object else { return json }
        return .object(members + [JSONValue.Member(name: "secret", value: .string(secret))])
    }
}

extension SignatureAlgorithm {
    /// - Throws: `Problem.invalidMember` with the names that would be right.
    init(checking name: String) throws(Problem) {
        guard let algorithm = SignatureAlgorithm(rawValue: name) else {
            let names = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalidMember.saying("The algorithm must be one of \(names).")
        }
        self = algorithm
    }
}
