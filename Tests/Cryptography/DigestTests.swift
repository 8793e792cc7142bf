import GatehouseCryptography
import Testing

@Suite("Digests")
struct DigestTests {
    @Test(
        "SHA-2 gives the digests that FIPS 180-4's examples print for \"abc\"",
        arguments: [
            (HashAlgorithm.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                .sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
            ),
            (
                .sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ])
    func sha2(algorithm: HashAlgorithm, expected: String) throws {
        #expect(Digest.hash(Array("abc".utf8), with: algorithm) == (try octets(expected)))
        #expect(Digest.hash([], with: algorithm).count == algorithm.size)
    }

    @Test("comparing in constant time finds any one different bit, and lengths that differ")
    func comparing() {
        let bytes = SystemRandom.bytes(33)
        #expect(isEqualInConstantTime(bytes, bytes))
        #expect(isEqualInConstantTime([], []))
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                #expect(!isEqualInConstantTime(bytes, changed))
            }
        }
        #expect(!isEqualInConstantTime(bytes, bytes.dropLast()))
        #expect(!isEqualInConstantTime(bytes.dropLast(), bytes))
    }

    private func isEqualInConstantTime(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool {
        GatehouseCryptography.isEqualInConstantTime(Array(a), Array(b))
    }
}

@Suite("Random octets")
struct RandomTests {
    @Test("identifiers are 22 characters of base64url and never repeat")
    func identifiers() {
        let many = (0..<10_000).map { _ in SystemRandom.identifier() }
        #expect(Set(many).count == many.count)
        #expect(many.allSatisfy { $0.utf8.count == 22 && Base64URL.decode($0)?.count == 16 })
    }

    @Test("as many octets come as were asked for, and other ones each time")
    func counts() {
        #expect(SystemRandom.bytes(0).isEmpty)
        #expect(SystemRandom.bytes(100).count == 100)
        #expect(SystemRandom.bytes(32) != SystemRandom.bytes(32))
    }
}
