import GatehouseCryptography

/// Hashes and verifies passwords on threads of its own.
///
/// A hash takes tens of milliseconds and 19 MiB. On the shared threads it would delay everybody else, and without a bound a
/// crowd of sign-ins would take all memory; so a fixed number runs at once, a bounded number waits, and the rest is told to come back.
package final class PasswordHasher: Sendable {
    private let parameters: Argon2Parameters
    private let makeSalt: @Sendable () -> [UInt8]
    private let threads: HashingThreads
    /// A hash that no password has, of the usual cost.
    private let nobody: String

    /// - Parameters:
    ///   - concurrency: hashes computed at once; nil for one per core.
    ///   - maximumWaiting: calls that wait for a thread before further ones are refused.
    ///   - maximumWait: how long a call waits before it is refused.
    package init(
        parameters: Argon2Parameters = .standard, concurrency: Int? = nil, maximumWaiting: Int = 64,
        maximumWait: Duration = .seconds(2), makeSalt: @escaping @Sendable () -> [UInt8] = { SystemRandom.bytes(16) }
    ) {
        self.parameters = parameters
        self.makeSalt = makeSalt
        threads = HashingThreads(count: concurrency, maximumWaiting: maximumWaiting, maximumWait: maximumWait)
        // The tag is random, so no password leads to it.
        nobody =
            "$argon2id$v=19$m=\(parameters.memoryKiB),t=\(parameters.passes),p=\(parameters.lanes)"
            + "$\(Base64.encode(SystemRandom.bytes(16)).dropLast(2))$\(Base64.encode(SystemRandom.bytes(32)).dropLast(1))"
    }

    /// A PHC string with the parameters in it.
    ///
    /// - Parameter password: normalised, as `NewPassword` and `PasswordPolicy.usable` give it.
    /// - Throws: `.overloaded`, `.cancelled`, `.outOfMemory`.
    package func hash(_ password: String) async throws(PasswordHashingError) -> String {
        try await threads.run { [parameters, makeSalt] () throws(PasswordHashingError) in
            try Argon2Hash(hashing: password, salt: makeSalt(), parameters: parameters).phc
        }
    }

    /// Checks a password. Whoever is refused waits as long as everybody else who is refused, as long as all calls are told the
    /// same `others`: whose hash another program made, and with how much work, does not show.
    ///
    /// - Parameters:
    ///   - hash: a PHC string of Argon2, or a hash of bcrypt.
    ///   - others: what the hashes cost that this one is not to be told from.
    /// - Returns: whether it is the password, and whether its hash is another kind than those made today.
    /// - Throws: as `hash`, and `.malformedHash` or `.unsupportedHash` for what cannot be verified at all.
    package func verify(
        _ password: String, against hash: String, beside others: OtherHashes = OtherHashes()
    ) async throws(PasswordHashingError) -> Verification {
        guard BcryptHash.isOne(hash) else {
            return try await verify(password, against: try Argon2Hash(phc: hash), others)
        }
        let hash = try BcryptHash(hash)
        return try await threads.run { [nobody] () throws(PasswordHashingError) in
            if try hash.matches(password) { return .right(needsRenewal: true) }
            // Each cost is twice the work of the one before: 2^a and 2^a + 2^(a+1) + … + 2^(b-1) are 2^b.
            for cost in hash.cost..<max(hash.cost, others.bcryptCost ?? 0) { try BcryptHash.work(cost: cost) }
            try others.work(except: nil, standard: try Argon2Hash(phc: nobody))
            return .wrong
        }
    }

    private func verify(
        _ password: String, against hash: Argon2Hash, _ others: OtherHashes
    ) async throws(PasswordHashingError) -> Verification {
        let isRight = try await threads.run { [nobody] () throws(PasswordHashingError) in
            if try hash.matches(password) { return true }
            if let cost = others.bcryptCost { try BcryptHash.work(cost: cost) }
            try others.work(except: hash.kind, standard: try Argon2Hash(phc: nobody))
            return false
        }
        guard isRight else { return .wrong }
        // Another kind goes even when it is more work: every refusal does that work as long as one is left.
        let isCurrent = try hash.kind == Argon2Hash(phc: nobody).kind && hash.tag.count >= 32
        return .right(needsRenewal: !isCurrent)
    }

    /// Takes as long as verifying, for names that have no account.
    package func verifyAgainstNobody(
        _ password: String, beside others: OtherHashes = OtherHashes()
    ) async throws(PasswordHashingError) {
        _ = try await verify(password, against: nobody, beside: others)
    }
}

/// What those hashes of a store cost that another program made and that have not been renewed yet. A refusal does the work of one of
/// each kind.
package struct OtherHashes: Sendable, Equatable {
    /// The highest; nil when none is bcrypt's.
    package var bcryptCost: Int?
    /// See `kind(of:)`.
    package var argon2Kinds: [String]

    package init(bcryptCost: Int? = nil, argon2Kinds: [String] = []) {
        self.bcryptCost = bcryptCost
        self.argon2Kinds = argon2Kinds
    }

    /// What a hash of Argon2 costs: its PHC string up to the salt, such as `$argon2id$v=19$m=65536,t=3,p=4$`.
    ///
    /// - Throws: `PasswordHashingError.malformedHash`; `.unsupportedHash` for another scheme, or more work than a sign-in may cost.
    package static func kind(of hash: String) throws(PasswordHashingError) -> String { try Argon2Hash(phc: hash).kind }

    /// The work of a kind: its memory in KiB, once for each pass; nil for text that is no kind.
    package static func work(ofKind kind: String) -> UInt64? {
        guard let hash = hash(ofKind: kind) else { return nil }
        return UInt64(hash.parameters.memoryKiB) * UInt64(hash.parameters.passes)
    }

    private static func hash(ofKind kind: String) -> Argon2Hash? {
        // Of nobody: the salt is a constant, and the tag as random as any.
        try? Argon2Hash(phc: kind + String(repeating: "A", count: 22) + "$" + String(repeating: "A", count: 43))
    }

    /// Does the work of one hash of each kind and of one made today, all but the one that was done.
    fileprivate func work(except done: String?, standard: Argon2Hash) throws(PasswordHashingError) {
        let today = standard.kind
        if done != today { _ = try standard.matches("") }
        for kind in argon2Kinds where kind != done && kind != today {
            guard let hash = Self.hash(ofKind: kind) else { continue }
            _ = try hash.matches("")
        }
    }
}

package enum Verification: Sendable, Equatable {
    case right(needsRenewal: Bool)
    case wrong
}

package enum PasswordHashingError: Error, Equatable, Sendable {
    /// Too many hashes are wanted at once.
    case overloaded
    /// The caller's task was cancelled while it waited.
    case cancelled
    /// The memory that the parameters ask for cannot be had.
    case outOfMemory
    /// The stored text is neither a PHC string of Argon2 nor a hash of bcrypt.
    case malformedHash
    /// Another scheme, or parameters that would cost too much.
    case unsupportedHash
}
