import GatehouseCryptography
import Testing

@Suite("ECDSA")
struct ECDSATests {
    struct Vector: Sendable {
        let curve: ECDSA.Curve
        let hash: HashAlgorithm
        let secret, x, y, r, s: String

        func key() throws -> ECDSA.PrivateKey {
            try ECDSA.PrivateKey(
                curve, x: try octets(x), y: try octets(y), secret: SecretBytes(try octets(secret)))
        }
    }

    /// RFC 6979 A.2.5 and A.2.6, the message "sample".
    static let vectors = [
        Vector(
            curve: .p256, hash: .sha256,
            secret: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
            x: "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            y: "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
            r: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            s: "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
        Vector(
            curve: .p384, hash: .sha384,
            secret: "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
                + "96d5724e4c70a825f872c9ea60d2edf5",
            x: "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
            y: "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
            r: "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
            s: "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"),
    ]

    @Test("signatures of RFC 6979 verify, and what their keys sign does", arguments: vectors)
    func published(vector: Vector) throws {
        let key = try vector.key()
        let message = Array("sample".utf8)
        let signature = try octets(vector.r) + octets(vector.s)
        #expect(key.publicKey.isValid(signature, for: message, hash: vector.hash))
        #expect(!key.publicKey.isValid(signature, for: Array("Sample".utf8), hash: vector.hash))
        #expect(!key.publicKey.isValid(signature, for: message, hash: .sha512))
        let own = try key.sign(message, hash: vector.hash)
        #expect(own.count == 2 * vector.curve.size && own != signature)
        #expect(key.publicKey.isValid(own, for: message, hash: vector.hash))
    }

    @Test("refuses a changed, short, long or empty signature and another key", arguments: ECDSA.Curve.allCases)
    func refuses(curve: ECDSA.Curve) throws {
        let key = ECDSA.PrivateKey.generate(curve)
        let signature = try key.sign([1, 2, 3], hash: .sha256)
        func isValid(_ signature: [UInt8]) -> Bool {
            key.publicKey.isValid(signature, for: [1, 2, 3], hash: .sha256)
        }
        #expect(isValid(signature))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!isValid(changed))
        }
        #expect(!isValid(Array(signature.dropLast())))
        #expect(!isValid(signature + [0]))
        #expect(!isValid([0] + signature))
        // r and s are right where they begin and end.
        #expect(!isValid(signature.prefix(curve.size) + [0] + signature.suffix(curve.size)))
        #expect(!isValid([]))
        #expect(!isValid([UInt8](repeating: 0, count: 2 * curve.size)))
        let other = ECDSA.PrivateKey.generate(curve).publicKey
        #expect(!other.isValid(signature, for: [1, 2, 3], hash: .sha256))
    }

    @Test("signatures have one length, also when a number begins with zeros")
    func fixedLength() throws {
        let key = ECDSA.PrivateKey.generate(.p256)
        // Each number begins with eight zero bits in one of 256 signatures.
        for number in 0..<1500 {
            let message = [UInt8(number & 255), UInt8(number >> 8)]
            let signature = try key.sign(message, hash: .sha256)
            #expect(signature.count == 64)
            if signature[0] == 0 || signature[32] == 0 {
                #expect(key.publicKey.isValid(signature, for: message, hash: .sha256))
            }
        }
    }

    @Test("a new key is read again from its numbers", arguments: ECDSA.Curve.allCases)
    func readsBack(curve: ECDSA.Curve) throws {
        let key = ECDSA.PrivateKey.generate(curve)
        let again = try ECDSA.PrivateKey(curve, x: key.publicKey.x, y: key.publicKey.y, secret: key.secret)
        #expect(again.publicKey == key.publicKey && again.secret == key.secret)
        #expect(try ECDSA.PublicKey(curve, x: key.publicKey.x, y: key.publicKey.y) == key.publicKey)
    }

    @Test("what is no point of the curve is no key (RFC 8725 §3.4)", arguments: ECDSA.Curve.allCases)
    func points(curve: ECDSA.Curve) throws {
        let good = ECDSA.PrivateKey.generate(curve).publicKey
        func isRefused(_ x: [UInt8], _ y: [UInt8]) -> Bool {
            do {
                _ = try ECDSA.PublicKey(curve, x: x, y: y)
                return false
            } catch { return error.reason == .invalidKey }
        }
        var offCurve = good.y
        offCurve[curve.size - 1] ^= 1
        let zero = [UInt8](repeating: 0, count: curve.size)
        #expect(!isRefused(good.x, good.y))
        #expect(isRefused(good.x, offCurve))
        #expect(isRefused(good.y, good.x))
        #expect(isRefused(zero, zero))
        #expect(isRefused([UInt8](repeating: 255, count: curve.size), good.y))
        #expect(isRefused(Array(good.x.dropFirst()), good.y))
        #expect(isRefused(good.x, [0] + good.y))
        #expect(isRefused([], []))
        // Together the same octets, cut in another place: a second spelling of the key.
        #expect(isRefused(good.x.dropLast(), good.x.suffix(1) + good.y))
        for other in ECDSA.Curve.allCases where other != curve {
            let foreign = ECDSA.PrivateKey.generate(other).publicKey
            #expect(isRefused(foreign.x, foreign.y))
        }
    }

    @Test("a coordinate of the field's size or more is no coordinate, though it means a point modulo the field")
    func unreduced() throws {
        // The point with x = 5 of P-256, and 5 + p.
        let y = try octets("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc")
        let x = [UInt8](repeating: 0, count: 31) + [5]
        #expect(throws: Never.self) { try ECDSA.PublicKey(.p256, x: x, y: y) }
        let lifted = try octets("ffffffff00000001000000000000000000000001000000000000000000000004")
        #expect(throws: CryptographyError.self) { try ECDSA.PublicKey(.p256, x: lifted, y: y) }
    }

    @Test("a private number that is not the point's, zero, or not below the group order is refused")
    func privateNumbers() throws {
        let key = ECDSA.PrivateKey.generate(.p256)
        let order = try octets("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
        let bad: [[UInt8]] = [
            ECDSA.PrivateKey.generate(.p256).secret.copy, [UInt8](repeating: 0, count: 32), order,
            [UInt8](repeating: 255, count: 32), [0] + key.secret.copy, Array(key.secret.copy.dropLast()), [],
        ]
        for secret in bad {
            let error = #expect(throws: CryptographyError.self) {
                try ECDSA.PrivateKey(.p256, x: key.publicKey.x, y: key.publicKey.y, secret: SecretBytes(secret))
            }
            #expect(error?.reason == .invalidKey)
        }
    }
}
