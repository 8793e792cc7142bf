import GatehouseOpenCAP
import Testing

@Suite("Aliases")
struct AliasTests {
    @Test(
        "an alias is read in its canonical form",
        arguments: [
            ("alice$example.com", "alice", "example.com"), ("ALICE$Example.COM", "alice", "example.com"),
            ("  alice$example.com\t\r\n", "alice", "example.com"),
            ("\u{A0}alice$example.com\u{2003}", "alice", "example.com"),
            ("alice$example.com.", "alice", "example.com"), (" Alice$EXAMPLE.com. ", "alice", "example.com"),
            ("a$b.c", "a", "b.c"), ("a.b_c-9$x.y", "a.b_c-9", "x.y"), ("-._$x.y", "-._", "x.y"), ("0$1.a", "0", "1.a"),
            ("abcdefghijklmnopqrstuvwxy$x.y", "abcdefghijklmnopqrstuvwxy", "x.y"),
            ("a$xn--bcher-kva.example", "a", "xn--bcher-kva.example"),
        ])
    func canonical(text: String, username: String, domain: String) throws {
        let alias = try Alias(text)
        #expect(alias.username == username && alias.domain == domain)
        #expect(alias.text == "\(username)$\(domain)")
        #expect(alias == (try Alias(username: username.uppercased(), domain: " \(domain).")))
        #expect(try Alias(alias.text) == alias)
    }

    @Test(
        "what is no alias is refused for its own reason",
        arguments: [
            ("", .empty), (" \n", .empty), ("\u{A0}", .empty), ("alice", .noSeparator),
            ("alice@example.com", .noSeparator), ("$", .usernameEmpty),
            ("$example.com", .usernameEmpty), ("alice$", .domainEmpty), ("alice$.", .domainEmpty),
            ("a$b$c.d", .severalSeparators),
            ("alice$$example.com", .severalSeparators), ("al ice$example.com", .usernameCharacters),
            ("alice $example.com", .usernameCharacters),
            ("al+ice$example.com", .usernameCharacters), ("al\0ice$example.com", .usernameCharacters),
            ("a/b$example.com", .usernameCharacters),
            ("alice%$example.com", .usernameCharacters), ("abcdefghijklmnopqrstuvwxyz$x.y", .usernameTooLong),
            ("älice$example.com", .notASCII), ("\u{212A}im$example.com", .notASCII), ("ａlice$example.com", .notASCII),
            ("alice$exämple.com", .notASCII), ("аlice$example.com", .notASCII),
            ("alice\u{200B}$example.com", .notASCII),
            ("alice$ example.com", .domainCharacters), ("alice$example.com:443", .domainCharacters),
            ("alice$exa_mple.com", .domainCharacters),
            ("alice$https://example.com", .domainCharacters), ("alice$[::1]", .domainCharacters),
            ("alice$a.b\0", .domainCharacters),
            ("alice$localhost", .domainSingleLabel), ("alice$example..com", .domainLabel),
            ("alice$.example.com", .domainLabel),
            ("alice$example.com..", .domainLabel), ("alice$-example.com", .domainLabel),
            ("alice$example-.com", .domainLabel),
            ("alice$example.com-", .domainLabel), ("alice$127.0.0.1", .domainIsAddress),
            ("alice$1.2", .domainIsAddress),
            ("alice$example.0x7f", .domainIsAddress), ("alice$example.0X", .domainIsAddress),
        ] as [(String, AliasError.Reason)])
    func refused(text: String, expected: AliasError.Reason) {
        #expect(throws: AliasError(expected)) { try Alias(text) }
    }

    @Test("a domain has labels of at most 63 and at most 253 characters altogether")
    func domainLengths() throws {
        let label = String(repeating: "a", count: 63)
        #expect(try DomainName("\(label).com").text.count == 67)
        #expect(throws: AliasError(.domainLabel)) { try DomainName("a\(label).com") }
        let longest = "\(label).\(label).\(label).\(String(repeating: "b", count: 61))"
        #expect(try DomainName(longest).text.count == 253)
        #expect(try DomainName(longest + ".").text == longest)
        #expect(throws: AliasError(.domainTooLong)) { try DomainName(longest + "b") }
        #expect(try Alias("\(String(repeating: "u", count: 25))$\(longest)").text.count == 279)
    }

    @Test("a megabyte is refused for its length", arguments: ["a", " ", "$", ".", "é"])
    func veryLong(unit: String) {
        let text = String(repeating: unit, count: 1 << 20)
        #expect(throws: AliasError(.tooLong)) { try Alias(text) }
        #expect(throws: AliasError(.domainTooLong)) { try DomainName(text) }
        #expect(throws: AliasError(.usernameTooLong)) { try Alias(username: text, domain: "example.com") }
    }

    @Test("a user name and a domain by themselves follow the same grammar")
    func parts() throws {
        #expect(try Alias(username: " Bob ", domain: "Example.com").text == "bob$example.com")
        #expect(try Alias(username: "bob", domain: DomainName("example.com")).text == "bob$example.com")
        #expect(throws: AliasError(.usernameCharacters)) { try Alias(username: "bob$evil.com", domain: "example.com") }
        #expect(throws: AliasError(.usernameEmpty)) { try Alias(username: " ", domain: "example.com") }
        #expect(throws: AliasError(.domainCharacters)) { try Alias(username: "bob", domain: "a$example.com") }
        #expect(throws: AliasError(.notASCII)) { try Alias(username: "b\u{F6}b", domain: "example.com") }
        #expect(throws: AliasError(.domainNotASCII)) { try DomainName("B\u{FC}cher.test") }
    }

    @Test("aliases that are written differently are one in a set")
    func hashing() throws {
        #expect(try Set(["A$b.c", "a$B.c.", " a$b.c"].map { try Alias($0) }).count == 1)
    }

    @Test("every reason has a sentence of its own")
    func sentences() {
        let sentences = AliasError.Reason.allCases.map { AliasError($0).description }
        #expect(Set(sentences).count == sentences.count)
        #expect(sentences.allSatisfy { $0.hasSuffix(".") && $0.count > 10 })
    }
}
