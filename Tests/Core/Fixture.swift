import Foundation
import GatehouseCryptography
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import HTTPTypes
import Synchronization
import Testing
import WebTokens

@testable import GatehouseCore

/// A clock that a test moves.
final class TestClock: Sendable {
    static let start: Int64 = 1_800_000_000 * 1_000_000
    private let time = Mutex(start)

    var clock: Clock { Clock { self.now } }
    var now: Int64 { time.withLock { $0 } }
    func advance(seconds: Int64) { time.withLock { $0 += seconds * 1_000_000 } }
    func advance(minutes: Int64) { advance(seconds: minutes * 60) }
    func advance(days: Int64) { advance(seconds: days * 86_400) }
}

/// Every rule on a store of its own, with hashes that cost next to nothing and a clock that stands still.
struct Fixture: Sendable {
    static let password = "the quiet harbour 7"
    static let light = Argon2Parameters(memoryKiB: 8, passes: 1, lanes: 1)
    static let here = Network(address: "192.0.2.1")
    static let there = Network(address: "198.51.100.7")

    let database: any Database
    let time: TestClock
    let passwords: PasswordHasher
    let settings: Settings
    let masterKey: SealingKey
    let signingKey: JWK?
    let signingKeys: SigningKeys
    let features: Features

    var accounts: Accounts { features.accounts }
    var domains: Domains { features.domains }
    var tokens: AccessTokens { features.tokens }

    /// - Parameters:
    ///   - parameters: how much work a hash is.
    ///   - passwords: another hasher than one of these parameters.
    ///   - key: the one that a setting gives; nil for one that the server makes.
    init(
        _ database: (any Database)? = nil, time: TestClock = TestClock(), parameters: Argon2Parameters = light,
        passwords: PasswordHasher? = nil, key: JWK? = .generate(.ed25519),
        masterKey: SealingKey? = nil, delivery: MailDelivery? = nil, _ change: (inout Settings) -> Void = { _ in }
    ) async throws {
        let database = try database ?? SQLiteDatabase.inMemory()
        _ = try await database.migrate(Schema.migrations)
        var settings = Settings()
        settings.port = 0
        // What lies beside the store is the test's own, too.
        if let file = database as? SQLiteDatabase { settings.database = file.path }
        change(&settings)
        // So many may wait that a race of sixteen meets no other limit.
        let passwords =
            passwords
            ?? PasswordHasher(parameters: parameters, concurrency: 2, maximumWaiting: 1000, maximumWait: .seconds(60))
        self.database = database
        self.time = time
        self.passwords = passwords
        self.settings = settings
        let masterKey = try masterKey ?? SealingKey(SystemRandom.bytes(32))
        self.masterKey = masterKey
        signingKey = key
        signingKeys = SigningKeys(
            settings: settings, database: database, masterKey: masterKey,
            given: try key.map { key throws in try SigningKey(key) }, clock: time.clock)
        _ = try await signingKeys.prepare()
        features = Features(
            settings: settings, database: database, passwords: passwords, masterKey: masterKey,
            signingKeys: signingKeys, delivery: delivery, clock: time.clock)
    }

    // MARK: Making things

    func newPassword(_ text: String = password) throws -> NewPassword {
        try accounts.checkNewPassword(text, for: [])
    }

    @discardableResult
    func anAccount(
        email: String? = nil, alias: String? = nil, roles: Set<Role> = [], password: String = password
    ) async throws -> String {
        try await accounts.create(
            email: try email.map { text throws(InvalidName) in try EmailAddress(text) },
            alias: try alias.map { text throws in try Alias(text) }, password: try newPassword(password), roles: roles)
    }

    @discardableResult
    func aDomain(_ name: String = "a.test", owner: String? = nil) async throws -> String {
        try await domains.add(try DomainName(name), owner: try owner.map { text throws in try AccountName(text) })
    }

    // MARK: Asking

    func signIn(
        _ name: String, _ password: String = password, from network: Network = here, lifetime: Int64 = 900
    ) async throws -> String {
        try await features.signIn.begin(name: name, password: password, from: network, lifetime: lifetime).token.text
    }

    /// `200`, or the code of the refusal.
    func outcome(_ name: String, _ password: String = password, from network: Network = here) async throws -> String {
        do {
            _ = try await signIn(name, password, from: network)
            return "200"
        } catch let problem as Problem {
            return problem.code
        }
    }

    /// Seconds that a sign-in is told to wait; nil when it is not refused for having failed too often.
    func wait(_ name: String, _ password: String = password, from network: Network = here) async throws -> Int? {
        do {
            _ = try await signIn(name, password, from: network)
            return nil
        } catch let problem as Problem {
            guard problem.code == Problem.tooManyAttempts.code else { return nil }
            let text = try #require(problem.headers[.retryAfter])
            return Int(text)
        }
    }

    /// The code of a check's refusal; nil when the token is good.
    func refusal(of token: String) async throws -> String? {
        do {
            _ = try await tokens.check(token)
            return nil
        } catch let problem as Problem {
            return problem.code
        }
    }

    func count(_ query: Query) async throws -> Int64 {
        try #require(try await database.rows(query).first).integer(at: 0)
    }
}

/// Does the same sixteen times at once.
///
/// - Returns: what came of each, in words.
func sixteen(_ body: @escaping @Sendable (Int) async throws -> String) async throws -> [String: Int] {
    try await withThrowingTaskGroup(of: String.self) { group in
        for index in 0..<16 { group.addTask { try await body(index) } }
        return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}
