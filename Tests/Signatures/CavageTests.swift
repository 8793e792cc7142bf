import GatehouseCryptography
import Testing

@testable import HTTPSignatures

@Suite("Signatures of draft-cavage")
struct CavageTests {
    static let key = try! SignatureKey(id: "k", secret: octets(String(repeating: "s", count: 32)))
    static let covered = ["(request-target)", "host", "date"]

    static func request(
        _ method: String = "GET", _ target: String = "/a?b=c", _ more: [SignableMessage.Field] = []
    ) -> SignableMessage {
        .request(
            method: method, target: target, scheme: "https",
            fields: [.init("Host", "example.com"), .init("Date", "Sun, 06 Nov 1994 08:49:37 GMT")] + more)
    }

    /// A message with its signature, in one of the two places.
    static func signed(
        _ message: SignableMessage, _ field: String, _ form: CavageSignature.Form = .authorization
    ) -> SignableMessage {
        let line: SignableMessage.Field =
            form == .signature ? .init("Signature", field) : .init("Authorization", "Signature \(field)")
        guard case .request(let method, let target, let scheme, _) = message.start else { return message }
        return .request(
            method: text(method), target: text(target.octets), scheme: text(scheme), fields: message.fields + [line])
    }

    @Test("what was signed verifies, in both places", arguments: CavageSignature.Form.allCases)
    func roundTrip(form: CavageSignature.Form) throws {
        let field = try CavageSignature.sign(Self.request(), covering: Self.covered, with: Self.key)
        let message = Self.signed(Self.request(), field, form)
        let base = try CavageSignature(of: message).verify(message, with: Self.key)
        #expect(
            text(base) == "(request-target): get /a?b=c\nhost: example.com\ndate: Sun, 06 Nov 1994 08:49:37 GMT")
        // The order that everybody can read.
        #expect(
            field.hasPrefix("keyId=\"k\",algorithm=\"hmac-sha256\",headers=\"(request-target) host date\",signature="))
    }

    @Test(
        "parameters are read in all the ways that their grammar allows",
        arguments: [
            "keyId=\"k\",signature=\"AA==\"", "keyid=\"k\",SIGNATURE=\"AA==\"",
            " ,, keyId = \"k\" ,\tsignature=\"AA==\",,",
            "keyId=k,signature=\"AA==\",other=\"a,b=\\\"c\\\\\"", "keyId=\"\\k\",signature=\"AA==\"",
            "keyId=\"k\",signature=\"AA==\",created=1,expires=\"2\"", "keyId=\"k\",signature=\"AA==\",expires=2.5",
        ])
    func read(parameters: String) throws {
        let signature = try CavageSignature(parsing: octets(parameters))
        #expect(signature.keyID == "k" && signature.signature == [0])
        #expect(signature.covered == ["(created)"])
    }

    private static var many: String { (0..<20).map { ",x\($0)=1" }.joined() }
    private static var manyNames: String { (0..<65).map { "x\($0)" }.joined(separator: " ") }

    @Test(
        "what the grammar does not allow is refused",
        arguments: [
            "", "keyId=\"k\"", "signature=\"AA==\"", "keyId=\"\",signature=\"AA==\"", "keyId=\"k\",signature=\"\"",
            "keyId=\"k\" signature=\"AA==\"", "keyId=\"k\",signature=\"AA\"", "keyId=\"k\",signature=\"A A=\"",
            "keyId=\"k\",signature=\"AA==x\"", "keyId=\"k\",signature=\"_w==\"", "keyId=\"k\",signature=AA==",
            "keyId=\"k,signature=\"AA==\"", "keyId=\"k\\", "keyId,signature=\"AA==\"", "=\"k\",signature=\"AA==\"",
            "keyId=\"k\"x,signature=\"AA==\"", "keyId=\"k\u{1}\",signature=\"AA==\"",
            "keyId=\"k\",signature=\"AA==\",created=-1", "keyId=\"k\",signature=\"AA==\",created=1.5",
            "keyId=\"k\",signature=\"AA==\",created=\"1 \"", "keyId=\"k\",signature=\"AA==\",created=1e3",
            "keyId=\"k\",signature=\"AA==\",created=1234567890123456",
            "keyId=\"k\",signature=\"AA==\",created=\"\u{661}\"",
            "keyId=\"k\",signature=\"AA==\",expires=1.", "keyId=\"k\",signature=\"AA==\",expires=.5",
            "keyId=\"k\",signature=\"AA==\",headers=\"\"", "keyId=\"k\",signature=\"AA==\",headers=\"a  b\"",
            "keyId=\"k\",signature=\"AA==\",headers=\"a \"", "keyId=\"k\",signature=\"AA==\",headers=\"a:b\"",
            "keyId=\"k\",signature=\"AA==\",x", "keyId=\"k\",signature=\"AA==\"\(many)",
            "keyId=\"k\",signature=\"AA==\",headers=\"\(manyNames)\"",
        ])
    func malformed(parameters: String) {
        let refusal = #expect(throws: SignatureRefusal.self) { try CavageSignature(parsing: octets(parameters)) }
        guard case .malformed = refusal?.reason else {
            Issue.record("\(parameters): \(String(describing: refusal))")
            return
        }
    }

    @Test(
        "an identifier is written so that it is read again, whatever it has",
        arguments: ["k", "a\"b", "\\", "\\\u{34D}", "é", "a,b=c"])
    func quoting(id: String) throws {
        let field = CavageSignature.field(
            keyID: id, label: nil, created: nil, expires: nil, covered: nil, signature: [0])
        #expect(try CavageSignature(parsing: octets(field)).keyID == id)
    }

    @Test("identifier and label are UTF-8")
    func octetsOfTexts() {
        for (name, reason) in [("keyId", "no keyId"), ("algorithm", "algorithm is no text")] {
            let other = name == "keyId" ? "" : ",keyId=\"k\""
            let parameters = octets("signature=\"AA==\"\(other),\(name)=\"") + [0xFF] + octets("\"")
            expectRefusal(.malformed(reason)) { try CavageSignature(parsing: parameters) }
        }
    }

    @Test(
        "a parameter that is given twice is refused, of any name and in any case",
        arguments: [
            "keyId=\"k\",signature=\"AA==\",keyid=\"l\"", "keyId=\"k\",signature=\"AA==\",signature=\"AA==\"",
            "keyId=\"k\",signature=\"AA==\",headers=\"a\",Headers=\"b\"", "keyId=\"k\",x=1,signature=\"AA==\",X=1",
        ])
    func twice(parameters: String) {
        let refusal = #expect(throws: SignatureRefusal.self) { try CavageSignature(parsing: octets(parameters)) }
        guard case .duplicateParameter = refusal?.reason else {
            Issue.record("\(parameters): \(String(describing: refusal))")
            return
        }
    }

    @Test("a name that is covered twice is refused")
    func coveredTwice() {
        expectRefusal(.duplicateComponent("date")) {
            try CavageSignature(parsing: octets("keyId=\"k\",signature=\"AA==\",headers=\"date host Date\""))
        }
    }

    @Test("without a list, the label says which drafts are meant")
    func defaults() throws {
        let read = { try CavageSignature(parsing: octets("keyId=\"k\",signature=\"AA==\"" + $0)).covered }
        #expect(try read("") == ["(created)"])
        #expect(try read(",algorithm=\"hs2019\"") == ["(created)"])
        #expect(try read(",algorithm=\"HS2019\"") == ["(created)"])
        #expect(try read(",algorithm=\"rsa-sha256\"") == ["date"])
        #expect(try read(",algorithm=\"foo\"") == ["date"])
    }

    @Test("two credentials are refused, and other schemes are none of ours")
    func ambiguous() {
        let line = SignableMessage.Field("Authorization", "Signature keyId=\"k\",signature=\"AA==\"")
        let other = SignableMessage.Field("Signature", "keyId=\"k\",signature=\"AA==\"")
        let message = { (fields: [SignableMessage.Field]) in Self.request("GET", "/", fields) }
        expectRefusal(.ambiguous("two Authorization fields")) { try CavageSignature(of: message([line, line])) }
        expectRefusal(.ambiguous("two Signature fields")) { try CavageSignature(of: message([other, other])) }
        expectRefusal(.ambiguous("a signature in Authorization and one in Signature")) {
            try CavageSignature(of: message([line, other]))
        }
        expectRefusal(.missing) { try CavageSignature(of: message([.init("Authorization", "Bearer x")])) }
        expectRefusal(.missing) { try CavageSignature(of: message([])) }
        #expect(throws: Never.self) {
            try CavageSignature(of: message([.init("Authorization", "sIGNATURE  keyId=\"k\",signature=\"AA==\"")]))
        }
    }

    @Test("a label confirms the key's algorithm or is refused; the key alone decides")
    func labels() throws {
        let field = { (label: String?) throws in
            let base = try SigningString.make(
                [octets("date")], of: Self.request(), label: label, created: nil, expires: nil)
            return CavageSignature.field(
                keyID: "k", label: label, created: nil, expires: nil, covered: ["date"],
                signature: try Self.key.sign(base, .der))
        }
        for label in [nil, "hs2019", "hmac-sha256", "HMAC-SHA256"] {
            let message = Self.signed(Self.request(), try field(label))
            #expect(throws: Never.self) { try CavageSignature(of: message).verify(message, with: Self.key) }
        }
        for label in ["hmac-sha512", "rsa-sha256", "hmac-sha1", "ed25519", "", "foo"] {
            let message = Self.signed(Self.request(), try field(label))
            expectRefusal(.wrongAlgorithm(named: label, key: "hmac-sha256")) {
                try CavageSignature(of: message).verify(message, with: Self.key)
            }
        }
    }

    @Test("an RSA public key is no HMAC secret")
    func confusion() throws {
        let rsa = AsymmetricKey.rsaPrivate(.generate())
        guard case .rsaPrivate(let pair) = rsa else { return }
        let key = try SignatureKey(id: "k", .rsaPublic(pair.publicKey), algorithm: .rsaSHA256)
        let forged = HMACKey(.sha256, secret: pair.publicKey.modulus).code(for: octets("date: x"))
        let message = SignableMessage.request(
            method: "GET", target: "/", scheme: "https",
            fields: [
                .init("Date", "x"),
                .init(
                    "Signature",
                    CavageSignature.field(
                        keyID: "k", label: "hs2019", created: nil, expires: nil, covered: ["date"], signature: forged)),
            ])
        expectRefusal(.badSignature) { try CavageSignature(of: message).verify(message, with: key) }
        #expect(throws: SignatureKeyError.wrongAlgorithm("hmac-sha256")) {
            try SignatureKey(id: "k", rsa, algorithm: .hmacSHA256)
        }
    }

    @Test("times: the newer components are refused beside older labels, and a covered expiry is an integer")
    func times() throws {
        let string = { (parameters: String) throws in
            try CavageSignature(parsing: octets("keyId=\"k\",signature=\"AA==\"," + parameters))
                .signingString(of: Self.request())
        }
        #expect(text(try string("headers=\"(created) (expires)\",created=5,expires=6")) == "(created): 5\n(expires): 6")
        for label in ["rsa-sha256", "hmac-sha256", "ecdsa-sha256", "rsa-foo"] {
            expectRefusal(.unsuitable("(created)", "the algorithm \(label) is older than it")) {
                try string("headers=\"(created)\",created=5,algorithm=\"\(label)\"")
            }
        }
        expectRefusal(.absent("(created)")) { try string("headers=\"(created)\"") }
        expectRefusal(.absent("(expires)")) { try string("headers=\"(expires)\",created=5") }
        expectRefusal(.absent("(expires)")) { try string("headers=\"(expires)\",expires=5.5") }
        expectRefusal(.unknownComponent("(key-id)")) { try string("headers=\"(key-id)\"") }
    }

    @Test("special names come from the message's own parts, never from a field of that spelling")
    func specialNames() throws {
        let fields: [SignableMessage.Field] = [
            .init("(created)", "1"), .init("(request-target)", "get /other"), .init("(foo)", "x"),
        ]
        let string = { (name: String) throws in
            try CavageSignature(parsing: octets("keyId=\"k\",signature=\"AA==\",headers=\"\(name)\""))
                .signingString(of: Self.request("GET", "/a?b=c", fields))
        }
        #expect(text(try string("(request-target)")) == "(request-target): get /a?b=c")
        expectRefusal(.absent("(created)")) { try string("(created)") }
        expectRefusal(.unknownComponent("(foo)")) { try string("(foo)") }
        expectRefusal(.unsuitable("(request-target)", "it is a response")) {
            try CavageSignature(parsing: octets("keyId=\"k\",signature=\"AA==\",headers=\"(request-target)\""))
                .signingString(of: .response(status: 200, fields: []))
        }
    }

    @Test("fields: several lines are joined, folded ones unfolded, octets kept, and what no field can have is refused")
    func values() throws {
        let string = { (fields: [SignableMessage.Field]) throws in
            try CavageSignature(parsing: octets("keyId=\"k\",signature=\"AA==\",headers=\"x\""))
                .signingString(of: .request(method: "GET", target: "/", scheme: "https", fields: fields))
        }
        #expect(text(try string([.init("X", " a "), .init("x", "\tb")])) == "x: a, b")
        #expect(text(try string([.init("X", "")])) == "x: ")
        #expect(text(try string([.init("X", "a \r\n  b\n\tc")])) == "x: a b c")
        #expect(try string([.init("X", octets: [0xE9, 0xFF])]) == octets("x: ") + [0xE9, 0xFF])
        expectRefusal(.absent("x")) { try string([.init("Y", "a")]) }
        for value in ["a\nb", "a\rb", "a\0b", "a\r\nb", "a\r b", "a\r  b"] {
            expectRefusal(.forbiddenOctet("x")) { try string([.init("X", value)]) }
        }
    }

    @Test(
        "the target is signed as it came, its method in lower case",
        arguments: [
            ("/a%20b?c=%2f", "/a%20b?c=%2f"), ("/?", "/?"), ("/a?b?c", "/a?b?c"), ("*", "*"),
            ("https://example.com/a?b", "/a?b"), ("HTTP://example.com", "/"), ("https://example.com?q", "/?q"),
        ])
    func targets(target: String, signed: String) throws {
        let made = try SigningString.make(
            [SigningString.requestTarget], of: Self.request("PoST", target), label: nil, created: nil, expires: nil)
        #expect(text(made) == "(request-target): post \(signed)")
    }

    @Test("ECDSA signatures are DER, and only that")
    func ecdsa() throws {
        let key = try SignatureKey(id: "k", .ecdsaPrivate(.generate(.p256)), algorithm: .ecdsaP256SHA256)
        let field = try CavageSignature.sign(Self.request(), covering: Self.covered, with: key)
        #expect(field.contains("algorithm=\"ecdsa-sha256\""))
        let message = Self.signed(Self.request(), field)
        let signature = try CavageSignature(of: message)
        #expect(signature.signature.first == 0x30)
        #expect(throws: Never.self) { try signature.verify(message, with: key) }
        // Longer by an octet that DER does not have.
        for changed in [signature.signature + [0], [0x30, 0x81] + signature.signature.dropFirst()] {
            let other = Self.signed(
                Self.request(),
                CavageSignature.field(
                    keyID: "k", label: nil, created: nil, expires: nil, covered: Self.covered, signature: changed))
            expectRefusal(.badSignature) { try CavageSignature(of: other).verify(other, with: key) }
        }
    }
}
