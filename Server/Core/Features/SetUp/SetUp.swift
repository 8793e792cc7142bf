import GatehouseCryptography
import GatehouseMessages
import GatehousePasswords
package import GatehouseStorage

/// The first admin of a server, made in a browser. It is open until any admin has been made, however, and then closed for good:
/// that is a fact in the store, which a table without admins does not change.
package struct SetUp: Sendable {
    let database: any Database
    let accounts: Accounts
    let clock: Clock
    let faults: Faults
    /// Of simultaneous requests one hashes, and the others then see that it is closed.
    private let turns = Turns(maximumWaiting: 256)

    package init(database: any Database, accounts: Accounts, clock: Clock, faults: Faults) {
        self.database = database
        self.accounts = accounts
        self.clock = clock
        self.faults = faults
    }

    /// How long `gatehouse init --reopen` opens it, in microseconds.
    static let reopenedFor = Int64.minutes(15)
    /// The code of a server that was killed stays good until there is an admin. So many are kept.
    private static let codesKept = 16

    enum Standing: Sendable {
        /// There was never an admin.
        case open
        /// An operator has opened it again. Nobody gets in without the code.
        case reopened
        case closed
    }

    func standing() async throws -> Standing {
        let now = clock.now()
        return try await database.read { sql in try standing(at: now, in: sql) }
    }

    private func standing(at now: Int64, in sql: borrowing Transaction) throws -> Standing {
        #if DEBUG
        if faults.active.contains(.initStaysOpen) { return .open }
        #endif
        if try sql("SELECT 1 FROM store_facts WHERE name = \(Self.fact)").isEmpty { return .open }
        return try sql("SELECT 1 FROM set_up_codes WHERE expires_at > \(now) LIMIT 1").isEmpty ? .closed : .reopened
    }

    // MARK: Codes

    /// Makes a code for those who are not on the machine itself; nil when there is nothing left to set up.
    package func makeCode() async throws -> String? {
        guard try await standing() == .open else { return nil }
        return try await store(SetUpCode(), expiresAt: nil)
    }

    /// Opens it again, or gives another code while it is open, for 15 minutes.
    package func reopen() async throws -> String {
        try await store(SetUpCode(), expiresAt: clock.now() + Self.reopenedFor)
    }

    private func store(_ code: SetUpCode, expiresAt: Int64?) async throws -> String {
        let now = clock.now()
        try await database.transaction { sql in
            try sql(
                """
                INSERT INTO set_up_codes (digest, created_at, expires_at) VALUES (\(code.digest), \(now), \(expiresAt))
                """)
            try sql(
                """
                DELETE FROM set_up_codes WHERE expires_at <= \(now) OR digest IN
                    (SELECT digest FROM set_up_codes ORDER BY created_at DESC LIMIT 1000 OFFSET \(Self.codesKept))
                """)
            if expiresAt != nil {
                try AuditLog.record(
                    "reopen set-up", on: AuditObject("store", "set-up"), by: .commandLine, at: now, in: sql)
            }
        }
        return code.text
    }

    // MARK: The admin

    /// Makes the admin, and closes.
    ///
    /// - Parameters:
    ///   - code: what was given as the set-up code; not looked at when it is not needed.
    ///   - isFromThisMachine: such a caller needs none, unless it was opened again.
    /// - Throws: `SetUpRefusal`, `PasswordPolicyError`; `PasswordHashingError.overloaded`.
    func makeAdmin(_ email: EmailAddress, password text: String, code: String?, isFromThisMachine: Bool) async throws {
        let code = code.flatMap { SetUpCode($0) }
        try await require(email, code, isFromThisMachine)
        let password = try accounts.policy.check(text, contextWords: AccountName.email(email).contextWords)
        try await turns.take("") {
            try await require(email, code, isFromThisMachine)
            let hash = try await accounts.passwords.hash(password.text)
            let now = clock.now()
            do {
                try await database.transaction { sql in
                    try claim(code, isFromThisMachine, at: now, in: sql)
                    let id = SystemRandom.identifier()
                    try Accounts.insert(
                        id, email: email, alias: nil, passwordHash: hash, roles: roles, by: .anonymous, at: now,
                        in: sql)
                }
            } catch let error as StorageError where error.isUniqueViolation {
                throw SetUpRefusal.nameTaken
            }
        }
    }

    private var roles: Set<Role> {
        #if DEBUG
        if faults.active.contains(.initMakesNoAdmin) { return [] }
        #endif
        return [.admin]
    }

    /// All that can be known without a hash.
    private func require(_ email: EmailAddress, _ code: SetUpCode?, _ isFromThisMachine: Bool) async throws {
        let now = clock.now()
        try await database.read { sql in
            let standing = try standing(at: now, in: sql)
            guard standing != .closed else { throw SetUpRefusal.closed }
            if standing == .reopened || !isFromThisMachine {
                guard let code, try code.isKnown(at: now, in: sql) else { throw SetUpRefusal.codeNeeded }
            }
            guard try Accounts.id(of: .email(email), in: sql) == nil else { throw SetUpRefusal.nameTaken }
        }
    }

    /// Each way is one guarded statement, so of simultaneous requests, also of several processes, one gets through.
    private func claim(
        _ code: SetUpCode?, _ isFromThisMachine: Bool, at now: Int64, in sql: borrowing Transaction
    ) throws {
        #if DEBUG
        if faults.active.contains(.initStaysOpen) || faults.active.contains(.initMakesNoAdmin) { return }
        #endif
        if try Self.recordAdmin(at: now, in: sql) {
            guard !isFromThisMachine else { return }
            guard let code, try code.isKnown(at: now, in: sql) else { throw SetUpRefusal.codeNeeded }
            return
        }
        let taken = try code.map { code throws in
            try sql.changes("DELETE FROM set_up_codes WHERE digest = \(code.digest) AND expires_at > \(now)")
        }
        guard taken == 1 else { throw SetUpRefusal.closed }
    }

    // MARK: For whoever gives the role

    private static let fact = "admin_made_at"

    /// Closes it, in the transaction that makes an admin.
    static func close(at now: Int64, in sql: borrowing Transaction) throws {
        _ = try recordAdmin(at: now, in: sql)
        try sql("DELETE FROM set_up_codes")
    }

    /// - Returns: whether this is the first.
    private static func recordAdmin(at now: Int64, in sql: borrowing Transaction) throws -> Bool {
        try sql.changes(
            "INSERT INTO store_facts (name, value) VALUES (\(fact), \(String(now))) ON CONFLICT (name) DO NOTHING") == 1
    }
}

