import GatehouseJSON
import GatehouseMessages
import GatehouseQRCode
import HTTPTypes

/// Turns HTTP into calls on `Links` and back; decides nothing itself.
struct LinkHandlers: Sendable {
    let links: Links

    /// `GET /subject/{sssid}/links`
    @Sendable func list(_ call: Call, _: Staff) async throws -> Answer {
        let links = try await links.list(of: call.parameters[0])
        return .data(links.isEmpty ? .null : .array(links.map(\.json)))
    }

    /// `POST /subject/{sssid}/links`
    @Sendable func create(_ call: Call, _ staff: Staff) async throws -> Answer {
        let link = try await links.create(for: call.parameters[0], by: staff.account.actor)
        return .data(link.json, status: .created)
    }

    /// `GET /link/{jti}`
    @Sendable func read(_ call: Call, _: Staff) async throws -> Answer {
        .data(try await links.require(call.parameters[0]).json)
    }

    /// `PUT /link/{jti}`
    @Sendable func change(_ call: Call, _ staff: Staff) async throws -> Answer {
        guard !call.body.isEmpty else { throw Problem.invalidJSON.saying("No JSON provided") }
        try await links.change(
            call.parameters[0], try LinkChange(try call.jsonObject()), by: staff.account.actor)
        return Answer(status: .noContent)
    }

    /// `GET /link/{jti}/jwt`
    @Sendable func token(_ call: Call, _ reader: LinkReader) async throws -> Answer {
        let token = try await token(call, for: reader.actor)
        return Self.secret(contentType: "application/jwt", Array(token.text.utf8))
    }

    /// `GET /link/{jti}/qr[?format=svg]`
    @Sendable func picture(_ call: Call, _ staff: Staff) async throws -> Answer {
        let format = try call.queryMembers("format")["format"]
        let wantsPNG =
            format.map { $0 == "png" }
            ?? (call.headers[.accept].map { $0.contains("image/png") && !$0.contains("image/svg+xml") } ?? false)
        guard format == nil || format == "svg" || format == "png" else {
            throw Problem.invalidQuery.saying("The query member format must be svg or png.")
        }
        let token = try await token(call, for: staff.account.actor)
        let code = try QRCode(token.text)
        return wantsPNG
            ? Self.secret(contentType: "image/png", try code.png())
            : Self.secret(contentType: "image/svg+xml", Array(code.svg().utf8))
    }

    /// `POST /establish`
    @Sendable func establish(_ call: Call, _: Anyone) async throws -> Answer {
        guard let text = try call.headers.token(of: Callers.bearerOrJWT) else {
            throw Problem.authenticationRequired
        }
        guard let token = LinkToken(reading: text) else { throw Problem.invalidToken }
        _ = try await links.link(of: token)
        try await links.establish(token, to: try PatientIdentifier(try call.json()))
        return Answer(status: .noContent)
    }

    private func token(_ call: Call, for actor: Actor) async throws -> LinkToken {
        call.original.method == "HEAD"
            ? try await links.likeness(ofTokenOf: call.parameters[0])
            : try await links.token(of: call.parameters[0], for: actor)
    }

    private static func secret(contentType: String, _ body: [UInt8]) -> Answer {
        var answer = Answer(status: .ok, contentType: contentType, body: body)
        answer.headers[.cacheControl] = "no-store"
        return answer
    }
}

/// Who reads a link's token: staff, or whoever knows the link where the operator lets them.
struct LinkReader: Sendable {
    let actor: Actor
}

extension Access where Caller == LinkReader {
    static func linkReader(_ callers: Callers, isPublic: Bool) -> Access {
        let staff = Access<Staff>.staff(callers, onlyReads: false)
        return Access { call in
            if isPublic, !call.isSigned, call.headers[.authorization] == nil { return LinkReader(actor: .anonymous) }
            return LinkReader(actor: try await staff.admit(call).account.actor)
        }
    }
}
