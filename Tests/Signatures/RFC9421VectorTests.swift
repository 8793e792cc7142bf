import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import HTTPSignatures

@Suite("Published RFC 9421 vectors")
struct RFC9421VectorTests {
    static let signatures = Vector.all("rfc9421_signatures.json", "vectors")
    static let components = Vector.all("rfc9421_components.json", "components")
    static let fields = Vector.all("rfc9421_components.json", "fields")
    static let types = StructuredFieldTypes.registered.adding(["example-dict": .dictionary])

    /// The file has the message of B.2.4 twice, as the draft's archive prints it and as the RFC does, and calls both invalid;
    /// its own note says that the RFC's is not.
    static func isGood(_ vector: Vector) -> Bool {
        let isOfRFC =
            vector.json["message"]?["headers"]?.text.contains("mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41Q") == true
        return vector.json["expected"]?.string == "valid" || isOfRFC
    }

    /// The key of a vector; a public one unless it is to sign.
    static func key(_ id: String, isPrivate: Bool = false) throws -> SignatureKey {
        let json = try #require(try Vector.file("rfc9421_keys.json")["keys"]?[id])
        let algorithm = try #require(json["alg"]?.string)
        if let secret = json["base64"]?.string {
            return try SignatureKey(id: id, secret: try #require(Base64.decode(secret)))
        }
        let pem = try #require(json[isPrivate ? "private_pem" : "public_pem"]?.string)
        return try SignatureKey(
            id: id, pem: octets(pem),
            algorithm: try #require(SignatureAlgorithm.allCases.first { $0.registeredName == algorithm }))
    }

    @Test("the files have what we think they have")
    func coverage() throws {
        #expect(Self.signatures.count == 21)
        #expect(Self.signatures.filter(Self.isGood).count == 17)
        #expect(Self.components.count == 39)
        #expect(Self.fields.count == 3)
        #expect(try Vector.file("rfc9421_keys.json")["keys"]?.object?.count == 5)
    }

    @Test("a printed signature verifies or does not, as it says, over the printed base", arguments: signatures)
    func verifies(vector: Vector) throws {
        let message = try vector.message()
        let label = try vector.text("label")
        let key = try Self.key(try vector.text("keyid"))
        let signature = try #require(try MessageSignature.all(of: message).first { $0.label == label })
        // Some have no base of their own, because they are those of another message.
        if let base = vector.json["signature_base"]?.string { #expect(text(try signature.base(of: message)) == base) }
        if Self.isGood(vector) {
            #expect(throws: Never.self) { try signature.verify(message, with: key) }
        } else {
            #expect(
                try #require(throws: SignatureRefusal.self) { try signature.verify(message, with: key) }.reason
                    == .badSignature)
        }
    }

    @Test(
        "signing the same again gives the same signature where there is but one", arguments: signatures.filter(isGood))
    func signs(vector: Vector) throws {
        let message = try vector.message()
        let label = try vector.text("label")
        let printed = try #require(try MessageSignature.all(of: message).first { $0.label == label })
        let key = try Self.key(try vector.text("keyid"), isPrivate: true)
        let made = try MessageSignature.sign(
            message, covering: printed.covered, parameters: printed.parameters, label: label, with: key)
        let again = SignableMessage.request(
            method: "GET", target: "/", scheme: "https",
            fields: [.init("Signature-Input", made.signatureInput), .init("Signature", made.signature)])
        let read = try #require(try MessageSignature.all(of: again).first)
        if vector.json["deterministic"]?.bool == true, !vector.id.contains("proxy") {
            #expect(read.signature == printed.signature)
        }
        #expect(throws: Never.self) { try read.verify(message, with: try Self.key(try vector.text("keyid"))) }
    }

    @Test("a component has the printed value", arguments: components)
    func componentValue(vector: Vector) throws {
        let component = try MessageComponent(try vector.text("component"))
        #expect(component.identifier == (try vector.text("component")))
        let base = try SignatureBase.make([component], parameters: [], of: try vector.message(), Self.types)
        #expect(text(base) == (try vector.text("line")) + "\n\"@signature-params\": ")
    }

    @Test("a printed field is read, and written the same", arguments: fields)
    func fieldText(vector: Vector) throws {
        let value = try vector.text("value")
        let serialised = try vector.text("serialized")
        if vector.json["field"]?.string == "Accept-Signature" {
            let asked = try AcceptSignature.all(
                of: .response(status: 401, fields: [.init("Accept-Signature", value)]))
            #expect(asked.count == 1 && asked[0].label == "sig1" && asked[0].wantsCreated && !asked[0].wantsExpires)
            #expect(asked[0].demanded.keyID == "test-key-rsa-pss" && asked[0].demanded.tag == "app-123")
            #expect(
                asked[0].components.map(\.identifier) == [
                    "\"@method\"", "\"@target-uri\"", "\"@authority\"", "\"content-digest\"", "\"cache-control\"",
                ])
            return
        }
        let input = value.hasPrefix("(") ? "sig1=\(value)" : value
        let message = SignableMessage.request(
            method: "GET", target: "/", scheme: "https",
            fields: [
                .init("Host", "a"), .init("Date", "b"), .init("Cache-Control", "c"), .init("Content-Digest", "d"),
                .init("Signature-Input", input), .init("Signature", "sig1=:AA==:"),
            ])
        let signature = try #require(try MessageSignature.all(of: message).first)
        let base = text(try signature.base(of: message))
        #expect(
            base.hasSuffix(
                "\"@signature-params\": " + (serialised.hasPrefix("(") ? serialised : String(serialised.dropFirst(5)))))
    }
}

