import GatehouseCryptography
import Testing

@Suite("Message codes")
struct HMACTests {
    @Test(
        "HMAC gives the codes of RFC 4231 §4.3 and, for a key longer than a block, §4.7",
        arguments: [
            (
                HashAlgorithm.sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                .sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"
            ),
            (
                .sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                    + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                    + "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
            ),
        ])
    func vectors(hash: HashAlgorithm, short: String, long: String) throws {
        let key = HMACKey(hash, secret: Array("Jefe".utf8))
        #expect(key.code(for: Array("what do ya want for nothing?".utf8)) == (try octets(short)))
        let longKey = HMACKey(hash, secret: [UInt8](repeating: 0xaa, count: 131))
        #expect(
            longKey.code(for: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
                == (try octets(long)))
    }

    @Test("an empty key and an empty message have a code too")
    func empty() throws {
        let expected = try octets("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
        #expect(HMACKey(.sha256, secret: []).code(for: []) == expected)
    }

    @Test("one key gives each message its own code, from many threads at once")
    func parallel() async {
        let key = HMACKey(.sha256, secret: Array("Jefe".utf8))
        // Long enough for two threads to be at it at the same moment.
        let messages = (0..<32).map { [UInt8](repeating: UInt8($0), count: 2000 * $0) }
        // A key of its own for each message cannot mix anything up.
        let expected = messages.map { HMACKey(.sha256, secret: Array("Jefe".utf8)).code(for: $0) }
        await withTaskGroup(of: Bool.self) { group in
            for (message, code) in zip(messages, expected) {
                group.addTask {
                    (0..<50).allSatisfy { _ in key.code(for: message) == code && key.isValid(code, for: message) }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test(
        "a code with one bit changed, cut off, lengthened or empty is not valid, nor is one of another message or key")
    func refuses() {
        let key = HMACKey(.sha512, secret: SystemRandom.bytes(32))
        let code = key.code(for: [1, 2, 3])
        #expect(key.isValid(code, for: [1, 2, 3]))
        for index in code.indices {
            var flipped = code
            flipped[index] ^= 1
            #expect(!key.isValid(flipped, for: [1, 2, 3]))
        }
        #expect(!key.isValid(Array(code.dropLast()), for: [1, 2, 3]))
        #expect(!key.isValid(code + [0], for: [1, 2, 3]))
        #expect(!key.isValid([], for: [1, 2, 3]))
        #expect(!key.isValid(code, for: [1, 2]))
        #expect(!HMACKey(.sha512, secret: SystemRandom.bytes(32)).isValid(code, for: [1, 2, 3]))
    }
}
