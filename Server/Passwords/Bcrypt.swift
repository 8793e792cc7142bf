import CGatehouseCrypt
import CGatehouseSodium

/// One hash of bcrypt as other programs made it, `$2b$12$` with 22 characters of salt and 31 of the hash. None is made here:
/// an account that came along with one gets another hash at its first sign-in.
package struct BcryptHash: Sendable, Equatable {
    /// Less is no work; more would keep a thread busy for seconds at each sign-in.
    package static let costs = 4...14
    /// Octets of a password. What is longer, bcrypt would cut.
    package static let longestPassword = 72

    /// The logarithm of the number of rounds.
    package let cost: Int
    /// As it stands in the store.
    package let text: String

    /// - Throws: `PasswordHashingError.malformedHash`; `.unsupportedHash` for a cost beyond `costs`, and for `$2$` and `$2x$`, which
    ///   were made by programs with known faults.
    package init(_ text: String) throws(PasswordHashingError) {
        let octets = Array(text.utf8)
        guard octets.count == 60, octets[0] == UInt8(ascii: "$"), octets[1] == UInt8(ascii: "2"),
            octets[3] == UInt8(ascii: "$"), octets[6] == UInt8(ascii: "$"), let cost = Int(text.dropFirst(4).prefix(2)),
            octets[4...5].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            octets[7...].allSatisfy(Self.alphabet.contains)
        else { throw .malformedHash }
        guard "aby".utf8.contains(octets[2]), Self.costs.contains(cost) else { throw .unsupportedHash }
        self.cost = cost
        self.text = text
    }

    static func isOne(_ text: String) -> Bool { text.hasPrefix("$2") }

    /// Compared in constant time. Takes as long for a password that is too long for bcrypt, which is never the right one: of two
    /// that are equal up to there it could not say which was set.
    func matches(_ password: String) throws(PasswordHashingError) -> Bool {
        let octets = Array(password.utf8)
        let computed = try Self.compute(octets.prefix(Self.longestPassword), setting: setting)
        // Without the salt, whose last character has bits that count for nothing and that the library clears.
        let isEqual = unsafe sodium_memcmp(Array(computed[29...]), Array(text.utf8.dropFirst(29)), 31) == 0
        return isEqual && octets.count <= Self.longestPassword
    }

    /// `$2a$`, `$2b$` and `$2y$` are names of one function for what comes from programs of today. The library reads `$2a$`
    /// in a way of its own that guards the hashes of a faulty one (crypt(5)), and would refuse some right ones of others.
    private var setting: String { "$2b" + text.dropFirst(3) }

    /// Does the work of a hash and forgets it.
    static func work(cost: Int) throws(PasswordHashingError) {
        _ = try compute(Array("nobody".utf8)[...], setting: "$2b$\(cost < 10 ? "0" : "")\(cost)$\(nobody)")
    }

    private static let nobody = String(repeating: "N", count: 21) + "u" + String(repeating: "N", count: 31)
    private static let alphabet = Set("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    private static func compute(
        _ password: ArraySlice<UInt8>, setting: String
    ) throws(PasswordHashingError) -> [UInt8] {
        // The library reads up to the first NUL, so a password with one would be cut. No account can have such a password.
        guard !password.contains(0) else { throw .malformedHash }
        var hash = [CChar](repeating: 0, count: gatehouse_crypt_output_size)
        let code = unsafe gatehouse_crypt(password.map { CChar(bitPattern: $0) } + [0], setting, &hash)
        guard code != 2 else { throw .outOfMemory }
        guard code == 0 else { throw .malformedHash }
        return hash.prefix(60).map { UInt8(bitPattern: $0) }
    }
}
