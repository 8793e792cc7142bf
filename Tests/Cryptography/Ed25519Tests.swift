import GatehouseCryptography
import Testing

@Suite("Ed25519")
struct Ed25519Tests {
    @Test(
        "signs as RFC 8032 §7.1 tests 1 and 2",
        arguments: [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                    + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ])
    func vectors(seed: String, publicKey: String, message: String, signature: String) throws {
        let key = try Ed25519.PrivateKey(try octets(seed))
        let (message, signature) = (try octets(message), try octets(signature))
        #expect(key.publicKey.bytes == (try octets(publicKey)))
        #expect(try key.sign(message) == signature)
        #expect(key.publicKey.isValid(signature, for: message))
        #expect(key.bytes == (try octets(seed)))
    }

    @Test("refuses a changed, short, long or empty signature and another message")
    func refuses() throws {
        let key = Ed25519.PrivateKey.generate()
        let signature = try key.sign([1, 2, 3])
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.publicKey.isValid(changed, for: [1, 2, 3]))
        }
        #expect(!key.publicKey.isValid(Array(signature.dropLast()), for: [1, 2, 3]))
        #expect(!key.publicKey.isValid(signature + [0], for: [1, 2, 3]))
        #expect(!key.publicKey.isValid([], for: [1, 2, 3]))
        #expect(!key.publicKey.isValid(signature, for: [1, 2]))
        #expect(!Ed25519.PrivateKey.generate().publicKey.isValid(signature, for: [1, 2, 3]))
    }

    @Test("a signature has one form: S plus the group order is refused (RFC 8032 §5.1.7)")
    func malleability() throws {
        let order = try octets("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        let key = Ed25519.PrivateKey.generate()
        var signature = try key.sign([1])
        var carry = 0
        for index in 0..<32 {
            let sum = Int(signature[32 + index]) + Int(order[index]) + carry
            signature[32 + index] = UInt8(truncatingIfNeeded: sum)
            carry = sum >> 8
        }
        #expect(carry == 0)
        #expect(!key.publicKey.isValid(signature, for: [1]))
    }

    @Test(
        "a point of the small subgroup is no key: anyone could sign for it",
        arguments: [
            // y = 1, −1, 0 and those of order 8, each with both signs.
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ])
    func smallSubgroup(encoded: String) throws { #expect(refusesKey(try octets(encoded))) }

    @Test(
        "what is not on the curve, or a second spelling of what is, is no key",
        arguments: [
            // y = 2 and y = 7 have no x.
            "0200000000000000000000000000000000000000000000000000000000000000",
            "0700000000000000000000000000000000000000000000000000000000000000",
            // p, p + 1 and p + 3: 0, 1 and 3 once more.
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ])
    func notOnCurve(encoded: String) throws { #expect(refusesKey(try octets(encoded))) }

    @Test("points on the curve are keys, and so is every key that is made", arguments: [3, 4, 5, 6, 9, 10])
    func onCurve(y: UInt8) throws {
        var encoded = [UInt8](repeating: 0, count: 32)
        encoded[0] = y
        #expect(throws: Never.self) { try Ed25519.PublicKey(encoded) }
        for _ in 0..<20 {
            let key = Ed25519.PrivateKey.generate().publicKey
            #expect(try Ed25519.PublicKey(key.bytes) == key)
        }
    }

    @Test("keys of other lengths are refused", arguments: [0, 31, 33, 64])
    func lengths(count: Int) {
        #expect(refusesKey(SystemRandom.bytes(count)))
        #expect(throws: CryptographyError.self) { try Ed25519.PrivateKey(SystemRandom.bytes(count)) }
    }

    private func refusesKey(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try Ed25519.PublicKey(bytes)
            return false
        } catch { return error.reason == .invalidKey }
    }
}
