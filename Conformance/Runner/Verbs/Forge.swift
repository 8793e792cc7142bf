internal import GatehouseCryptography
internal import GatehouseJSON
internal import WebTokens

extension StepContext {
    /// A token that differs from a real one in the named claims and headers, and in its signature.
    func forge(_ step: ForgeStep, scope: Scope) throws -> Attempt {
        let token = try step.token.resolved(in: scope)
        do {
            let forged = try ForgedToken(token, step: step, now: now(), scope: scope)
            return Attempt(made: forged.text, outcome: "done")
        } catch let problem as ForgeProblem {
            let mismatch = Mismatch(
                subject: "forge", expected: "a token to change and a key to sign it", actual: problem.text,
                position: step.position)
            return Attempt(mismatches: [mismatch], outcome: "failed")
        }
    }
}

struct ForgeProblem: Error {
    let text: String
}

/// Parts that are not named stay byte for byte as they were.
struct ForgedToken {
    let text: String

    /// - Parameter now: Unix seconds.
    init(_ token: String, step: ForgeStep, now: Int64, scope: Scope) throws {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw ForgeProblem(text: "the token has not three parts") }
        var headerChanges = step.header
        if step.signature == .none, !headerChanges.contains(where: { $0.name == "alg" }) {
            let position = step.position
            headerChanges.append(.init(name: "alg", value: .json(.string(try Template("none", at: position)))))
        }
        let header = try Self.changed(parts[0], by: headerChanges, now: now, scope: scope)
        let payload = try Self.changed(parts[1], by: step.claims, now: now, scope: scope)
        switch step.signature {
        case .nothing: text = "\(header).\(payload).\(parts[2])"
        case .none: text = "\(header).\(payload)."
        case .targetKey:
            let key = try scope.require("signing_key")
            text = try Self.signed(header, payload, with: try Self.signingKey(try JWK(parsing: Array(key.utf8))))
        case .thisKey:
            let key = try step.key?.resolved(in: scope) ?? ""
            text = try Self.signed(header, payload, with: try Self.signingKey(try JWK(parsing: Array(key.utf8))))
        case .anotherKey:
            // The algorithm that the token was really signed with, whatever its changed header says.
            let key = try Self.freshKey(for: Self.json(parts[0])?["alg"]?.string ?? "")
            text = try Self.signed(header, payload, with: try Self.signingKey(key))
        }
    }

    private static func signed(_ header: String, _ payload: String, with key: SigningKey) throws -> String {
        guard let header = Base64URL.decode(header), let payload = Base64URL.decode(payload) else {
            throw ForgeProblem(text: "a part of the token is not base64url")
        }
        return try JWS.sign(payload, header: header, with: key)
    }

    private static func signingKey(_ key: @autoclosure () throws -> JWK) throws -> SigningKey {
        do {
            return try SigningKey(key())
        } catch {
            // Says what is wrong with the key, never shows it.
            throw ForgeProblem(text: "the key cannot sign: \(error)")
        }
    }

    private static func freshKey(for algorithm: String) throws -> JWK {
        guard let known = JWSAlgorithm(rawValue: algorithm) else {
            throw ForgeProblem(text: "there is no fresh key for the algorithm \"\(algorithm)\"")
        }
        return JWK.generate(for: known)
    }

    private static func changed(
        _ part: Substring, by changes: [MemberChange], now: Int64, scope: Scope
    ) throws -> String {
        guard !changes.isEmpty else { return String(part) }
        guard var members = json(part)?.object else {
            throw ForgeProblem(text: "a part of the token is no JSON object")
        }
        for change in changes {
            let value: JSONValue
            switch change.value {
            case .remove:
                members.removeAll { $0.name == change.name }
                continue
            case .secondsFromNow(let seconds): value = .number(JSONNumber(now + seconds))
            case .json(let template): value = try template.resolved(in: scope)
            }
            let member = JSONValue.Member(name: change.name, value: value)
            if let index = members.firstIndex(where: { $0.name == change.name }) {
                members[index] = member
            } else {
                members.append(member)
            }
        }
        return Base64URL.encode(JSONValue.object(members).bytes())
    }

    private static func json(_ part: Substring) -> JSONValue? {
        Base64URL.decode(part).flatMap { try? JSONValue(parsing: $0) }
    }
}
