import GatehouseCryptography
import Testing

@Suite("RSA")
struct RSATests {
    /// One for all tests, since making one takes long.
    static let key = RSA.PrivateKey.generate()

    @Test(
        "signs and verifies with each padding and hash, and mixes none of them up",
        arguments: [RSA.Padding.pkcs1, .pss], HashAlgorithm.allCases)
    func signs(padding: RSA.Padding, hash: HashAlgorithm) throws {
        let signature = try Self.key.sign([1, 2, 3], padding: padding, hash: hash)
        #expect(signature.count == RSA.newModulusBits / 8)
        for otherPadding in [RSA.Padding.pkcs1, .pss] {
            for otherHash in HashAlgorithm.allCases {
                let isValid = Self.key.publicKey.isValid(
                    signature, for: [1, 2, 3], padding: otherPadding, hash: otherHash)
                #expect(isValid == (otherPadding == padding && otherHash == hash))
            }
        }
    }

    @Test(
        "refuses a changed, short, long or empty signature, another message and another key",
        arguments: [RSA.Padding.pkcs1, .pss])
    func refuses(padding: RSA.Padding) throws {
        let signature = try Self.key.sign([1, 2, 3], padding: padding, hash: .sha256)
        func isValid(_ signature: [UInt8], _ message: [UInt8] = [1, 2, 3]) -> Bool {
            Self.key.publicKey.isValid(signature, for: message, padding: padding, hash: .sha256)
        }
        #expect(isValid(signature))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!isValid(changed))
        }
        #expect(!isValid(Array(signature.dropLast())))
        #expect(!isValid(Array(signature.dropFirst())))
        #expect(!isValid(signature + [0]))
        #expect(!isValid([0] + signature))
        #expect(!isValid([]))
        #expect(!isValid(Self.key.publicKey.modulus))
        #expect(!isValid(signature, [1, 2]))
        let other = RSA.PrivateKey.generate().publicKey
        #expect(!other.isValid(signature, for: [1, 2, 3], padding: padding, hash: .sha256))
    }

    @Test("a signature that begins with zero is refused without it", arguments: [RSA.Padding.pkcs1, .pss])
    func leadingZero(padding: RSA.Padding) throws {
        // One of 256 does.
        for number in 0..<10_000 {
            let message = [UInt8(number & 255), UInt8(number >> 8)]
            let signature = try Self.key.sign(message, padding: padding, hash: .sha256)
            guard signature[0] == 0 else { continue }
            func isValid(_ signature: [UInt8]) -> Bool {
                Self.key.publicKey.isValid(signature, for: message, padding: padding, hash: .sha256)
            }
            #expect(isValid(signature) && !isValid(Array(signature.dropFirst())))
            return
        }
        Issue.record("no signature begins with zero")
    }

    @Test("a PKCS #1 signature is the same each time, a PSS signature never")
    func salt() throws {
        func twice(_ padding: RSA.Padding) throws -> [[UInt8]] {
            [
                try Self.key.sign([1], padding: padding, hash: .sha256),
                try Self.key.sign([1], padding: padding, hash: .sha256),
            ]
        }
        #expect(Set(try twice(.pkcs1)).count == 1)
        #expect(Set(try twice(.pss)).count == 2)
    }

    @Test("a new key is read again from its numbers")
    func readsBack() throws {
        let (modulus, exponent) = (Self.key.publicKey.modulus, Self.key.publicKey.exponent)
        #expect(try RSA.PublicKey(modulus: modulus, exponent: exponent) == Self.key.publicKey)
        let again = try RSA.PrivateKey(modulus: modulus, exponent: exponent, Self.key.numbers)
        let signature = try again.sign([1], padding: .pss, hash: .sha512)
        #expect(Self.key.publicKey.isValid(signature, for: [1], padding: .pss, hash: .sha512))
    }

    @Test("a modulus below 2048 bits is weak, one above 8192 bits is none")
    func lengths() {
        let exponent: [UInt8] = [1, 0, 1]
        func reason(_ modulus: [UInt8]) -> CryptographyError.Reason? {
            do {
                _ = try RSA.PublicKey(modulus: modulus, exponent: exponent)
                return nil
            } catch { return error.reason }
        }
        #expect(reason([0x80] + [UInt8](repeating: 1, count: 127)) == .weakKey)
        // 2047 bits.
        #expect(reason([0x7f] + [UInt8](repeating: 1, count: 255)) == .weakKey)
        #expect(reason([0x01] + [UInt8](repeating: 1, count: 1024)) == .invalidKey)
        #expect(reason([]) == .invalidKey)
        #expect(reason([0] + Self.key.publicKey.modulus) == .invalidKey)
    }

    @Test(
        "a public exponent that is even, small or large is refused",
        arguments: [
            [], [1], [3], [0xff, 0xff], [1, 0, 0], [1, 0, 2], [0, 1, 0, 1], [1, 0, 0, 0, 1],
            [1, 0, 0, 0, 0, 0, 0, 0, 1],
        ])
    func exponents(exponent: [UInt8]) {
        let error = #expect(throws: CryptographyError.self) {
            try RSA.PublicKey(modulus: Self.key.publicKey.modulus, exponent: exponent)
        }
        #expect(error?.reason == .invalidKey)
    }

    @Test("a modulus that is a prime, even or has a small factor is refused (RFC 8725 §3.4)")
    func moduli() throws {
        // RFC 3526 §3, a prime of 2048 bits.
        let prime = try octets(
            "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
                + "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
                + "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
                + "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
                + "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
                + "15728e5a8aacaa68ffffffffffffffff")
        var even = Self.key.publicKey.modulus
        even[even.count - 1] ^= 1
        // A multiple of 3: 10101…01 in base 256 with 258 digits.
        let divisible = [UInt8](repeating: 1, count: 258)
        for modulus in [prime, even, divisible] {
            let error = #expect(throws: CryptographyError.self) {
                try RSA.PublicKey(modulus: modulus, exponent: [1, 0, 1])
            }
            #expect(error?.reason == .invalidKey)
        }
    }

    @Test("a key of which one number is off by one bit, or stands in another's place, is refused", arguments: 0..<6)
    func privateNumbers(place: Int) throws {
        let good = Self.key.numbers
        let all = [
            good.exponent, good.prime1, good.prime2, good.exponent1, good.exponent2, good.coefficient,
        ].map(\.copy)
        var off = all
        off[place][off[place].count - 1] ^= 2
        var swapped = all
        swapped.swapAt(place, (place + 1) % 6)
        for numbers in [off, swapped] {
            let secret = numbers.map { SecretBytes($0) }
            let error = #expect(throws: CryptographyError.self) {
                try RSA.PrivateKey(
                    modulus: Self.key.publicKey.modulus, exponent: Self.key.publicKey.exponent,
                    RSA.PrivateNumbers(
                        exponent: secret[0], prime1: secret[1], prime2: secret[2], exponent1: secret[3],
                        exponent2: secret[4], coefficient: secret[5]))
            }
            #expect(error?.reason == .invalidKey)
        }
    }

    @Test("private numbers beside another public key are refused")
    func otherModulus() {
        let other = RSA.PrivateKey.generate()
        #expect(throws: CryptographyError.self) {
            try RSA.PrivateKey(modulus: other.publicKey.modulus, exponent: [1, 0, 1], Self.key.numbers)
        }
        #expect(throws: CryptographyError.self) {
            try RSA.PrivateKey(modulus: Self.key.publicKey.modulus, exponent: [1, 0, 3], Self.key.numbers)
        }
    }
}
