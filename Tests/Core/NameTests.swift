import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import Testing

@testable import GatehouseCore

@Suite("Names and addresses")
struct NameTests {
    static let same: [(one: String, other: String)] = [
        ("alice@example.com", " Alice@EXAMPLE.com\n"),
        ("j\u{F6}rg@example.com", "jo\u{308}rg@example.com"),
        ("J\u{D6}RG@example.com", "jo\u{308}rg@EXAMPLE.COM"),
        ("\u{1E9B}\u{323}@example.com", "\u{17F}\u{323}\u{307}@example.com"),
        ("alice$example.com", "\tALICE$Example.COM. "),
    ]

    @Test("all spellings of a name are one name", arguments: same)
    func canonical(one: String, other: String) throws {
        let (one, other) = (try AccountName(one), try AccountName(other))
        #expect(one == other)
        // Compared in the store, and so octet by octet.
        #expect(Array(one.description.utf8) == Array(other.description.utf8))
    }

    @Test("the canonical form is its own", arguments: same)
    func stable(one: String, other: String) throws {
        let name = try AccountName(other)
        #expect(Array(try AccountName(name.description).description.utf8) == Array(name.description.utf8))
    }

    static let different: [(one: String, other: String)] = [
        ("alice@example.com", "alicia@example.com"), ("alice@example.com", "alice@example.org"),
        ("alice@example.com", "alice$example.com"), ("alice+1@example.com", "alice@example.com"),
        ("a.lice@example.com", "alice@example.com"), ("stra\u{DF}e@example.com", "strasse@example.com"),
        ("alice@example.com", "\u{430}lice@example.com"),
    ]

    @Test("names that differ in more than their spelling are two", arguments: different)
    func distinct(one: String, other: String) throws { #expect(try AccountName(one) != AccountName(other)) }

    static let refused = [
        "", " ", "alice", "@example.com", "alice@", "alice@example", "a@b@example.com", "al ice@example.com",
        ".alice@example.com", "alice.@example.com", "al..ice@example.com", "\"alice\"@example.com",
        "al(i)ce@example.com",
        "alice@exa mple.com", "alice@-example.com", "alice@[127.0.0.1]", "alice@127.0.0.1", "al\u{0}ice@example.com",
        "al\u{A0}ice@example.com", "alice$", "$example.com", "alice$example", "alice$a$example.com",
        "\u{E4}lice$example.com", "alice@ex\u{E4}mple.com", "<alice@example.com>", "alice$example.com@example.com",
        String(repeating: "a", count: 65) + "@example.com", "al\u{9B}ice@example.com", "alice\u{202E}@example.com",
        "al\u{200B}ice@example.com", "alice\u{2028}@example.com",
    ]

    @Test("what is neither an e-mail address nor an alias is refused", arguments: refused)
    func refusal(text: String) { #expect(throws: InvalidName.self) { _ = try AccountName(text) } }

    @Test("a local part has 64 octets at most and an address 254")
    func lengths() throws {
        _ = try EmailAddress(String(repeating: "a", count: 64) + "@example.com")
        let label = String(repeating: "b", count: 62)
        let domain = [label, label, label].joined(separator: ".") + ".test"
        _ = try EmailAddress(String(repeating: "a", count: 253 - domain.count) + "@" + domain)
        #expect(throws: InvalidName.self) {
            try EmailAddress(String(repeating: "a", count: 254 - domain.count) + "@" + domain)
        }
    }

    @Test("a pile of combining marks is refused without being sorted")
    func timedCombiningMarks() throws {
        let marks = String(repeating: "\u{345}", count: 15_000) + String(repeating: "\u{301}", count: 15_000)
        let start = ContinuousClock.now
        for _ in 0..<20 { #expect(throws: InvalidName.self) { try EmailAddress("a\(marks)@example.com") } }
        #expect(start.duration(to: .now) < .seconds(1))
    }

    // MARK: Payment addresses

    private static let p2pkh = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"

    private func code(_ json: String) throws -> String? {
        let value = try JSONValue(parsing: Array(json.utf8))
        do {
            _ = try GatehouseCore.PaymentAddress(value, faults: Faults())
            return nil
        } catch {
            return error.code
        }
    }

    static let bodies: [(json: String, code: String?)] = [
        (#"{"address_type":100,"address":"\#(p2pkh)"}"#, nil),
        (#"{"address_type":1e2,"address":"\#(p2pkh)"}"#, nil),
        (#"{"address_type":100.0,"address":"\#(p2pkh)","extensions":{}}"#, nil),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":{"avatar":"https://a.test/x.png"}}"#, nil),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":{"avatar":"http://a.test/"}}"#, "invalid_extensions"),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":{"avatar":"https:///x"}}"#, "invalid_extensions"),
        (
            #"{"address_type":100,"address":"\#(p2pkh)","extensions":{"avatar":"https://u@a.test/"}}"#,
            "invalid_extensions"
        ),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":{"avatar":1}}"#, "invalid_extensions"),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":{"nickname":null}}"#, "invalid_extensions"),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":[]}"#, "wrong_type"),
        (#"{"address_type":100,"address":"\#(p2pkh)","extensions":null}"#, "wrong_type"),
        (#"{"address_type":100.5,"address":"\#(p2pkh)"}"#, "wrong_type"),
        (#"{"address_type":"100","address":"\#(p2pkh)"}"#, "wrong_type"),
        (#"{"address_type":104,"address":"\#(p2pkh)"}"#, "invalid_address_type"),
        (#"{"address_type":-100,"address":"\#(p2pkh)"}"#, "invalid_address_type"),
        (#"{"address_type":101,"address":"\#(p2pkh)"}"#, "invalid_address"),
        (#"{"address_type":100,"address":" \#(p2pkh)"}"#, "invalid_address"),
        (#"{"address_type":100,"address":""}"#, "invalid_address"),
        (#"{"address_type":100,"address":7}"#, "wrong_type"),
        (#"{"address_type":100}"#, "missing_member"),
        (#"{"address":"\#(p2pkh)"}"#, "missing_member"),
        ("{}", "missing_member"),
    ]

    @Test("a payment address is taken or refused for what is wrong with it", arguments: bodies)
    func paymentAddress(json: String, code expected: String?) throws { #expect(try code(json) == expected) }

    @Test("extensions have 4096 octets at most, written without white space")
    func largeExtensions() throws {
        // {"n":"…"} has 8 octets besides the text.
        func body(_ size: Int) -> String {
            #"{"address_type":100,"address":"\#(Self.p2pkh)","extensions":{ "n" : "\#(String(repeating: "x", count: size - 8))" }}"#
        }
        #expect(try code(body(4096)) == nil)
        #expect(try code(body(4097)) == "invalid_extensions")
    }
}
