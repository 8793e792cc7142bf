import GatehouseCryptography
import Testing

@Suite("Sealing")
struct SealingTests {
    let key: SealingKey

    init() throws { key = try SealingKey(SystemRandom.bytes(32)) }

    @Test("what was sealed opens again in its place", arguments: [0, 1, 16, 10_000], ["place", ""])
    func opens(size: Int, context: String) throws {
        let plain = SystemRandom.bytes(size)
        #expect(try key.open(try key.seal(plain, context: context), context: context) == plain)
    }

    @Test("opens what another program sealed with AES-256-GCM: nonce, ciphertext, tag, the place as associated data")
    func form() throws {
        let fixed = try SealingKey(Array(0..<32))
        let sealed = try octets("0707070707070707070707077c0fc52e0a7bc2b9542789f7a980eeb7b3f669a465a1")
        try #require(sealed.count == 12 + 6 + 16)
        #expect(try fixed.open(sealed, context: "signing-key:a") == Array("secret".utf8))
    }

    @Test("two seals of one value differ, so equal secrets do not show")
    func isRandom() throws {
        let nonces = try (0..<1000).map { _ in Array(try key.seal([1], context: "place").prefix(12)) }
        #expect(Set(nonces).count == nonces.count)
    }

    @Test("a sealed value does not open after any octet was changed or cut off")
    func refusesChanges() throws {
        let sealed = try key.seal(Array("secret".utf8), context: "place")
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x80
            #expect(refuses(changed))
            #expect(refuses(Array(sealed[..<index])))
        }
        #expect(refuses(sealed + [0]))
    }

    @Test("a sealed value does not open in another place or under another key")
    func refusesOthers() throws {
        let sealed = try key.seal([1, 2, 3], context: "signing-key:a")
        #expect(refuses(sealed, context: "signing-key:b"))
        #expect(refuses(sealed, context: ""))
        #expect(refuses(sealed, context: "signing-key:a", with: try SealingKey(SystemRandom.bytes(32))))
    }

    @Test("derived keys depend on the label and are those of RFC 5869 (computed with another program)")
    func derives() throws {
        let fixed = try SealingKey(Array(0..<32))
        let expected = try octets(
            "78020cb45a05a2d6d491ce578bbcff2337b2fe5f00492f14e0fea67e53d530c6"
                + "6b1e6d0fa9664e997d25e4c5e96c19514c2ecd0115a010a5319314b684e4c8d72776ae4d7285a428c03c0075b51eb575")
        #expect(fixed.derive("gatehouse", count: 80) == expected)
        #expect(fixed.derive("gatehouse", count: 16) == Array(expected.prefix(16)))
        #expect(fixed.derive("a", count: 32) != fixed.derive("b", count: 32))
        #expect(fixed.derive("", count: 8160).count == 8160)
    }

    @Test("a fingerprint names a key and stays the same")
    func fingerprint() throws {
        #expect(try SealingKey(Array(0..<32)).fingerprint == "16b3b6fb918ce1d2")
        #expect(key.fingerprint == key.fingerprint)
        #expect(try SealingKey(SystemRandom.bytes(32)).fingerprint != key.fingerprint)
    }

    @Test("a master key has 32 octets", arguments: [0, 16, 31, 33, 64])
    func refusesLengths(count: Int) {
        let error = #expect(throws: CryptographyError.self) { try SealingKey(SystemRandom.bytes(count)) }
        #expect(error?.reason == .invalidKey)
    }

    private func refuses(_ sealed: [UInt8], context: String = "place", with other: SealingKey? = nil) -> Bool {
        do {
            _ = try (other ?? key).open(sealed, context: context)
            return false
        } catch { return error.reason == .notAuthentic }
    }
}

@Suite("Secrets in memory")
struct SecretTests {
    @Test("keys tell nothing about themselves when they are printed or dumped")
    func isSilent() throws {
        // Nothing else in a dump looks like this one.
        let bytes = [UInt8](repeating: 181, count: 32)
        for secret in [
            try SealingKey(bytes) as Any, SecretBytes(bytes), HMACKey(.sha256, secret: bytes),
            try Ed25519.PrivateKey(bytes),
        ] {
            var dumped = ""
            dump(secret, to: &dumped)
            for text in [dumped, "\(secret)", String(reflecting: secret)] {
                #expect(!text.contains("181, 181") && !text.contains("- 181\n") && !text.contains("b5b5"))
            }
        }
    }

    @Test("two are equal when their octets are")
    func equality() {
        #expect(SecretBytes([1, 2, 3]) == SecretBytes([1, 2, 3]))
        #expect(SecretBytes([1, 2, 3]) != SecretBytes([1, 2, 4]))
        #expect(SecretBytes([1, 2, 3]) != SecretBytes([1, 2]))
        #expect(SecretBytes([]) == SecretBytes([]))
        #expect(SecretBytes([7, 8]).copy == [7, 8])
    }
}
