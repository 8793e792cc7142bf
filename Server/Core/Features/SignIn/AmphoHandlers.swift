import GatehouseJSON
import GatehouseMessages
import HTTPTypes

/// Turns HTTP into calls on `SignIn` and `Renewal` and back, in the manner of Ampho; decides nothing itself.
struct AmphoHandlers: Sendable {
    let signIn: SignIn
    let renewal: Renewal
    let callers: Callers
    /// Seconds that a token is good for.
    let lifetime: Int64

    /// Clock skew that the door forgives and tells its clients of, in seconds (A-3 in Docs/API.md).
    static let leeway: Int64 = 60

    /// `POST {prefix}/login`
    @Sendable func logIn(_ call: Call, _: Anyone) async throws -> Answer {
        let body = try AmphoLogIn(call)
        return Self.answer(
            try await signIn.begin(
                name: body.login, password: body.password, from: call.network, lifetime: lifetime,
                audience: body.audience, holdsRefreshToken: body.wantsRefreshToken))
    }

    /// `POST {prefix}/renew`. Its credential may be a refresh token, so the handler looks at it. A signature has no session;
    /// that of a key with `manage` begins one.
    @Sendable func renew(_ call: Call, _: Anyone) async throws -> Answer {
        if call.isSigned {
            let caller = try await callers.admit(call, scope: .manage)
            return Self.answer(try await signIn.begin(signedBy: caller, lifetime: lifetime))
        }
        guard let presented = try call.headers.bearerToken() else { throw Problem.authenticationRequired }
        return Self.answer(
            try await renewal.renew(
                presented, idempotencyKey: call.idempotencyKey, leewaySeconds: Self.leeway, lifetime: lifetime))
    }

    private static func answer(_ grant: Grant) -> Answer {
        var writer = JSONWriter(reserving: grant.token.text.utf8.count + 256)
        writer.raw("{\"token\":")
        writer.string(grant.token.text)
        writer.raw(",\"ttl\":")
        writer.integer(grant.token.expiresAt - grant.token.startsAt)
        writer.raw(",\"leeway\":")
        writer.integer(leeway)
        writer.raw(",\"starts\":")
        writer.integer(grant.token.startsAt)
        writer.raw(",\"expires\":")
        writer.integer(grant.token.expiresAt)
        if let refreshToken = grant.refreshToken {
            writer.raw(",\"refresh_token\":")
            writer.string(refreshToken)
        }
        writer.raw("}")
        return .json(writer.bytes)
    }
}

/// The body of a sign-in at the Ampho door: JSON or a form.
private struct AmphoLogIn {
    let login: String
    /// Empty when it is missing, which is a wrong password like any other.
    let password: String
    let audience: Audience?
    let wantsRefreshToken: Bool

    init(_ call: Call) throws(Problem) {
        let body = call.isForm ? try Self.form(of: call) : try call.jsonObject()
        login = try body.requireString("login")
        password = try body.optionalString("password") ?? ""
        audience = try body.optionalString("audience").map { text throws(Problem) in try Audience(text) }
        wantsRefreshToken = try body.optionalFlag("refresh_token") ?? false
    }

    /// A form as the JSON that means the same.
    private static func form(of call: Call) throws(Problem) -> JSONValue {
        let texts = try call.formMembers("login", "password", "audience", "refresh_token")
        return .object(
            texts.map { name, text in
                let isFlag = name == "refresh_token" && (text == "true" || text == "false")
                return JSONValue.Member(name: name, value: isFlag ? .bool(text == "true") : .string(text))
            })
    }
}

extension Call {
    /// What `Idempotency-Key` says; nil when there is none.
    func idempotencyKey() throws(Problem) -> IdempotencyKey? {
        let lines = headers[values: HTTPField.Name("Idempotency-Key")!]
        guard let line = lines.first else { return nil }
        guard lines.count == 1 else { throw .invalidIdempotencyKey }
        return try IdempotencyKey(line)
    }
}
