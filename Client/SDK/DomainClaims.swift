import GatehouseJSON
import HTTPTypes

/// A record that DNS has to have.
public struct DomainRecord: Sendable, Equatable {
    /// Where: the domain itself.
    public let name: String
    /// Of a TXT record, in one string or several (RFC 1035 §3.3.14).
    public let value: String

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let name = value["name"]?.string, let text = value["value"]?.string else {
            throw .unexpectedAnswer("a record has no name or value")
        }
        self.name = name
        self.value = text
    }
}

/// That a domain is somebody's, unless DNS does not say so in time.
public struct DomainClaim: Sendable, Equatable {
    /// Its name.
    public let domain: String
    /// What has to be put into DNS.
    public let record: DomainRecord
    /// When the claim ends, as RFC 3339 writes it.
    public let expires: String

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let domain = value["domain"]?.string, let record = value["record"],
            let expires = value["expires"]?.string
        else { throw .unexpectedAnswer("a claim has no domain, record or expires") }
        self.domain = domain
        self.record = try DomainRecord(record)
        self.expires = expires
    }
}

/// A domain that is somebody's.
public struct VerifiedDomain: Sendable, Equatable {
    /// Its name.
    public let domain: String
    /// The account's name.
    public let owner: String
    /// With which aliases are made; nil when it was theirs already.
    public let secret: DomainSecret?

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let domain = value["domain"]?.string, let owner = value["owner"]?.string else {
            throw .unexpectedAnswer("a domain has no name or owner")
        }
        self.domain = domain
        self.owner = owner
        secret = value["secret"] == nil ? nil : try DomainSecret(value)
    }
}

/// A domain that the account has or claims.
public struct OwnDomain: Sendable, Equatable {
    /// How it stands with it.
    public enum State: String, Sendable {
        /// DNS has not said yet that it is the account's.
        case claimed
        /// DNS says so.
        case verified
        /// Verified, and its record is not in DNS any more.
        case missing
        /// By the server's operator.
        case added
    }

    /// Its name.
    public let domain: String
    /// How it stands with it.
    public let state: State
    /// Nil for one that an operator added.
    public let record: DomainRecord?
    /// Until when a claim is open, or from when somebody else can take the domain over, as RFC 3339 writes it.
    public let ends: String?

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let domain = value["domain"]?.string, let state = value["state"]?.string.flatMap(State.init) else {
            throw .unexpectedAnswer("a domain has no name or state")
        }
        self.domain = domain
        self.state = state
        var record: DomainRecord?
        if let value = value["record"], !value.isNull { record = try DomainRecord(value) }
        self.record = record
        ends = value["ends"]?.string
    }
}

/// Domains that are somebody's because DNS says so, at servers that take them by themselves (`--domain-proxy`).
public struct DomainClaims: Sendable {
    let gatehouse: Gatehouse

    /// Claims a domain for the client's account (`POST /v1/domains`). Whoever claims it again gets the same record.
    ///
    /// - Throws: code `invalid_domain`, `domain_taken`, `too_many_claims`; `not_found` when the server takes none.
    public func claim(_ domain: String) async throws(GatehouseError) -> DomainClaim {
        try await claim(["domain": .string(domain)], .token)
    }

    /// Claims a domain for somebody who has no account yet: they get the alias `username$domain` with it.
    ///
    /// - Throws: as `claim(_:)`; code `claim_exists`, `invalid_alias`, `weak_password`.
    public func claim(
        _ domain: String, username: String, password: String
    ) async throws(GatehouseError) -> DomainClaim {
        try await claim(
            ["domain": .string(domain), "username": .string(username), "password": .string(password)], .none)
    }

    private func claim(
        _ body: JSONValue, _ authorization: Call.Authorization
    ) async throws(GatehouseError) -> DomainClaim {
        let answer = try await gatehouse.send(
            Call(method: .post, target: "/v1/domains", body: body, authorization: authorization))
        return try DomainClaim(try answer.json())
    }

    /// Has the server look for the record (`POST /v1/domains/{domain}/verify`).
    ///
    /// - Throws: code `domain_not_verified`, with what was found in the message; `unknown_claim`, `domain_taken`,
    ///   `too_many_checks`. When it fails as `.unreachable` and the request may have arrived, the domain may be the account's;
    ///   its secret has to be replaced then.
    public func verify(_ domain: String) async throws(GatehouseError) -> VerifiedDomain {
        try await verify(domain, nil, .token)
    }

    /// The same for somebody who claimed with a username.
    ///
    /// - Throws: as `verify(_:)`; code `invalid_credentials`, `too_many_attempts`.
    public func verify(
        _ domain: String, username: String, password: String
    ) async throws(GatehouseError) -> VerifiedDomain {
        try await verify(domain, ["username": .string(username), "password": .string(password)], .none)
    }

    private func verify(
        _ domain: String, _ body: JSONValue?, _ authorization: Call.Authorization
    ) async throws(GatehouseError) -> VerifiedDomain {
        let answer = try await gatehouse.send(
            Call(
                method: .post, target: "/v1/domains/\(Percent.encode(domain))/verify", body: body,
                authorization: authorization, repetition: .unlessArrived))
        return try VerifiedDomain(try answer.json())
    }

    /// What the client's account has and claims (`GET /v1/domains`).
    public func list() async throws(GatehouseError) -> [OwnDomain] {
        let answer = try await gatehouse.send(Call(method: .get, target: "/v1/domains", authorization: .token))
        guard let items = try answer.json()["items"]?.array else { throw .unexpectedAnswer("there are no items") }
        var domains: [OwnDomain] = []
        for item in items { domains.append(try OwnDomain(item)) }
        return domains
    }
}

extension Gatehouse {
    /// Domains that join by themselves.
    public var claims: DomainClaims { DomainClaims(gatehouse: self) }
}
