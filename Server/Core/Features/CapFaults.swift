import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage
import HTTPTypes

/// The checks of CAP that a debug build can leave out, each a fault of flaskCCAP (`Faults`).
extension Faults {
    #if DEBUG
    private func has(_ fault: Fault) -> Bool { active.contains(fault) }
    var takesTokensOfAnyDomain: Bool { has(.capTokenOfAnyDomain) }
    var breaksOnUnknownDomain: Bool { has(.capUnknownDomainBreaks) }
    var keepsFirstCoin: Bool { has(.capFirstCoinStays) }

    /// The host in which a domain is looked for.
    func hostName(of request: OriginalRequest) -> String {
        if has(.capHostPortKept) { return request.host.lowercased() }
        if has(.capHostCaseKept) { return String(request.host.prefix { $0 != ":" }) }
        return request.hostName
    }

    func coin(checking text: String) throws -> Coin {
        has(.capCoinCaseKept) && text != text.lowercased() ? .other(text) : try Coin(checking: text)
    }

    /// Every look-up of a user found the domain's first.
    func firstToSignIn(in domain: String, _ database: any Database) async throws -> String? {
        guard has(.capSignsInAnybody) else { return nil }
        return try await database.rows("\(Self.firstOf) \(domain) ORDER BY id LIMIT 1").first.map { row in
            "\(try row.text("username"))$\(domain)"
        }
    }

    func firstToWriteTo(in domain: HostedDomain, _ database: any Database) async throws -> Account? {
        guard has(.capWritesToTheFirst) else { return nil }
        return try await database.read { sql in
            guard let row = try sql("\(Self.firstOf) \(domain.name) ORDER BY id LIMIT 1").first else { return nil }
            return try Account.load(try row.text("id"), in: sql)
        }
    }

    private static let firstOf: Query = "SELECT id, username FROM accounts WHERE domain ="

    func requireFreeEverywhere(_ alias: Alias, in database: any Database) async throws {
        guard has(.capUsernameTakenAnywhere) else { return }
        let others = try await database.rows("SELECT 1 FROM accounts WHERE username = \(alias.username)")
        if !others.isEmpty { throw Problem.aliasTaken }
    }

    /// Stores a username as it was sent, so that no look-up finds it.
    func keepCase(of username: String, _ alias: Alias, in database: any Database) async throws {
        guard has(.capUsernameCaseKept), username != alias.username else { return }
        try await database.transaction { sql in
            try sql(
                """
                UPDATE accounts SET username = \(username)
                WHERE username = \(alias.username) AND domain = \(alias.domain)
                """)
        }
    }

    /// Whatever is wrong with a body is an error of the program.
    func brokenByInput<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await broken(has(.capInputBreaks), { [400, 415].contains($0.status.code) }, body)
    }

    /// The same of a credential.
    func brokenByCredential<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await broken(has(.capCredentialBreaks), { $0.status == .unauthorized }, body)
    }

    private func broken<Value: Sendable>(
        _ isBroken: Bool, _ isOurs: (Problem) -> Bool, _ body: () async throws -> Value
    ) async throws -> Value {
        do { return try await body() } catch let problem as Problem where isBroken && isOurs(problem) {
            throw Problem.internalError
        }
    }
    #else
    var takesTokensOfAnyDomain: Bool { false }
    var breaksOnUnknownDomain: Bool { false }
    func hostName(of request: OriginalRequest) -> String { request.hostName }
    func coin(checking text: String) throws(Problem) -> Coin { try Coin(checking: text) }
    func brokenByInput<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value { try await body() }
    func brokenByCredential<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await body()
    }
    #endif
}
