import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import HTTPSignatures

@Suite("Published draft-cavage vectors")
struct CavageVectorTests {
    static let vectors = Vector.all("cavage_drafts.json", "vectors")
    static let examples = Vector.all("cavage_drafts.json", "canonicalization")

    /// The key that all drafts print. It is too short for anything but them.
    private func key(isPrivate: Bool = false) throws -> SignatureKey {
        let pem = try #require(
            try Vector.file("cavage_drafts.json")["key"]?[isPrivate ? "private_pem" : "public_pem"]?.string)
        return try SignatureKey(
            id: "Test", try AsymmetricKey(pem: octets(pem), minimumBits: 1024), algorithm: .rsaSHA256)
    }

    @Test("the files have what we think they have")
    func coverage() {
        #expect(Self.vectors.count == 17)
        #expect(Self.vectors.filter { isGood($0) }.count == 10)
        #expect(Self.examples.count == 2)
    }

    private func isGood(_ vector: Vector) -> Bool {
        vector.json["message_as_printed_verdict"]?.string?.hasPrefix("accept") == true
    }

    @Test("a printed message is accepted or refused as it should be", arguments: vectors)
    func asPrinted(vector: Vector) throws {
        let message = try vector.message()
        let key = try key()
        let verify = { () throws -> [UInt8] in try CavageSignature(of: message).verify(message, with: key) }
        guard isGood(vector) else {
            let refusal = try #require(throws: SignatureRefusal.self) { try verify() }
            // Those of draft 11 and 12 cover what their algorithm is too old for; the others are over something else.
            if vector.id.hasPrefix("cavage-11") {
                #expect(refusal.reason == .unsuitable("(created)", "the algorithm rsa-sha256 is older than it"))
            } else {
                #expect(refusal.reason == .badSignature)
                #expect(text(refusal.base ?? []) == (try vector.text("signing_string")))
            }
            return
        }
        #expect(text(try verify()) == (try vector.text("signing_string")))
        let signature = try CavageSignature(of: message)
        #expect(signature.keyID == "Test")
        #expect(signature.covered.joined(separator: " ") == (try vector.text("headers_param_on_wire")))
    }

    @Test("signing the same again gives the signature that was computed independently", arguments: vectors)
    func signs(vector: Vector) throws {
        let covered = try vector.text("headers_actually_signed").split(separator: " ").map(String.init)
        let field = try CavageSignature.sign(try vector.message(), covering: covered, with: try key(isPrivate: true))
        let signature = try CavageSignature(parsing: octets(field))
        #expect(Base64.encode(signature.signature) == (try vector.text("regenerated_signature")))
        #expect(signature.label == "rsa-sha256")
    }

    @Test(
        "a printed signature verifies no more once anything that it covers has changed",
        arguments: vectors.filter { $0.json["message_as_printed_verdict"]?.string?.hasPrefix("accept") == true })
    func changes(vector: Vector) throws {
        let message = try vector.message()
        let key = try key()
        let signature = try CavageSignature(of: message)
        for name in signature.covered where name != "(request-target)" {
            let changed = SignableMessage.request(
                method: "POST", target: "/foo?param=value&pet=dog", scheme: "https",
                fields: message.fields.map {
                    text($0.name) == name ? .init(name, octets: $0.value + octets("1")) : $0
                })
            #expect(throws: SignatureRefusal.self, "\(name)") { try signature.verify(changed, with: key) }
        }
        if signature.covered.contains("(request-target)") {
            for (method, target) in [
                ("PUT", "/foo?param=value&pet=dog"), ("POST", "/foo?param=value&pet=cat"), ("POST", "/foo"),
            ] {
                let changed = SignableMessage.request(
                    method: method, target: target, scheme: "https", fields: message.fields)
                #expect(throws: SignatureRefusal.self) { try signature.verify(changed, with: key) }
            }
        }
        #expect(throws: SignatureRefusal.self) {
            try signature.verify(
                message, with: try SignatureKey(id: "Test", secret: [UInt8](repeating: 7, count: 32)))
        }
    }

    @Test("the printed signing strings are what we make", arguments: examples)
    func signingStrings(vector: Vector) throws {
        let names = try vector.text("headers").split(separator: " ").map { octets(String($0)) }
        let created = vector.json["params"]?["created"]?.int64
        let made = try SigningString.make(
            names, of: try vector.message(), label: nil, created: created, expires: nil)
        #expect(text(made) == (try vector.text("signing_string")))
    }

    @Test("the key of the drafts is too short for anybody who does not ask for it")
    func shortKey() throws {
        let pem = try #require(try Vector.file("cavage_drafts.json")["key"]?["public_pem"]?.string)
        #expect(throws: SignatureKeyError.self) {
            try SignatureKey(id: "Test", pem: octets(pem), algorithm: .rsaSHA256)
        }
    }
}
