import GatehouseJSON
import GatehouseMessages
import GatehousePasswords
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on rules and back, in the manner of flaskCCAP; decides nothing itself.
///
/// The domain of a call is that of its host.
struct CAPHandlers: Sendable {
    let hosted: HostedDomains
    let aliases: Aliases
    let coins: Coins
    let callers: Callers
    /// The same that other look-ups count in.
    let limit: MinuteLimit
    let clock: Clock
    /// `Cache-Control` of look-ups.
    let cacheControl: String

    private static let success = Answer.json(JSONValue.object([.init(name: "success", value: .bool(true))]).bytes())

    /// `POST /private/user`
    @Sendable func createUser(_ call: Call, _: Anyone) async throws -> Answer {
        let host = call.original.hostName
        let domain = try await hosted.domain(ofHost: host)
        if domain?.signUp != .open {
            // A host of no domain takes the same way, and the same time.
            try await aliases.requireSecret(
                try call.capCredential(), for: domain?.name ?? host, from: call.network, tellsOthers: false)
        }
        guard let domain else { throw Problem.invalidCredentials }
        let body = try call.jsonObject()
        let alias = try Self.alias(try body.requireString("username"), in: domain)
        let password = try aliases.accounts.checkNewPassword(try body.requireString("password"), for: [.alias(alias)])
        try await aliases.create(alias, password: password, by: .domainSecret(domain.name))
        return Self.success
    }

    /// `POST /address`
    @Sendable func set(_ call: Call, _ caller: DomainMember) async throws -> Answer {
        let body = try call.jsonObject()
        let coin = try Coin(checking: try body.requireString("coin"))
        let address = try body.requireString("address")
        try await coins.set(address, of: coin, for: caller.account.id, by: caller.account.actor)
        return Self.success
    }

    /// `GET /address/{username}/{coin}`
    @Sendable func lookUp(_ call: Call, _: Anyone) async throws -> Answer {
        try limit.requireRoom(for: call.network, at: clock.now())
        do {
            guard let domain = try await hosted.domain(ofHost: call.original.hostName) else {
                throw Problem.unknownDomain
            }
            let alias = try Self.alias(call.parameters[0], in: domain)
            let found = try await coins.address(of: alias, try Coin(checking: call.parameters[1]))
            var answer = Answer.json(JSONValue.object([.init(name: "address", value: .string(found))]).bytes())
            answer.headers[.cacheControl] = cacheControl
            return answer
        } catch let problem as Problem {
            // What cannot be the name of anything is nobody's.
            limit.count(call.network, at: clock.now())
            throw problem.status == .badRequest ? Problem.unknownAlias : problem
        }
    }

    private static func alias(_ username: String, in domain: HostedDomain) throws(Problem) -> Alias {
        do { return try Alias(username: username, domain: domain.name) } catch {
            throw .invalidAlias.saying(error.description)
        }
    }
}

/// Somebody who calls under the host of the domain that its own alias is of.
struct DomainMember: Sendable {
    let account: Account
}

extension Access where Caller == DomainMember {
    /// A token, or a signature of a key, of an alias of the host's domain; any other is one of somebody else's.
    static func domainMember(_ callers: Callers, _ hosted: HostedDomains) -> Access {
        Access { call in
            let account = try await callers.admit(call.withBearerHeader, scope: .role(.alias)).account
            let domain = try await hosted.domain(ofHost: call.original.hostName)
            guard let alias = account.alias else { throw Problem.noAlias }
            guard let domain, alias.domain == domain.name else { throw Problem.invalidToken }
            return DomainMember(account: account)
        }
    }
}

extension HTTPField.Name {
    /// Where clients of flaskCCAP put token and secret, without a scheme.
    static let bearer = HTTPField.Name("bearer")!
}

extension Call {
    /// The value of `Authorization: Bearer …`, else that of a header named `bearer`.
    ///
    /// - Throws: `Problem.authenticationRequired` without either, `.invalidToken` for two of them.
    func capCredential() throws(Problem) -> String {
        if let credential = try withBearerHeader.headers.bearerToken() { return credential }
        throw .authenticationRequired
    }

    /// The call as if what stands in a header named `bearer` stood in `Authorization`, unless there is one.
    var withBearerHeader: Call {
        guard !headers.contains(.authorization), !isSigned else { return self }
        let lines = headers[values: .bearer]
        guard !lines.isEmpty else { return self }
        var call = self
        for line in lines {
            call.original.headers.append(HTTPField(name: .authorization, value: "Bearer \(line)"))
        }
        return call
    }
}
