import GatehouseJSON
import GatehouseMessages
import WebTokens

/// Turns HTTP into calls on `Introspection` and `Revocation` and back; decides nothing itself.
struct IntrospectionHandlers: Sendable {
    let introspection: Introspection
    let revocation: Revocation
    let issuer: String

    /// `POST /api/introspect` (RFC 7662 §2)
    @Sendable func introspect(_ call: Call, _: Admin) async throws -> Answer {
        guard let active = try await introspection.active(try Self.token(of: call)) else {
            return .json(Array(#"{"active":false}"#.utf8))
        }
        var members: [JSONValue.Member] = [
            .init(name: "active", value: true), .init(name: "iss", value: .string(issuer)),
            .init(name: "aud", value: .string(active.session.audience ?? issuer)),
            .init(name: "sub", value: .string(active.account.id)),
            .init(name: "username", value: .string(active.account.login)),
            .init(name: "scope", value: .string(active.account.scope)),
            .init(name: "sid", value: .string(active.session.id)),
        ]
        func time(_ name: String, _ seconds: Int64?) {
            if let seconds { members.append(.init(name: name, value: .number(JSONNumber(seconds)))) }
        }
        if let claims = active.claims {
            members.append(.init(name: "token_type", value: "Bearer"))
            if let id = claims.tokenID { members.append(.init(name: "jti", value: .string(id))) }
            time("iat", claims.issuedAt)
            time("nbf", claims.notBefore)
            time("exp", claims.expiresAt)
        } else {
            // It has no times of its own: it lasts as long as its session.
            time("exp", active.session.expiresAt.unixSeconds)
        }
        var writer = JSONWriter()
        writer.value(.object(members))
        return .json(writer.bytes)
    }

    /// `POST /api/revoke` (RFC 7009 §2)
    @Sendable func revoke(_ call: Call, _: Anyone) async throws -> Answer {
        try await revocation.revoke(try Self.token(of: call), leewaySeconds: AmphoHandlers.leeway)
        return .emptyObject
    }

    private static func token(of call: Call) throws(Problem) -> String {
        guard let token = try call.formMembers("token")["token"] else {
            throw .missingMember.saying("The form member token is missing.")
        }
        return token
    }
}
