import Foundation
import GatehouseCryptography
import Testing

private func octets(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).map { index in
        let start = hex.index(hex.startIndex, offsetBy: index)
        return UInt8(hex[start...hex.index(after: start)], radix: 16)!
    }
}

@Suite("Digests and message codes")
struct DigestTests {
    @Test("SHA-2 gives the digests that FIPS 180-4 prints for \"abc\"")
    func sha2() {
        #expect(
            Digest.sha256(Array("abc".utf8))
                == octets("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
        #expect(
            Digest.hash(Array("abc".utf8), with: .sha512).prefix(8) == octets("ddaf35a193617aba")[...])
        #expect(Digest.hash([], with: .sha384).count == 48)
    }

    @Test("HMAC-SHA256 gives the code of RFC 4231 §4.3, again and from many threads at once")
    func hmac() async {
        let key = HMACKey(.sha256, secret: Array("Jefe".utf8))
        let message = Array("what do ya want for nothing?".utf8)
        let expected = octets("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(key.code(for: message) == expected)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask { key.code(for: message) == expected && key.isValid(expected, for: message) }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test("a code with one bit changed, cut off or empty is not valid")
    func hmacRefuses() {
        let key = HMACKey(.sha512, secret: SystemRandom.bytes(32))
        let code = key.code(for: [1, 2, 3])
        var flipped = code
        flipped[63] ^= 1
        #expect(key.isValid(code, for: [1, 2, 3]))
        #expect(!key.isValid(flipped, for: [1, 2, 3]))
        #expect(!key.isValid(code.dropLast(), for: [1, 2, 3]))
        #expect(!key.isValid([], for: [1, 2, 3]))
        #expect(!key.isValid(code, for: [1, 2]))
    }
}

extension HMACKey {
    fileprivate func isValid(_ code: ArraySlice<UInt8>, for message: [UInt8]) -> Bool {
        isValid(Array(code), for: message)
    }
}

@Suite("Sealing")
struct SealingTests {
    let key: SealingKey

    init() throws { key = try SealingKey(SystemRandom.bytes(32)) }

    @Test("what was sealed opens again in its place", arguments: [0, 1, 16, 10_000])
    func opens(size: Int) throws {
        let plain = SystemRandom.bytes(size)
        #expect(try key.open(try key.seal(plain, context: "place"), context: "place") == plain)
    }

    @Test("two seals of one value differ, so equal secrets do not show")
    func isRandom() throws {
        #expect(try key.seal([1], context: "place") != key.seal([1], context: "place"))
    }

    @Test("a sealed value does not open after any octet was changed or cut off")
    func refusesChanges() throws {
        let sealed = try key.seal(Array("secret".utf8), context: "place")
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x80
            #expect(throws: CryptographyError.self) { try key.open(changed, context: "place") }
            #expect(throws: CryptographyError.self) { try key.open(Array(sealed[..<index]), context: "place") }
        }
    }

    @Test("a sealed value does not open in another place or under another key")
    func refusesOthers() throws {
        let sealed = try key.seal([1, 2, 3], context: "signing-key:a")
        #expect(throws: CryptographyError.self) { try key.open(sealed, context: "signing-key:b") }
        let other = try SealingKey(SystemRandom.bytes(32))
        #expect(throws: CryptographyError.self) { try other.open(sealed, context: "signing-key:a") }
    }

    @Test("derived keys depend on the label, and HKDF is that of RFC 5869 (computed with an independent program)")
    func derives() throws {
        let fixed = try SealingKey(Array(0..<32))
        #expect(fixed.derive("a", count: 32) == fixed.derive("a", count: 32))
        #expect(fixed.derive("a", count: 32) != fixed.derive("b", count: 32))
        #expect(fixed.derive("gatehouse", count: 16) == octets("78020cb45a05a2d6d491ce578bbcff23"))
        #expect(fixed.fingerprint.count == 16)
    }

    @Test("a master key has 32 octets", arguments: [0, 16, 31, 33])
    func refusesLengths(count: Int) {
        #expect(throws: CryptographyError.self) { try SealingKey(SystemRandom.bytes(count)) }
    }

    @Test("a key tells nothing about itself when it is printed")
    func isSilent() {
        #expect(!"\(key)".contains(Base64URL.encode(key.derive("x", count: 4))))
        #expect("\(SecretBytes([65, 66, 67]))" == "[secret]")
    }
}

@Suite("Ed25519")
struct Ed25519Tests {
    @Test("signs as RFC 8032 §7.1 test 2")
    func vector() throws {
        let key = try Ed25519.PrivateKey(octets("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        #expect(
            key.publicKey.bytes == octets("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))
        let signature = try key.sign([0x72])
        #expect(
            signature
                == octets(
                    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
                ))
        #expect(key.publicKey.isValid(signature, for: [0x72]))
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
    }

    @Test("keys of other lengths are refused")
    func lengths() {
        #expect(throws: CryptographyError.self) { try Ed25519.PublicKey([1, 2, 3]) }
        #expect(throws: CryptographyError.self) { try Ed25519.PrivateKey(SystemRandom.bytes(64)) }
    }
}

@Suite("Base64")
struct Base64Tests {
    @Test("agrees with Foundation for every length", arguments: 0..<70)
    func agrees(count: Int) {
        let bytes = SystemRandom.bytes(count)
        let text = Data(bytes).base64EncodedString()
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text) == bytes)
        let url = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        #expect(Base64URL.encode(bytes) == url)
        #expect(Base64URL.decode(url) == bytes)
    }

    @Test(
        "refuses what is not the one spelling of its octets",
        arguments: ["Q", "QQ==", "QR", "QUJ", "Q Q", "QQ\n", "Q+", "Q/", "QUJD=", "=", "é"])
    func strictURL(text: String) { #expect(Base64URL.decode(text) == nil) }

    @Test(
        "with padding, refuses missing, misplaced and doubled padding and the other alphabet",
        arguments: ["QQ", "QQ=", "QR==", "Q===", "====", "QUJD====", "Q=Q=", "QQ==\n", "-_-_"])
    func strictPadded(text: String) { #expect(Base64.decode(text) == nil) }

    @Test("identifiers are 22 characters of base64url and never repeat")
    func identifiers() {
        let many = (0..<10_000).map { _ in SystemRandom.identifier() }
        #expect(Set(many).count == many.count)
        #expect(many.allSatisfy { $0.utf8.count == 22 && Base64URL.decode($0)?.count == 16 })
    }
}

@Suite("Names of certificates")
struct CertificateNamesTests {
    @Test("what is no certificate is refused")
    func refuses() { #expect(throws: CryptographyError.self) { try CertificateNames(der: [1, 2, 3]) } }
}
