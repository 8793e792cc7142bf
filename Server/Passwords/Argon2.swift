import CGatehouseArgon2
import CGatehouseSodium
import GatehouseCryptography

/// How much work a hash is (RFC 9106 §3.1).
package struct Argon2Parameters: Sendable, Equatable {
    package var memoryKiB: UInt32
    package var passes: UInt32
    package var lanes: UInt32

    package init(memoryKiB: UInt32, passes: UInt32, lanes: UInt32) {
        self.memoryKiB = memoryKiB
        self.passes = passes
        self.lanes = lanes
    }

    /// 19 MiB, 2 passes, 1 lane: what OWASP's cheat sheet asks at least.
    package static let standard = Argon2Parameters(memoryKiB: 19 * 1024, passes: 2, lanes: 1)
}

/// One hash in the PHC string form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
struct Argon2Hash: Equatable {
    enum Variant: String { case argon2d, argon2i, argon2id }

    var variant: Variant
    var version: UInt32
    var parameters: Argon2Parameters
    var salt: [UInt8]
    var tag: [UInt8]
    /// The PHC string up to the salt, as it was read.
    let kind: String

    /// - Throws: `PasswordHashingError.malformedHash`; `.unsupportedHash` for another scheme, or more work than a sign-in may cost.
    init(phc: String) throws(PasswordHashingError) {
        let parts = phc.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].isEmpty else { throw .malformedHash }
        guard let variant = Variant(rawValue: String(parts[1])) else { throw .unsupportedHash }
        // Hashes of before version 1.3 have no `v=`.
        let hasVersion = parts.count > 2 && parts[2].hasPrefix("v=")
        guard parts.count == (hasVersion ? 6 : 5) else { throw .malformedHash }
        guard let version = hasVersion ? UInt32(parts[2].dropFirst(2)) : 0x10, version == 0x10 || version == 0x13 else {
            throw .malformedHash
        }
        var numbers: [Substring: UInt32] = [:]
        for pair in parts[parts.count - 3].split(separator: ",", omittingEmptySubsequences: false) {
            let sides = pair.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let number = UInt32(sides[1]), numbers.updateValue(number, forKey: sides[0]) == nil
            else { throw .malformedHash }
        }
        guard numbers.count == 3, let memory = numbers["m"], let passes = numbers["t"], let lanes = numbers["p"],
            let salt = PHCBase64.decode(parts[parts.count - 2]), let tag = PHCBase64.decode(parts[parts.count - 1]),
            salt.count >= 8, tag.count >= 4, passes >= 1, lanes >= 1, memory >= 8 * UInt64(lanes)
        else { throw .malformedHash }
        guard memory <= 1 << 20, passes <= 1 << 16, lanes <= 64, UInt64(memory) * UInt64(passes) <= 1 << 22,
            salt.count <= 128, tag.count <= 128
        else { throw .unsupportedHash }
        self.variant = variant
        self.version = version
        kind = parts.dropLast(2).joined(separator: "$") + "$"
        parameters = Argon2Parameters(memoryKiB: memory, passes: passes, lanes: lanes)
        self.salt = salt
        self.tag = tag
    }

    init(hashing password: String, salt: [UInt8], parameters: Argon2Parameters) throws(PasswordHashingError) {
        variant = .argon2id
        version = 0x13
        kind = Self.kind(variant, version, parameters)
        self.parameters = parameters
        self.salt = salt
        tag = []
        tag = try computeTag(of: password, size: 32)
    }

    private static func kind(_ variant: Variant, _ version: UInt32, _ parameters: Argon2Parameters) -> String {
        "$\(variant.rawValue)$v=\(version)$m=\(parameters.memoryKiB),t=\(parameters.passes),p=\(parameters.lanes)$"
    }

    var phc: String { "\(kind)\(PHCBase64.encode(salt))$\(PHCBase64.encode(tag))" }

    /// Compared in constant time.
    func matches(_ password: String) throws(PasswordHashingError) -> Bool {
        let computed = try computeTag(of: password, size: tag.count)
        return unsafe sodium_memcmp(computed, tag, tag.count) == 0
    }

    private func computeTag(of password: String, size: Int) throws(PasswordHashingError) -> [UInt8] {
        // libsodium is the faster one (Docs/Decisions/0003-password-hashing.md), but knows only this shape.
        let isForSodium =
            variant == .argon2id && version == 0x13 && parameters.lanes == 1 && salt.count == 16 && size >= 16
        return isForSodium ? try sodiumTag(password, size) : try referenceTag(password, size)
    }

    /// Without it libsodium computes the same tags, but with plain code at half the speed.
    private static let sodiumChoseItsCode = sodium_init() >= 0

    private func sodiumTag(_ password: String, _ size: Int) throws(PasswordHashingError) -> [UInt8] {
        precondition(Self.sodiumChoseItsCode, "libsodium cannot start")
        var password = password
        var tag = [UInt8](repeating: 0, count: size)
        let code = password.withUTF8 { octets in
            unsafe octets.withMemoryRebound(to: CChar.self) { octets in
                unsafe crypto_pwhash(
                    &tag, UInt64(size), octets.baseAddress ?? UnsafePointer(bitPattern: 1)!, UInt64(octets.count), salt,
                    UInt64(parameters.passes), Int(parameters.memoryKiB) * 1024, crypto_pwhash_ALG_ARGON2ID13)
            }
        }
        guard code == 0 else { throw .outOfMemory }
        return tag
    }

    private func referenceTag(_ password: String, _ size: Int) throws(PasswordHashingError) -> [UInt8] {
        var password = password
        var tag = [UInt8](repeating: 0, count: size)
        let type: argon2_type =
            switch variant {
            case .argon2d: Argon2_d
            case .argon2i: Argon2_i
            case .argon2id: Argon2_id
            }
        let code = password.withUTF8 { octets in
            unsafe argon2_hash(
                parameters.passes, parameters.memoryKiB, parameters.lanes, octets.baseAddress, octets.count, salt,
                salt.count, &tag, size, nil, 0, type, version)
        }
        switch code {
        case Int32(ARGON2_OK.rawValue): return tag
        case Int32(ARGON2_MEMORY_ALLOCATION_ERROR.rawValue), Int32(ARGON2_THREAD_FAIL.rawValue): throw .outOfMemory
        default: throw .malformedHash
        }
    }
}

/// The base64 of PHC strings: standard alphabet, no padding, no stray bits.
private enum PHCBase64 {
    static func encode(_ bytes: [UInt8]) -> String { Base64.encode(bytes).replacing("=", with: "") }

    static func decode(_ text: Substring) -> [UInt8]? {
        guard !text.contains("=") else { return nil }
        return Base64.decode(text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4))
    }
}