/// Why no admin was made.
enum SetUpRefusal: Error, Equatable {
    /// There has been an admin already.
    case closed
    /// The caller is not on the machine itself, and the code is missing or wrong.
    case codeNeeded
    case nameTaken
}

/// 128 random bits that an operator reads and types.
private struct SetUpCode: Sendable {
    private static let letters = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
    /// 26 letters of five bits each hold 130.
    private static let length = 26

    /// In groups, for reading.
    let text: String
    /// The store keeps this alone.
    let digest: String

    init() {
        let letters = SystemRandom.bytes(Self.length).map { Self.letters[Int($0 & 31)] }
        self.init(letters)
    }

    /// - Returns: nil for what is no code at all. White space, dashes and case do not count.
    init?(_ text: String) {
        guard text.utf8.count <= 100 else { return nil }
        let typed = text.lowercased().utf8.filter { ![UInt8(ascii: "-"), UInt8(ascii: " ")].contains($0) }
        guard typed.count == Self.length, typed.allSatisfy(Self.letters.contains) else { return nil }
        self.init(typed)
    }

    private init(_ letters: [UInt8]) {
        var text = ""
        for (index, letter) in letters.enumerated() {
            if index > 0 && index % 5 == 0 { text += "-" }
            text.unicodeScalars.append(Unicode.Scalar(letter))
        }
        self.text = text
        digest = Base64URL.encode(Digest.sha256(letters))
    }

    func isKnown(at now: Int64, in sql: borrowing Transaction) throws -> Bool {
        try !sql(
            "SELECT 1 FROM set_up_codes WHERE digest = \(digest) AND (expires_at IS NULL OR expires_at > \(now))"
        ).isEmpty
    }
}