@Suite("Published RFC 9530 vectors")
struct RFC9530VectorTests {
    static let examples = Vector.all("rfc9530_digests.json", "examples")
    static let samples = Vector.all("rfc9530_digests.json", "samples")
    static let legacy = Vector.all("rfc9530_digests.json", "legacy_rfc3230")

    @Test("the sample values are ours, for the algorithms that are still good", arguments: samples)
    func sampleValue(vector: Vector) throws {
        let body = octets("{\"hello\": \"world\"}")
        let name = try vector.text("algorithm")
        let value = try vector.text("value")
        guard let algorithm = BodyDigest.Algorithm(rawValue: name) else {
            #expect(try vector.text("status") == "Deprecated")
            let message = SignableMessage.response(status: 200, fields: [.init("Content-Digest", "\(name)=:\(value):")])
            expectRefusal(.noDigest) { try BodyDigest.contentDigest.check(body, of: message) }
            return
        }
        #expect(BodyDigest.contentDigest.value(of: body, algorithm) == "\(name)=:\(value):")
    }

    @Test("the older field is checked in the same way", arguments: legacy)
    func olderField(vector: Vector) throws {
        let value = try vector.text("value")
        let body = octets(try vector.text("body"))
        let message = SignableMessage.response(status: 200, fields: [.init("Digest", value)])
        if value.hasPrefix("SHA-") {
            #expect(throws: Never.self) { try BodyDigest.digest.check(body, of: message) }
            #expect(throws: SignatureRefusal.self) { try BodyDigest.digest.check(body + [0x0A], of: message) }
            let algorithm: BodyDigest.Algorithm = value.hasPrefix("SHA-256") ? .sha256 : .sha512
            #expect(BodyDigest.digest.value(of: body, algorithm) == value)
        } else {
            expectRefusal(.noDigest) { try BodyDigest.digest.check(body, of: message) }
        }
    }

    @Test("an example's field is right for the contents that match, and for no others", arguments: examples)
    func exampleField(vector: Vector) throws {
        guard let field = BodyDigest(rawValue: try vector.text("field").lowercased()) else { return }
        let message = SignableMessage.response(status: 200, fields: [.init(field.rawValue, try vector.text("value"))])
        #expect(throws: SignatureRefusal.self) { try field.check(octets("something else"), of: message) }
        // The RFC prints one octet too many in some of them.
        guard !(try vector.text("value")).contains("bDg==:") else {
            expectRefusal(.malformed("\(field.rawValue) is not what it should be")) {
                try field.check(octets("{\"hello\": \"world\"}\n"), of: message)
            }
            return
        }
        let matches = vector.json["content_that_matches"]?.array ?? []
        guard matches.count == 1, let names = matches[0].object?.first?.value.array else { return }
        let printed = vector.json["printed_content"]?.string
        for name in names {
            let body: String?
            switch try #require(name.string) {
            case "empty": body = ""
            case "body": body = printed
            case "body+LF": body = printed.map { $0 + "\n" }
            case let other: body = other
            }
            guard let body else { continue }
            #expect(throws: Never.self, "\(body)") { try field.check(octets(body), of: message) }
        }
    }
}
