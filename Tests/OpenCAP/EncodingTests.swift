import GatehouseJSON
import Testing

@testable import GatehouseOpenCAP

@Suite("The encodings behind addresses")
struct EncodingTests {
    @Test(
        "every published Bech32 and Bech32m text is read in its form",
        arguments: try AddressVectors.section("bech32_valid"))
    func bech32(vector: JSONValue) throws {
        let form = try AddressVectors.text("form", vector)
        let content = try Bech32.decode(Array(AddressVectors.text("text", vector).utf8))
        #expect(content.form == (form == "bech32" ? .bech32 : .bech32m))
    }

    @Test("every published wrong Bech32 text is refused", arguments: try AddressVectors.section("bech32_invalid"))
    func wrongBech32(vector: JSONValue) throws {
        let characters = Array(try AddressVectors.text("text", vector).utf8)
        #expect(throws: AddressError.Reason.self) { try Bech32.decode(characters) }
    }

    @Test(
        "every published CashAddr hash is found, of any length and network",
        arguments: try AddressVectors.section("cashaddr_hashes"))
    func cashAddress(vector: JSONValue) throws {
        let prefix = Array(try AddressVectors.text("prefix", vector).utf8)
        let values = try Base32.values(Array(try AddressVectors.text("payload", vector).utf8)[...])
        #expect(CashAddress.hasRightChecksum(values, prefix: prefix))
        #expect(!CashAddress.hasRightChecksum(values, prefix: prefix + [0x61]))
        let content = try CashAddress.content(values)
        #expect(content.hash == (try bytes(hex: AddressVectors.text("hash", vector))))
        #expect(Int64(content.type) == vector["type"]?.int64)
    }

    @Test("every published CashAddr checksum is right", arguments: try AddressVectors.section("cashaddr_checksums"))
    func cashChecksum(vector: JSONValue) throws {
        let parts = try #require(vector.string).split(separator: ":")
        #expect(
            CashAddress.hasRightChecksum(try Base32.values(Array(parts[1].utf8)[...]), prefix: Array(parts[0].utf8)))
    }

    @Test(
        "BLAKE2b gives the digest of RFC 7693 and, for every length, that of another implementation",
        arguments: try AddressVectors.section("blake2b"))
    func blake2b(vector: JSONValue) throws {
        let digest = try bytes(hex: AddressVectors.text("digest", vector))
        #expect(Blake2b.hash(try bytes(hex: AddressVectors.text("message", vector)), length: digest.count) == digest)
    }

    @Test("BLAKE2b passes the half without keys of the self-test of RFC 7693")
    func blake2bSelfTest() throws {
        // RFC 7693 appendix E. There are no keys here, so the expected digest is not that of the RFC but one from
        // another implementation, which gave the RFC's for the whole test.
        var all: [UInt8] = []
        for length in [20, 32, 48, 64] {
            for count in [0, 3, 128, 129, 255, 1024] {
                all += Blake2b.hash(sequence(count, seed: UInt32(count)), length: length)
            }
        }
        #expect(
            Blake2b.hash(all, length: 32)
                == (try bytes(hex: "681f345ad53c6360214ea500fd259edddbca775f605fad81b9b189d6d88e15c6")))
    }

    /// RFC 7693 appendix E: a Fibonacci-like sequence that is easy to make anywhere.
    private func sequence(_ count: Int, seed: UInt32) -> [UInt8] {
        var (a, b): (UInt32, UInt32) = (0xDEAD_4BAD &* seed, 1)
        return (0..<count).map { _ in
            let sum = a &+ b
            (a, b) = (b, sum)
            return UInt8(sum >> 24)
        }
    }

    @Test("the curve has a point for the x of its generator and none for other numbers that are known")
    func curve() throws {
        let generator = try bytes(hex: "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
        #expect(Secp256k1.hasPoint(x: generator))
        #expect(!Secp256k1.hasPoint(x: [UInt8](repeating: 0, count: 32)))
        #expect(!Secp256k1.hasPoint(x: [UInt8](repeating: 0xFF, count: 32)))
        #expect(!Secp256k1.hasPoint(x: []))
    }
}
