import GatehouseCryptography
package import GatehouseJSON
import GatehouseMessages
import HTTPTypes
import WebTokens

/// Turns HTTP into calls on `SigningKeys` and back; decides nothing itself.
struct SigningKeyHandlers: Sendable {
    let keys: SigningKeys

    /// `GET /.well-known/jwks.json`
    @Sendable func publicKeys(_ call: Call, _: Anyone) async throws -> Answer {
        let body = Array("{\"keys\":[\(try await keys.current().published.joined(separator: ","))]}".utf8)
        var answer = Answer(status: .ok, contentType: "application/jwk-set+json", body: body)
        // A cache must not outlast the time for which a key is published before its first use.
        let maximumAge = min(300, keys.leadTime / Int64.microsecondsPerSecond)
        answer.headers[.cacheControl] = "public, max-age=\(maximumAge)"
        answer.tag(Base64URL.encode(Array(Digest.sha256(body).prefix(16))), for: call)
        return answer
    }

    /// `GET /api/signing-keys`
    @Sendable func list(_: Call, _: Admin) async throws -> Answer {
        // Never so many that they would need a second page.
        let page: JSONValue = ["items": .array(try await keys.list().map(\.json)), "next": .null]
        return .json(page.bytes())
    }

    /// `GET /api/signing-keys/{kid}`
    @Sendable func show(_ call: Call, _: Admin) async throws -> Answer {
        .json(try await keys.require(call.parameters[0]).json.bytes())
    }

    /// `POST /api/signing-keys`: a new key, or with `jwk` one that was made elsewhere.
    @Sendable func create(_ call: Call, _ caller: Admin) async throws -> Answer {
        let body = try call.jsonObject(only: "jwk", "algorithm", "at_once")
        let algorithm = try body.optionalString("algorithm").map { name throws(Problem) in
            try JWSAlgorithm(checking: name)
        }
        let isAtOnce = try body.optionalFlag("at_once")
        let entry: SigningKeyEntry
        if let jwk = body["jwk"] {
            guard algorithm == nil, isAtOnce == nil else {
                throw Problem.unknownMember.saying("With \"jwk\" there is no other member.")
            }
            entry = try await keys.add(try JWK(checking: jwk), by: caller.account.actor)
        } else {
            entry = try await keys.rotate(
                algorithm: algorithm, atOnce: isAtOnce ?? false, by: caller.account.actor)
        }
        var answer = Answer.json(entry.json.bytes(), status: .created)
        answer.headers[.location] = "/api/signing-keys/" + PercentEncoding.encode(entry.id)
        return answer
    }

    /// `PATCH /api/signing-keys/{kid}`
    @Sendable func change(_ call: Call, _ caller: Admin) async throws -> Answer {
        let body = try call.jsonObject(only: "state", "at_once")
        let isAtOnce = try body.optionalFlag("at_once")
        switch try body.requireString("state") {
        case "active":
            _ = try await keys.activate(call.parameters[0], atOnce: isAtOnce ?? false, by: caller.account.actor)
        case "retired":
            guard isAtOnce == nil else {
                throw Problem.unknownMember.saying("\"at_once\" goes with \"active\"; DELETE ends a key at once.")
            }
            _ = try await keys.retire(call.parameters[0], by: caller.account.actor)
        default: throw Problem.invalidMember.saying("The member \"state\" can become \"active\" or \"retired\".")
        }
        return Answer(status: .noContent)
    }

    /// `DELETE /api/signing-keys/{kid}`
    @Sendable func remove(_ call: Call, _ caller: Admin) async throws -> Answer {
        try await keys.remove(call.parameters[0], by: caller.account.actor)
        return Answer(status: .noContent)
    }
}

extension SigningKeyEntry {
    /// As `/api/signing-keys` and `gatehouse signing-key --json` show it.
    package var json: JSONValue {
        func time(_ microseconds: Int64?) -> JSONValue { microseconds.map { .string(RFC3339.text($0)) } ?? .null }
        return [
            "kid": .string(id), "alg": .string(algorithm), "state": .string(state.rawValue),
            "source": .string(isGiven ? "setting" : "store"), "created": time(createdAt),
            "activates": time(activatedAt == nil ? activatesAt : nil), "activated": time(activatedAt),
            "retired": time(retiredAt), "accepted_until": time(acceptedUntil),
        ]
    }
}

extension JWK {
    /// - Throws: `Problem.invalidSigningKey` with the reason.
    init(checking value: JSONValue) throws(Problem) {
        do { try self.init(value) } catch { throw .invalidSigningKey.saying(error.description) }
    }
}

extension JWSAlgorithm {
    /// - Throws: `Problem.invalidMember` with the names that would be right.
    init(checking name: String) throws(Problem) {
        guard let algorithm = JWSAlgorithm(rawValue: name) else {
            let names = JWSAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalidMember.saying("The algorithm must be one of \(names).")
        }
        self = algorithm
    }
}
