import GatehouseJSON
import HTTPTypes

/// A domain that the server hosts: `example.org` of `alice$example.org`.
public struct Domain: Sendable, Equatable {
    /// In lower case, without a dot at its end.
    public let name: String
    /// Further names under which the server is reached for it.
    public let hosts: [String]
    /// A name of the account that looks after it, if any does.
    public let owner: String?
    /// What is chosen for it.
    public let settings: DomainSettings

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let name = value["domain"]?.string, let hosts = value["hosts"]?.array?.compactMap(\.string),
            let signUp = value["sign_up"]?.string,
            let origins = value["allowed_origins"]?.array?.compactMap(\.string)
        else { throw .unexpectedAnswer("a domain has no domain, hosts, sign_up or allowed_origins") }
        self.name = name
        self.hosts = hosts
        owner = value["owner"]?.string
        let numbers = value["address_types"]?.array?.compactMap(\.int64)
        settings = DomainSettings(
            signUp: SignUpPolicy(rawValue: signUp), allowedOrigins: origins,
            addressTypes: numbers?.map { AddressType(rawValue: Int($0)) })
    }
}

/// What is chosen for a domain.
public struct DomainSettings: Sendable, Equatable {
    /// Who makes its aliases.
    public var signUp: SignUpPolicy
    /// Origins whose pages may call the server under the domain's hosts, as `https://app.example.org`.
    public var allowedOrigins: [String]
    /// Of the addresses that its aliases may set; nil for all.
    public var addressTypes: [AddressType]?

    /// As a domain begins, unless said otherwise.
    public init(
        signUp: SignUpPolicy = .secret, allowedOrigins: [String] = [], addressTypes: [AddressType]? = nil
    ) {
        self.signUp = signUp
        self.allowedOrigins = allowedOrigins
        self.addressTypes = addressTypes
    }

    fileprivate var members: [JSONValue.Member] {
        let numbers = addressTypes?.map { JSONValue.number(JSONNumber(Int64($0.rawValue))) }
        return [
            .init(name: "sign_up", value: .string(signUp.rawValue)),
            .init(name: "allowed_origins", value: .array(allowedOrigins.map(JSONValue.string))),
            .init(name: "address_types", value: numbers.map(JSONValue.array) ?? .null),
        ]
    }
}

/// Who makes the aliases of a domain, besides administrators and its owner.
public struct SignUpPolicy: RawRepresentable, Sendable, Hashable {
    /// The word in `sign_up`.
    public let rawValue: String

    /// Any word; the server decides whether it knows it.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Nobody else.
    public static let `operator` = SignUpPolicy(rawValue: "operator")
    /// Whoever has the domain's secret.
    public static let secret = SignUpPolicy(rawValue: "secret")
    /// Anybody.
    public static let open = SignUpPolicy(rawValue: "open")
}

/// The secret of a domain, with which its aliases are made. The server shows it once.
public struct DomainSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// As `createAlias(_:password:by: .domainSecret(…))` takes it.
    public let text: String

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let text = value["secret"]?.string else { throw .unexpectedAnswer("it has no secret") }
        self.text = text
    }

    /// Nothing of it.
    public var description: String { "DomainSecret" }
    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The domains that the server hosts. An administrator looks after all of them, an owner after their own.
public struct Domains: Sendable {
    let gatehouse: Gatehouse

    /// All that the client's account looks after (`GET /api/domains`), oldest first.
    ///
    /// - Throws: code `insufficient_role`.
    public func list() async throws(GatehouseError) -> [Domain] {
        var domains: [Domain] = []
        var target = "/api/domains"
        while true {
            let page = try await gatehouse.send(Call(method: .get, target: target, authorization: .token)).json()
            guard let items = page["items"]?.array else { throw .unexpectedAnswer("it has no items") }
            for item in items { domains.append(try Domain(item)) }
            guard let next = page["next"]?.string, !items.isEmpty else { return domains }
            target = "/api/domains?after=\(Percent.encode(next))"
        }
    }

    /// One domain (`GET /api/domains/{domain}`).
    ///
    /// - Throws: code `unknown_domain`, `insufficient_role`.
    public func domain(_ name: String) async throws(GatehouseError) -> Domain {
        try Domain(
            try await gatehouse.send(Call(method: .get, target: Self.target(name), authorization: .token)).json())
    }

