import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on rules and back, in the manner of flaskCCAP; decides nothing itself.
///
/// The domain of a call is that of its host.
struct CAPHandlers: Sendable {
    let hosted: HostedDomains
    let aliases: Aliases
    let coins: Coins
    /// The same that other look-ups count in.
    let limit: NetworkLimit
    let clock: Clock
    /// `Cache-Control` of look-ups.
    let cacheControl: String
    let faults: Faults

    private static let success = Answer.json((["success": true] as JSONValue).bytes())

    /// `POST /private/user`
    @Sendable func createUser(_ call: Call, _: Anyone) async throws -> Answer {
        try await faults.brokenByInput {
            let domain = try await hosted.domain(of: call)
            let right = try await aliases.right(
                ofHolder: try call.capCredential(), in: domain, host: call.original.hostName, from: call.network)
            let body = try call.jsonObject()
            let username = try body.requireString("username")
            let alias = try Alias(checking: username, in: right.domain)
            let password = try aliases.accounts.checkNewPassword(
                try body.requireString("password"), for: [.alias(alias)])
            #if DEBUG
            try await faults.requireFreeEverywhere(alias, in: aliases.database)
            #endif
            try await aliases.create(alias, password: password, by: right, from: call.network)
            #if DEBUG
            try await faults.keepCase(of: username, alias, in: aliases.database)
            #endif
            return Self.success
        }
    }

    /// `POST /address`
    @Sendable func set(_ call: Call, _ caller: DomainMember) async throws -> Answer {
        try await faults.brokenByInput {
            let body = try call.jsonObject()
            let coin = try faults.coin(checking: try body.requireString("coin"))
            let address = try body.requireString("address")
            try await coins.set(address, of: coin, for: caller.account.id, by: caller.account.actor)
            return Self.success
        }
    }

    /// `GET /address/{username}/{coin}`
    @Sendable func lookUp(_ call: Call, _: Anyone) async throws -> Answer {
        try limit.requireRoom(for: call.network, at: clock.now())
        do {
            // What cannot be a name is nobody's, and a host without a domain has nobody.
            guard let domain = try await hosted.domain(of: call),
                let alias = try? Alias(username: call.parameters[0], domain: domain.name)
            else { throw Problem.unknownAlias }
            let found = try await coins.address(of: alias, Coin(call.parameters[1]))
            let body: JSONValue = ["address": .string(found)]
            var answer = Answer.json(body.bytes())
            answer.headers[.cacheControl] = cacheControl
            return answer
        } catch let problem as Problem {
            limit.count(call.network, at: clock.now())
            throw problem
        }
    }
}

extension Alias {
    /// - Throws: `Problem.invalidAlias` with the reason.
    fileprivate init(checking username: String, in domain: HostedDomain) throws(Problem) {
        do { self = try Alias(username: username, domain: domain.name) } catch {
            throw .invalidAlias.saying(error.description)
        }
    }
}

/// Somebody who calls under the host of the domain that its own alias is of.
struct DomainMember: Sendable {
    let account: Account
}

extension Access where Caller == DomainMember {
    /// A token, or a signature of a key, of an alias of the host's domain. On every other host it is one of a stranger, and so it is
    /// without an alias.
    static func domainMember(_ callers: Callers, _ hosted: HostedDomains) -> Access {
        Access { call in
            try await hosted.faults.brokenByCredential {
                let account = try await callers.admit(call.withBearerHeader, scope: .role(.alias)).account
                let domain = try await hosted.domain(of: call)
                guard let domain, account.alias?.domain == domain.name || hosted.faults.takesTokensOfAnyDomain else {
                    throw (call.isSigned ? Problem.signatureInvalid : .invalidToken).challenging(call, callers.policy)
                }
                #if DEBUG
                if let first = try await hosted.faults.firstToWriteTo(in: domain, hosted.database) {
                    return DomainMember(account: first)
                }
                #endif
                return DomainMember(account: account)
            }
        }
    }
}

extension HTTPField.Name {
    /// Where clients of flaskCCAP put token and secret, without a scheme.
    static let bearer = HTTPField.Name("bearer")!
}

extension Call {
    /// The value of `Authorization: Bearer …`, else that of a header named `bearer`; nil without either.
    ///
    /// - Throws: `Problem.invalidToken` for two of them and for more than one word.
    fileprivate func capCredential() throws(Problem) -> String? { try withBearerHeader.headers.bearerToken() }

    /// The call as if what stands in a header named `bearer` stood in `Authorization`, unless there is one.
    fileprivate var withBearerHeader: Call {
        guard !headers.contains(.authorization), !isSigned else { return self }
        var call = self
        for line in headers[values: .bearer] {
            call.original.headers.append(HTTPField(name: .authorization, value: "Bearer \(line)"))
        }
        return call
    }
}
