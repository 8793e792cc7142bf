import Foundation
import GatehouseJSON
import GatehouseMessages
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("Importing from a C3-PRO IDM service", .timeLimit(.minutes(3)))
struct ImportTests {
    /// Everything in the store that an import could touch, as text.
    private func content(_ fixture: Fixture) async throws -> [String] {
        let queries: [Query] = [
            "SELECT email || password_hash || created_at AS line FROM accounts ORDER BY email",
            "SELECT email || role AS line FROM account_roles JOIN accounts ON id = account_id ORDER BY 1",
            """
            SELECT number || sssid || name || bday || members || created_at || changed_at || status AS line
            FROM subjects ORDER BY number
            """,
            """
            SELECT id || subject || issuer || COALESCE(expires_at, '') || COALESCE(sealed_token, '') || changed_at
                || COALESCE(linked_to, '') AS line FROM links ORDER BY id
            """,
            "SELECT id || at || action || object_id AS line FROM audit_events ORDER BY number",
            "SELECT document || object AS line FROM imported_documents ORDER BY document",
        ]
        var lines: [String] = []
        for query in queries { lines += try await fixture.database.rows(query).map { try $0.text("line") } }
        return lines
    }

    @Test(
        "a study comes along whole, whatever the flavour and order of the export",
        arguments: MongoExport.Flavour.allCases)
    func whole(flavour: MongoExport.Flavour) async throws {
        let fixture = try await Fixture()
        let run = try await ImportRun(.study(flavour), into: fixture)
        #expect(run.findings == [])
        #expect(run.summary == "2 users, 3 subjects, 2 links, 5 audits | nothing | nothing | 0")

        // Subjects as they were, with the times of the original.
        let subject = try await fixture.features.subjects.require("SSS-1")
        #expect(
            subject.json.text
                == #"{"sssid":"SSS-1","name":"Peter Muster","bday":"1981-02-03","#
                + #""date_consented":"2026-02-02T08:00:00+01:00","date_enrolled":"2026-03-01T00:00:00Z","#
                + #""weight":70,"email":"new@m.ch","created":"2026-11-21T02:15:02Z","changed":"2026-11-22T02:15:02Z"}"#)
        #expect(subject.createdAt == 1_795_227_302_642_109)
        let found = "SELECT COUNT(*) FROM subject_search WHERE subject_search MATCH '\"muster\"'" as Query
        #expect(try await fixture.count(found) == 3)

        // Links with their identifiers.
        let link = try await fixture.features.links.require(MongoExport.id(10))
        #expect(link.sssid == "SSS-1" && link.linkedTo == "patient-abc" && link.expiresAt == 1_900_000_000)

        // Audits with their own time and actor.
        let audits = try await fixture.features.subjects.audits(of: "SSS-1")
        #expect(audits.map(\.action) == ["create", "[Link] link to patient-abc"])
        #expect(audits.map(\.actor) == ["admin@x.org", nil])
        #expect(audits.map(\.at) == [1_795_227_295_927_646, 1_795_227_295_927_646])
        let others = try await fixture.features.subjects.audits(of: "SSS-2").map(\.actor)
        #expect(others == ["(former user \(MongoExport.id(99)))", "nurse@x.org"])

        // One event for all of it.
        let events = try await fixture.database.rows(
            "SELECT actor, action, object_id FROM audit_events WHERE object_kind = 'import'")
        #expect(events.count == 1)
        #expect(try events[0].text("actor") == "(command line)")
        #expect(
            try events[0].text("action")
                == "import c3-pro: 2 users, 3 subjects, 2 links, 5 audits; SHA-256 of the file \(run.outcome.digest)")
        #expect(try events[0].text("object_id").count == 64)
    }

    @Test("who came along signs in with the old password, which is hashed anew, and is staff or admin")
    func signIn() async throws {
        let fixture = try await Fixture()
        _ = try await ImportRun(.study(.v1), into: fixture)
        for (name, roles) in [("ADMIN@x.org", Set<Role>([.admin, .staff])), ("nurse@x.org", [.staff])] {
            #expect(try await fixture.outcome(name, "Zürich") == "invalid_credentials")
            let token = try await fixture.signIn(name, MongoExport.password)
            #expect(try await fixture.tokens.check(token).account.roles == roles)
        }
        let hashes = try await fixture.database.rows("SELECT password_hash FROM accounts")
        #expect(try hashes.allSatisfy { row throws in try row.text("password_hash").hasPrefix("$argon2id$") })
        #expect(try await fixture.outcome("nurse@x.org", MongoExport.password) == "200")
        // And with the first admin the door for the first admin has closed.
        #expect(try await fixture.features.setUp.standing() == .closed)
    }

    @Test("a token in a participant's hand works here, octet by octet, unless others could have made it")
    func tokens() async throws {
        try await withServer({ _ in }) { server in
            let fixture = server.fixture
            var export = MongoExport.study(.canonical)
            export.link(
                12, of: "SSS-2", secret: MongoExport.weak, token: MongoExport.token(of: 12, secret: MongoExport.weak))
            export.link(13, of: "SSS-2", token: MongoExport.token(of: 13, secret: MongoExport.strong + "x"))
            export.link(14, of: "SSS-2", token: MongoExport.token(of: 14, exp: 1_900_000_001))
            export.link(15, of: "SSS-2", token: MongoExport.token(of: 16))
            // Nobody misses these: one is used, one is over.
            export.link(
                17, of: "SSS-3", secret: MongoExport.weak, token: MongoExport.token(of: 17, secret: MongoExport.weak),
                more: #","linked_to":"x","linked_on":"2026-03-01""#)
            export.link(
                18, of: "SSS-3", secret: MongoExport.weak,
                token: MongoExport.token(of: 18, secret: MongoExport.weak, exp: 1_700_000_000), exp: 1_700_000_000)
            let run = try await ImportRun(export, into: fixture)
            try #require(run.findings.count == 4)
            #expect(run.findings.allSatisfy { $0.contains("is void, since") })
            #expect(run.findings[0].contains("published or below 256 bits"))
            #expect(
                run.findings[1].contains("its signature or its exp")
                    && run.findings[2].contains("its signature or its exp"))
            #expect(run.findings[3].contains("no token of this link"))

            let patient: JSONValue = ["resourceType": "Patient", "identifier": [["value": "p-1"]]]
            func establish(_ token: String) async throws -> Int {
                try await server.send(.post, "/establish", [("Authorization", "Bearer \(token)")], body: patient).status
            }
            #expect(
                try await fixture.features.links.token(of: MongoExport.id(11), for: .server).text
                    == MongoExport.token(of: 11))
            // Others with the same claims are others.
            #expect(try await establish(MongoExport.token(of: 11, secret: MongoExport.weak)) == 403)
            #expect(try await establish(MongoExport.token(of: 11)) == 204)
            #expect(try await establish(MongoExport.token(of: 11)) == 409)
            #expect(try await establish(MongoExport.token(of: 10)) == 409)
            #expect(try await establish(MongoExport.token(of: 12, secret: MongoExport.weak)) == 403)
            // That link is good all the same, with a token of our own.
            let new = try await fixture.features.links.token(of: MongoExport.id(12), for: .server).text
            #expect(try await establish(new) == 204)
        }
    }

    @Test("a second time changes nothing, and brings along what has been mended or added since")
    func again() async throws {
        let fixture = try await Fixture()
        var export = MongoExport.study(.relaxed)
        export.subject(6, "SSS-4", bday: "3.2.1981")
        export.audit(25, of: 6)
        let first = try await ImportRun(export, into: fixture)
        #expect(first.summary == "2 users, 3 subjects, 2 links, 5 audits | nothing | 1 subject, 1 audit | 0")
        let before = try await content(fixture)
        for flavour in MongoExport.Flavour.allCases {
            let run = try await ImportRun(.study(flavour), into: fixture)
            #expect(run.summary == "nothing | 2 users, 3 subjects, 2 links, 5 audits | nothing | 0")
        }
        #expect(try await content(fixture) == before)
        // What was changed or deleted here stays so.
        try await fixture.features.subjects.change("SSS-1", ["sssid": "SSS-1", "name": "Berta"], by: .server)
        try await fixture.accounts.delete(try AccountName("nurse@x.org"))
        var mended = MongoExport.study(.canonical)
        mended.subject(6, "SSS-4")
        mended.audit(25, of: 6)
        let second = try await ImportRun(mended, into: fixture)
        #expect(second.summary == "1 subject, 1 audit | 2 users, 3 subjects, 2 links, 5 audits | nothing | 0")
        #expect(try await fixture.features.subjects.require("SSS-1").name == "Berta")
        #expect(try await fixture.count("SELECT COUNT(*) FROM accounts") == 1)
        #expect(try await fixture.features.subjects.audits(of: "SSS-4").count == 1)
    }

    @Test("a document that is another than the one that came along is reported, and what is here stays")
    func changedThere() async throws {
        let fixture = try await Fixture()
        _ = try await ImportRun(.study(.relaxed), into: fixture)
        var export = MongoExport()
        export.subject(3, "SSS-1", bday: "1981-02-04")
        export.link(19, of: "SSS-1")
        export.audit(30, of: 3, by: 1)
        let run = try await ImportRun(export, into: fixture)
        #expect(run.summary == "1 link, 1 audit | nothing | 1 subject | 0")
        #expect(
            run.findings == [
                "line 1: subject \(MongoExport.id(3)) refused: it has come along before and is another by now; "
                    + "what is here stays as it is"
            ])
        #expect(try await fixture.features.subjects.require("SSS-1").bday.text == "1981-02-03")
        #expect(try await fixture.features.links.list(of: "SSS-1").count == 2)
    }

    @Test("a file that somebody writes to while it is read is told, and nothing of it comes along unseen")
    func changedMeanwhile() async throws {
        let fixture = try await Fixture()
        await #expect(throws: ImportError.self) {
            try await ImportRun(MongoExport.study(.relaxed).octets, into: fixture) { file in
                let text = try String(contentsOf: file, encoding: .utf8)
                try Data(text.replacing("1999-12-31", with: "1999-12-13").utf8).write(to: file)
            }
        }
        #expect(try await fixture.count("SELECT COUNT(*) FROM subjects WHERE bday = '1999-12-13'") == 0)
    }

    @Test("a dry run reports the same and writes nothing")
    func dry() async throws {
        let fixture = try await Fixture()
        var export = MongoExport.study(.array)
        export.user(7, "no address")
        let before = try await content(fixture)
        let dry = try await ImportRun(export, into: fixture, dry: true)
        #expect(try await content(fixture) == before)
        let real = try await ImportRun(export, into: fixture)
        #expect(dry.findings == real.findings && dry.summary == real.summary && dry.findings.count == 1)
        #expect(try await content(fixture) != before)
    }

    @Test("what cannot come along is reported by its line and why, and takes nothing else with it")
    func refused() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "taken@x.org")
        _ = try await fixture.features.subjects.create(
            ["sssid": "TAKEN", "name": "Anna", "bday": "1981-02-03"], by: .server)
        var export = MongoExport()
        var expected: [String] = []
        func line() -> Int { export.lines.count }
        func expect(_ kind: String, _ number: Int?, _ reason: String, _ outcome: String = "refused") {
            let name = number.map { "\(kind) \(MongoExport.id($0))" } ?? kind
            expected.append("line \(line()): \(name) \(outcome): \(reason)")
        }
        let date = "is neither YYYY-MM-DD nor a time of RFC 3339, of the years 1900 to 2100"
        let hash = "its password is no hash of bcrypt ($2a$, $2b$ or $2y$) with a cost from 4 to 14"
        export.user(1, "ok@x.org")
        export.user(2, "OK@x.org"); expect("user", 2, "another user has the same username, at line 1")
        export.user(3, "taken@x.org"); expect("user", 3, "there is an account of this name; it stays as it is")
        export.user(4, "root"); expect("user", 4, "its username is no e-mail address")
        export.user(5, "a@x.org", admin: #""false""#); expect("user", 5, "its member admin is neither true nor false")
        export.user(6, "a@x.org", hash: "secret"); expect("user", 6, hash)
        export.user(7, "a@x.org", hash: MongoExport.hash.replacing("$04$", with: "$31$")); expect("user", 7, hash)
        export.user(8, "b@x.org", more: #","shoe":9,"__v":{}"#)
        expect("user", 8, #"the member "shoe", "__v" stays behind, being unknown"#, "in part")
        export.subject(20, "S-1")
        export.subject(21, "S-1"); expect("subject", 21, "another subject has the same sssid, at line 9")
        export.subject(22, "TAKEN"); expect("subject", 22, "there is a subject with this sssid; it stays as it is")
        export.subject(23, "S/2")
        expect(
            "subject", 23,
            "The `sssid` must have 1 to 64 characters, without `/`, control characters and white space around it")
        export.subject(24, "S-2", bday: "1899-12-31"); expect("subject", 24, "its bday \(date)")
        export.subject(25, "S-3", more: #","date_enrolled":"19800203""#);
        expect("subject", 25, "its date_enrolled \(date)")
        export.subject(26, "S-4", more: #","flag":true,"list":[1]"#)
        expect("subject", 26, #"the member "flag", "list" stays behind, being neither a text nor a number"#, "in part")
        export.add(
            #"{"_id":{"$oid":"\#(MongoExport.id(27))"},"type":"subject","sssid":77,"name":"A","bday":"1981-02-03"}"#)
        expect("subject", 27, #"The member "sssid" must be a string."#)
        export.link(40, of: "S-1")
        export.link(41, of: "NOBODY"); expect("link", 41, "")
        export.link(42, of: "S-2"); expect("link", 42, "")
        export.link(43, of: "TAKEN"); expect("link", 43, "")
        export.link(44, of: "S-1", more: #","linked_system":"x""#);
        expect("link", 44, "it has a linked_system without a linked_to")
        export.link(45, of: "S-1", more: #","withdrawn_on":"soon""#); expect("link", 45, "its withdrawn_on \(date)")
        export.audit(60, of: 20, by: 1)
        export.audit(61, of: 24); expect("audit", 61, "")
        export.audit(62, of: 41); expect("audit", 62, "")
        export.audit(63, of: 99)
        export.add(#"{"_id":{"$oid":"\#(MongoExport.id(64))"},"type":"settings"}"#)
        expect("document", 64, "its type is none of user, subject, link and audit")
        export.add(#"{"type":"user"}"#);
        expect("user", nil, "it has no _id of the form that mongoexport writes, {\"$oid\": …}")
        export.audit(60, of: 20); expect("audit", 60, "another document has its _id, at line 23")
        export.add("[]"); expect("document", nil, "it is an array and no document")
        export.add("{}"); expect("document", nil, "it has no _id of the form that mongoexport writes, {\"$oid\": …}")

        // Found at the end, when all documents are known.
        let late: [(String, Int, String)] = [
            ("link", 41, "its subject neither comes along nor is here"),
            ("link", 42, "its subject neither comes along nor is here"),
            ("link", 43, "its subject neither comes along nor is here"),
            ("audit", 61, "the document that it is about does not come along"),
            ("audit", 62, "the document that it is about does not come along"),
        ]
        expected.removeAll { $0.hasSuffix("refused: ") }
        let run = try await ImportRun(export, into: fixture)
        #expect(Array(run.findings.prefix(expected.count)) == expected)
        let rest = run.findings.dropFirst(expected.count)
        #expect(rest.count == late.count + 1)
        for ((kind, number, reason), finding) in zip(late, rest) {
            #expect(finding.hasSuffix(": \(kind) \(MongoExport.id(number)) refused: \(reason)"), "\(finding)")
        }
        #expect(rest.last?.contains("is kept with the _id of that document") == true)
        #expect(
            run.summary == "2 users, 2 subjects, 1 link, 2 audits | nothing | "
                + "7 users, 6 subjects, 5 links, 3 audits, 3 documents | 3")
        let loose = try await fixture.database.rows("SELECT object_id FROM audit_events WHERE object_kind = 'document'")
        #expect(try loose.map { row throws in try row.text("object_id") } == [MongoExport.id(99)])
        // The report says nothing of what stands in the documents.
        for word in ["Peter", "Muster", "1981", "1899", "x.org", "TAKEN", "S-2"] {
            #expect(!run.findings.contains { $0.contains(word) }, "\(word)")
        }
    }
}

@Suite("Reading an export", .timeLimit(.minutes(3)))
struct DocumentReaderTests {
    private func findings(_ octets: [UInt8]) async throws -> (String, [String]) {
        let run = try await ImportRun(octets, into: try await Fixture(), dry: true)
        return (run.summary, run.findings)
    }

    private let one =
        #"{"_id":{"$oid":"6b0000000000000000000001"},"type":"audit","datetime":"2026-01-01","action":"a","document":"#
        + #"{"$oid":"6b0000000000000000000001"}}"#
    private let two =
        #"{"_id":{"$oid":"6b0000000000000000000002"},"type":"audit","datetime":"2026-01-01","action":"a]},{[\\\"","document":"#
        + #"{"$oid":"6b0000000000000000000001"}}"#

    @Test("byte order marks, CRLF, blank lines and white space make no difference")
    func blanks() async throws {
        for text in [
            "\(one)\n\(two)\n", "\(one)\n\(two)", "\u{FEFF}\(one)\r\n\(two)\r\n", "\n\n  \(one)  \n\t\n\(two)\n\n\n",
            "[\(one),\(two)]", "[\(one),\n\(two)]\n", "\u{FEFF} \r\n[ \(one) ,\r\n\r\n \(two)\r\n]\r\n",
        ] {
            let (summary, _) = try await findings(Array(text.utf8))
            #expect(summary == "2 audits | nothing | nothing | 0", "\(text)")
        }
    }

    @Test("an export without a document is read to its end", arguments: ["", "\n \n", "[]", " [ ] \n", "\u{FEFF}"])
    func empty(text: String) async throws {
        #expect(try await findings(Array(text.utf8)).0 == "nothing | nothing | nothing | 0")
    }

    @Test("a broken line is reported, and those around it come along")
    func brokenLines() async throws {
        let deep = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
        let giant = #"{"a":""# + String(repeating: "x", count: 3 << 20) + #""}"#
        var octets = Array("\(one)\n{\"a\":\(deep)}\n\(giant)\n{\"a\":1,\"a\":2}\n".utf8)
        octets +=
            [UInt8(ascii: "{"), 0x22, 0xC3, 0x28, 0x22] + Array(":1}\n{\"a\":\"\\ud800\"}\n\0\0\0\n{\"_id\":\n".utf8)
        octets += Array("\(two)\n\(one.dropLast(4))".utf8)
        let (summary, found) = try await findings(octets)
        #expect(summary == "2 audits | nothing | 8 documents | 0")
        for (finding, (line, words)) in zip(
            found,
            [
                (2, "nested too deeply"), (3, "more than 1 MiB"), (4, "the member \"a\" twice"), (5, "not valid UTF-8"),
                (6, "half of a surrogate pair"), (7, "malformed"), (8, "incomplete"), (10, "incomplete"),
            ])
        {
            #expect(finding.hasPrefix("line \(line): document refused: ") && finding.contains(words), "\(finding)")
        }
    }

    @Test(
        "a broken array is reported where it breaks, and what stands before it comes along",
        arguments: [
            ("[ONE,TWO", "the file ends before the array does"), ("[ONE,", "the file ends before the array does"),
            ("[ONE TWO]", "the array is broken here"), ("[ONE}TWO]", "the array is broken here"),
            ("[ONE,{\"a\":[1,{\"b\":\"", "ends in the middle of a document"),
            ("[ONE]\nTWO", "something follows the end"),
            ("[ONE,,TWO]", "incomplete"), ("[ONE,{\"a\":1}}]", "broken here"), ("[ONE,7]", "a number and no document"),
        ])
    func brokenArrays(text: String, words: String) async throws {
        let export = text.replacing("ONE", with: one).replacing("TWO", with: two)
        let (summary, found) = try await findings(Array(export.utf8))
        #expect(summary.contains("audit") && found.contains { $0.contains(words) }, "\(summary) \(found)")
    }

    @Test("documents over several lines are not taken for many broken ones")
    func pretty() async throws {
        let (summary, found) = try await findings(
            Array("\(one)\n{\n\t\"_id\": 1,\n\t\"type\": \"user\"\n}\n{\n}\n".utf8))
        #expect(summary == "1 audit | nothing | 1 document | 0")
        #expect(found.count == 1 && found[0].contains("line 2") && found[0].contains("--pretty"))
    }

    @Test("a document on the border of two blocks is whole")
    func borders() async throws {
        for padding in [1 << 18, (1 << 18) - 1, (1 << 18) - one.utf8.count - 1, (1 << 18) - one.utf8.count] {
            let blanks = String(repeating: " ", count: padding)
            for text in ["\(blanks)\(one)\n\(two)", "[\(blanks)\(one),\(blanks)\(two)]"] {
                #expect(try await findings(Array(text.utf8)).0 == "2 audits | nothing | nothing | 0", "\(padding)")
            }
        }
    }

    @Test("all ways of writing a number, a time and octets are one")
    func flavours() throws {
        func normal(_ text: String) throws -> String {
            ExtendedJSON.normal(try JSONValue(parsing: Array(text.utf8))).text
        }
        for (text, expected) in [
            (#"{"$numberInt":"5"}"#, "5"), (#"{"$numberLong":"-5"}"#, "-5"), (#"{"$numberDouble":"1.5"}"#, "1.5"),
            (#"{"$numberDouble":"NaN"}"#, #"{"$numberDouble":"NaN"}"#),
            (#"{"$numberInt":"5x"}"#, #"{"$numberInt":"5x"}"#),
            (#"{"$oid":"6B00AA000000000000000001"}"#, #"{"$oid":"6b00aa000000000000000001"}"#),
            (#"{"$date":"2026-11-21T02:15:02.642Z"}"#, #"{"$date":1795227302642}"#),
            (#"{"$date":"2026-11-21T03:15:02.642+0100"}"#, #"{"$date":1795227302642}"#),
            (#"{"$date":{"$numberLong":"1795227302642"}}"#, #"{"$date":1795227302642}"#),
            (#"{"$date":1795227302642}"#, #"{"$date":1795227302642}"#),
            (#"{"$binary":{"base64":"AQI=","subType":"00"}}"#, #"{"$binary":"AQI=","$type":"00"}"#),
            (#"{"$binary":"AQI=","$type":"0"}"#, #"{"$binary":"AQI=","$type":"00"}"#),
            (#"{"a":[{"$numberInt":"1"},{"b":{"$numberLong":"2"}}]}"#, #"{"a":[1,{"b":2}]}"#),
            (#"{"$regex":"x"}"#, #"{"$regex":"x"}"#),
        ] { #expect(try normal(text) == expected) }
    }
}