    /// Hosts a domain (`POST /api/domains`). Needs an administrator.
    ///
    /// - Parameters:
    ///   - hosts: further names under which the server is reached for it.
    ///   - owner: a name of the account that is to look after it.
    ///   - secret: one to bring along, of 256 bits or more; nil lets the server make one.
    /// - Returns: the domain, and its secret, which the server does not show again.
    /// - Throws: code `domain_taken`, `host_taken`, `secret_taken`, `invalid_domain`, `invalid_name`, `invalid_member`,
    ///   `invalid_address_type`, `unknown_account`, `insufficient_role`. When it fails as `.unreachable` and the request may have
    ///   arrived, the domain may exist; `rotateSecret` then gives a secret.
    public func create(
        _ name: String, hosts: [String] = [], owner: String? = nil, secret: String? = nil,
        settings: DomainSettings = DomainSettings()
    ) async throws(GatehouseError) -> (domain: Domain, secret: DomainSecret) {
        var members: [JSONValue.Member] = [
            .init(name: "domain", value: .string(name)),
            .init(name: "hosts", value: .array(hosts.map(JSONValue.string))),
            .init(name: "owner", value: owner.map(JSONValue.string) ?? .null),
        ]
        members += settings.members
        if let secret { members.append(.init(name: "secret", value: .string(secret))) }
        let made = try await gatehouse.send(
            Call(
                method: .post, target: "/api/domains", body: .object(members), authorization: .token,
                repetition: .unlessArrived)
        ).json()
        return (try Domain(made), try DomainSecret(made))
    }

    /// Sets what is chosen for a domain (`PATCH /api/domains/{domain}`).
    ///
    /// - Throws: code `unknown_domain`, `invalid_member`, `invalid_address_type`, `insufficient_role`.
    public func change(_ name: String, settings: DomainSettings) async throws(GatehouseError) {
        try await change(name, members: settings.members)
    }

    /// Sets the further names under which the server is reached for a domain. Needs an administrator.
    ///
    /// - Parameter hosts: all of them; the domain's own name stays in any case.
    /// - Throws: code `unknown_domain`, `host_taken`, `invalid_domain`, `insufficient_role`.
    public func change(_ name: String, hosts: [String]) async throws(GatehouseError) {
        try await change(name, members: [.init(name: "hosts", value: .array(hosts.map(JSONValue.string)))])
    }

    /// Sets who looks after a domain. Needs an administrator.
    ///
    /// - Parameter owner: a name of an account; nil for nobody but administrators.
    /// - Throws: code `unknown_domain`, `unknown_account`, `invalid_name`, `insufficient_role`.
    public func change(_ name: String, owner: String?) async throws(GatehouseError) {
        try await change(name, members: [.init(name: "owner", value: owner.map(JSONValue.string) ?? .null)])
    }

    private func change(_ name: String, members: [JSONValue.Member]) async throws(GatehouseError) {
        _ = try await gatehouse.send(
            Call(method: .patch, target: Self.target(name), body: .object(members), authorization: .token))
    }

    /// Replaces a domain's secret (`POST /api/domains/{domain}/rotate-secret`); the one before is refused from then on.
    ///
    /// - Returns: the new one, which the server does not show again.
    /// - Throws: code `unknown_domain`, `insufficient_role`.
    public func rotateSecret(of name: String) async throws(GatehouseError) -> DomainSecret {
        try DomainSecret(
            try await gatehouse.send(
                Call(method: .post, target: Self.target(name) + "/rotate-secret", authorization: .token)
            ).json())
    }

    /// Stops hosting a domain; its aliases and their addresses are deleted (`DELETE /api/domains/{domain}`). Needs an administrator.
    ///
    /// - Throws: code `unknown_domain`, `last_admin`, `insufficient_role`.
    public func delete(_ name: String) async throws(GatehouseError) {
        _ = try await gatehouse.send(
            Call(
                method: .delete, target: Self.target(name), authorization: .token, doneCode: "unknown_domain"))
    }

    private static func target(_ name: String) -> String { "/api/domains/\(Percent.encode(name))" }
}

extension Gatehouse {
    /// The domains that the server hosts.
    public var domains: Domains { Domains(gatehouse: self) }
}
