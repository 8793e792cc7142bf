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

    /// - Returns: whether it is the password, and whether its hash is weaker than those made today.
    /// - Throws: as `hash`, and `.malformedHash` or `.unsupportedHash` for what cannot be verified at all.
    package func verify(_ password: String, against phc: String) async throws(PasswordHashingError) -> Verification {
        let hash = try Argon2Hash(phc: phc)
        let isRight = try await threads.run { () throws(PasswordHashingError) in try hash.matches(password) }
        guard isRight else { return .wrong }
        let isCurrent =
            hash.variant == .argon2id && hash.version == 0x13 && hash.parameters.memoryKiB >= parameters.memoryKiB
            && hash.parameters.passes >= parameters.passes && hash.tag.count >= 32
        return .right(needsRenewal: !isCurrent)
    }

    /// Takes as long as verifying, for names that have no account.
    package func verifyAgainstNobody(_ password: String) async throws(PasswordHashingError) {
        _ = try await verify(password, against: nobody)
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
    /// The stored text is no PHC string of Argon2.
    case malformedHash
    /// Another scheme, or parameters that would cost too much.
    case unsupportedHash
}
