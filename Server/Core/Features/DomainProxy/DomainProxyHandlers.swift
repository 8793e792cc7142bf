import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on `DomainProxy` and back; decides nothing itself.
struct DomainProxyHandlers: Sendable {
    let proxy: DomainProxy
    let callers: Callers

    /// `POST /v1/domains`. The body may hold the credential, so it is read first.
    @Sendable func claim(_ call: Call, _: Anyone) async throws -> Answer {
        let body = try call.jsonObject()
        let domain = try Self.domain(try body.requireString("domain"))
        let claim = try await proxy.claim(
            domain, by: try await claimant(of: domain, call, body), from: call.network)
        return .json(
            JSONValue.object([
                .init(name: "domain", value: .string(claim.domain)),
                .init(name: "record", value: Self.record(claim.domain, claim.record)),
                .init(name: "expires", value: .string(RFC3339.text(claim.expiresAt))),
            ]).bytes(), status: .created)
    }

    /// `POST /v1/domains/{domain}/verify`
    @Sendable func verify(_ call: Call, _: Anyone) async throws -> Answer {
        let body = call.body.isEmpty ? .object([]) : try call.jsonObject()
        let domain = try Self.domain(call.parameters[0])
        let verified = try await proxy.verify(
            domain, by: try await claimant(of: domain, call, body), from: call.network)
        var members: [JSONValue.Member] = [
            .init(name: "domain", value: .string(verified.domain)),
            .init(name: "owner", value: .string(verified.owner)),
        ]
        if let secret = verified.secret { members.append(.init(name: "secret", value: .string(secret))) }
        return .json(JSONValue.object(members).bytes())
    }

    /// `GET /v1/domains`
    @Sendable func list(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let items = try await proxy.list(of: caller.account, tells: call.original.method == "GET").map(Self.json)
        return .json(JSONValue.object([.init(name: "items", value: .array(items))]).bytes())
    }

    // MARK: Both ways

    /// The header decides when there is one.
    private func claimant(of domain: DomainName, _ call: Call, _ body: JSONValue) async throws -> Claimant {
        let (username, password) = (try body.optionalString("username"), try body.optionalString("password"))
        if call.isSigned || call.headers[.authorization] != nil {
            let caller = try await callers.admit(call, scope: .manage)
            guard username == nil, password == nil else {
                throw Problem.invalidMember.saying(
                    "With a token, leave username and password out: the domain is its account's.")
            }
            return .account(caller.account)
        }
        guard let username, let password else {
            guard username == nil, password == nil else {
                throw Problem.missingMember.saying("The members \"username\" and \"password\" go together.")
            }
            throw Problem.authenticationRequired.saying("Send a token, or the username and password of a new alias.")
        }
        guard !username.utf8.contains(UInt8(ascii: "@")), !username.utf8.contains(UInt8(ascii: "$")) else {
            throw Problem.invalidAlias.saying(
                "The username is that of a new alias in the domain, without @ and $. Who has an account signs in and sends the token."
            )
        }
        do { return .newcomer(try Alias(username: username, domain: domain), password: password) } catch {
            throw Problem.invalidAlias.saying(error.description)
        }
    }

    private static func domain(_ text: String) throws(Problem) -> DomainName {
        do { return try DomainName(text) } catch { throw .invalidDomain.saying(error.description) }
    }

    private static func record(_ domain: String, _ value: String) -> JSONValue {
        ["name": .string(domain), "type": "TXT", "value": .string(value)]
    }

    private static func json(_ standing: DomainProxy.Standing) -> JSONValue {
        [
            "domain": .string(standing.domain), "state": .string(standing.state?.rawValue ?? "claimed"),
            "record": standing.record.map { record(standing.domain, $0) } ?? .null,
            "ends": standing.endsAt.map { .string(RFC3339.text($0)) } ?? .null,
        ]
    }
}
