import Foundation
import GatehouseClient
import Synchronization
import Testing

/// The SDK at the IDM door: what goes out, and what comes of the answer.
@Suite("A study")
struct StudyTests {
    private static let subject = #"""
        {"sssid":"S/1","name":"Peter Müller","bday":"1981-02-03","date_consented":"2026-02-02T08:00:00+01:00",
        "created":"2026-01-01T00:00:00.123456Z","changed":"2026-01-02T00:00:00Z","phone":"1","weight":1.50,"note":null}
        """#
    private static let link = #"""
        {"_id":"j1","sub":"S1","iss":"https://i.x","aud":"https://i.x/link","algorithm":"EdDSA","created":"2026-01-01T00:00:00Z",
        "exp":1795313705,"linked_to":"patient-abc","linked_system":"https://d.x/","linked_on":"2026-03-01T00:00:00Z"}
        """#

    /// A client that is signed in, and what it sent.
    private func client(
        _ answer: TransportResponse = TransportResponse(status: 204)
    ) throws -> (gatehouse: Gatehouse, transport: ScriptedTransport) {
        let transport = ScriptedTransport { request in
            request.url.hasSuffix("/auth") ? .signedIn(until: 2_000_000_000) : answer
        }
        let gatehouse = try Gatehouse(
            server: "https://id.example.org", credential: alice, signingInAt: .idm, transport: transport,
            retries: RetryPolicy(jitter: { 1 }), clock: TestClock().wall)
        return (gatehouse, transport)
    }

    private func data(_ text: String, status: Int = 200) -> TransportResponse {
        .json(#"{"data":\#(text)}"#, status: status)
    }

    private func last(_ transport: ScriptedTransport) throws -> String {
        let request = try #require(transport.requests.last)
        let target = request.url.replacing("https://id.example.org", with: "")
        return "\(request.method) \(target) \(String(decoding: request.body ?? [], as: UTF8.self))"
    }

    // MARK: Signing in

    @Test("signs in at the IDM's own door, and takes either name of the token")
    func signIn() async throws {
        let transport = ScriptedTransport { request in
            guard request.url.hasSuffix("/auth") else { return .json(#"{"data":[]}"#) }
            let jwt = String(decoding: TransportResponse.signedIn(until: 2_000_000_000).body, as: UTF8.self)
            return .json(jwt.replacing("jwt", with: "access_token"))
        }
        let gatehouse = try Gatehouse(
            server: "https://id.example.org", credential: alice, signingInAt: .idm, transport: transport,
            clock: TestClock().wall)
        #expect(try await gatehouse.subjects.list() == [])
        let first = try #require(transport.requests.first)
        #expect(
            String(decoding: first.body ?? [], as: UTF8.self)
                == #"{"username":"alice$example.org","password":"correct horse battery"}"#)
        #expect(transport.calls == ["POST /auth", "GET /subject?offset=0&perpage=50"])
        #expect(try await gatehouse.storedCredential() != nil)
    }

    @Test("a refusal has the sentence of the IDM door")
    func refusal() async throws {
        let (gatehouse, _) = try client(
            .json(
                #"{"error":{"status":409,"message":"this SSSID is already taken"}}"#, status: 409,
                headers: [("Error-Code", "subject_taken")]))
        let error = await failure { () throws(GatehouseError) in
            try await gatehouse.subjects.create(NewSubject(sssid: "S", name: "N", birthday: "1981-02-03"))
        }
        #expect(error.map { "\($0)" } == "this SSSID is already taken (subject_taken)")
    }

    // MARK: Users

    @Test("users are made, looked at and deleted")
    func users() async throws {
        let (gatehouse, transport) = try client(data(#"{"username":"nurse@x.org","admin":true}"#))
        let made = try await gatehouse.users.create("Nurse@x.org", password: "pass word", isAdmin: true)
        #expect(made.name == "nurse@x.org" && made.isAdmin)
        #expect(try last(transport) == #"POST /user {"username":"Nurse@x.org","password":"pass word","admin":true}"#)
        #expect(try await gatehouse.users.user("nurse@x.org/ü") == made)
        #expect(try last(transport) == "GET /user/nurse%40x.org%2F%C3%BC ")
        try await gatehouse.users.delete("nurse@x.org")
        #expect(try last(transport) == #"DELETE /user {"username":"nurse@x.org"}"#)
    }

    // MARK: Subjects

    @Test("a subject is read with its dates as they were sent and the study's own members")
    func read() async throws {
        let (gatehouse, transport) = try client(data(Self.subject))
        let subject = try await gatehouse.subjects.subject("S 1%")
        #expect(try last(transport) == "GET /subject/S%201%25 ")
        #expect(subject.id == "S/1" && subject.name == "Peter Müller")
        #expect(subject.birthday == .day(1981, 2, 3) && subject.birthday.isDay)
        #expect(subject.birthday.date == Date(timeIntervalSince1970: 350_006_400))
        #expect(subject.consented?.text == "2026-02-02T08:00:00+01:00")
        #expect(subject.consented?.date == Date(timeIntervalSince1970: 1_770_015_600))
        #expect(abs((subject.created.date?.timeIntervalSince1970 ?? 0) - 1_767_225_600.123456) < 0.001)
        #expect(subject.invited == nil && subject.enrolled == nil && subject.withdrawn == nil)
        #expect(subject.members == ["phone": "1", "weight": .number("1.50"), "note": .null])
        #expect(subject.members["weight"]?.double == 1.5 && subject.members["phone"]?.string == "1")
    }

    @Test(
        "what is no date has no moment",
        arguments: [
            "", "yesterday", "1980-13-01", "1980-02-30", "2026-02-02T25:00:00Z", "2026-02-02T23:60:00Z",
            "2026-02-02T23:00",
        ])
    func noDate(text: String) { #expect(StudyDate(text).date == nil) }

    @Test("a subject is made with what is given, and only that")
    func create() async throws {
        let (gatehouse, transport) = try client(data(Self.subject, status: 201))
        try await gatehouse.subjects.create(
            NewSubject(
                sssid: "S1", name: "P", birthday: .day(1981, 2, 3),
                consented: StudyDate(Date(timeIntervalSince1970: 0)),
                members: ["weight": 70.5, "phone": "1", "n": nil, "kids": 2]))
        #expect(
            try last(transport)
                == #"POST /subject {"sssid":"S1","name":"P","bday":"1981-02-03","date_consented":"1970-01-01T00:00:00Z","kids":2,"n":null,"phone":"1","weight":70.5}"#
        )
    }

    @Test("a change names the subject and what changes; null takes a member away")
    func change() async throws {
        let (gatehouse, transport) = try client()
        try await gatehouse.subjects.change(
            "S1", SubjectChange(name: "Q", withdrawn: "2026-01-01", members: ["phone": .null]))
        #expect(
            try last(transport)
                == #"PUT /subject/S1 {"sssid":"S1","name":"Q","date_withdrawn":"2026-01-01","phone":null}"#)
        try await gatehouse.subjects.change("S1", SubjectChange())
        #expect(try last(transport) == #"PUT /subject/S1 {"sssid":"S1"}"#)
    }

    @Test(
        "a study's own member cannot take the place of another", arguments: ["name", "_id", "created", "date_enrolled"])
    func collision(name: String) async throws {
        let (gatehouse, transport) = try client()
        let error = await failure { () throws(GatehouseError) in
            try await gatehouse.subjects.change("S1", SubjectChange(members: [name: "x"]))
        }
        #expect(error == .invalidArgument("A study's own member cannot be called \(name)."))
        #expect(transport.requests.isEmpty)
    }

    @Test("a number that JSON does not know is not sent", arguments: ["", "1,5", "NaN", "0x1", "\"1\"", "{}"])
    func badNumber(text: String) async throws {
        let (gatehouse, transport) = try client()
        let error = await failure { () throws(GatehouseError) in
            try await gatehouse.subjects.change("S1", SubjectChange(members: ["x": .number(text)]))
        }
        guard case .invalidArgument = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(transport.requests.isEmpty)
    }

    @Test(
        "an answer that is no subject is never taken for one",
        arguments: [
            "null", "7", "[]", "{}", #"{"sssid":"S"}"#,
            #"{"sssid":1,"name":"N","bday":"1981-02-03","created":"x","changed":"x"}"#,
            #"{"sssid":"S","name":"N","bday":"1981-02-03","created":"x","changed":"x","more":{}}"#,
            #"{"sssid":"S","name":"N","bday":"1981-02-03","created":"x","changed":"x","more":true}"#,
        ])
    func noSubject(text: String) async throws {
        let (gatehouse, _) = try client(data(text))
        let error = await failure { () throws(GatehouseError) in try await gatehouse.subjects.subject("S") }
        guard case .unexpectedAnswer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    // MARK: Lists

    @Test("a query goes out as the front end writes it")
    func query() async throws {
        let (gatehouse, transport) = try client(data("[]"))
        _ = try await gatehouse.subjects.list(
            SubjectQuery(order: .invited, descending: true, search: "a b&c%", status: .enrolled), offset: 7, count: 3)
        #expect(
            try last(transport)
                == "GET /subject?offset=7&perpage=3&ordercol=date_invited&orderdir=DESC&search=a%20b%26c%25&status=2 ")
        _ = try await gatehouse.subjects.list(SubjectQuery(descending: true, search: "", status: .pending))
        #expect(try last(transport) == "GET /subject?offset=0&perpage=50&orderdir=DESC&search=&status=0 ")
    }

    @Test("all are read, a page when it is needed, and the first one that is not full is the last")
    func pages() async throws {
        let transport = Self.list(of: 7)
        let gatehouse = try Gatehouse.scripted(transport)
        var names: [String] = []
        for try await subject in gatehouse.subjects.all(order: .name, search: "x", pageSize: 3) {
            names.append(subject.sssid)
            if names.count == 1 { #expect(transport.calls.count == 2, "a page is fetched when it is needed") }
        }
        #expect(names == (0..<7).map { "S\($0)" })
        #expect(
            transport.calls.dropFirst() == [
                "GET /subject?offset=0&perpage=3&ordercol=name&orderdir=ASC&search=x",
                "GET /subject?offset=3&perpage=3&ordercol=name&orderdir=ASC&search=x",
                "GET /subject?offset=6&perpage=3&ordercol=name&orderdir=ASC&search=x",
            ])
    }

    @Test("a full last page needs a look at the next; none at all is no subject")
    func ends() async throws {
        for (count, calls) in [(6, 3), (0, 1)] {
            let transport = Self.list(of: count)
            let gatehouse = try Gatehouse.scripted(transport)
            var found = 0
            for try await _ in gatehouse.subjects.all(pageSize: 3) { found += 1 }
            #expect(found == count && transport.calls.count == calls + 1)
        }
    }

    @Test("a page that fails throws where it is read, and cancelling ends the reading")
    func failing() async throws {
        let transport = ScriptedTransport { request in
            request.url.hasSuffix("/auth") ? .signedIn(until: 2_000_000_000) : .refusal(403, code: "insufficient_role")
        }
        let gatehouse = try Gatehouse.scripted(transport)
        let error = await failure { () throws(GatehouseError) in
            for try await _ in gatehouse.subjects.all() { Issue.record("a subject") }
        }
        #expect(error?.code == "insufficient_role")
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return await failure { () throws(GatehouseError) in
                for try await _ in gatehouse.subjects.all() { Issue.record("a subject") }
            }
        }
        #expect(await task.value == .cancelled)
    }

    /// Answers pages of so many subjects.
    private static func list(of count: Int) -> ScriptedTransport {
        ScriptedTransport { request in
            guard let query = request.url.split(separator: "?").dropFirst().first else {
                return .signedIn(until: 2_000_000_000)
            }
            let numbers = query.split(separator: "&").prefix(2).compactMap { Int($0.split(separator: "=")[1]) }
            let page = (0..<count).dropFirst(numbers[0]).prefix(numbers[1]).map {
                #"{"sssid":"S\#($0)","name":"N","bday":"1981-02-03","created":"x","changed":"x"}"#
            }
            return .json(#"{"data":[\#(page.joined(separator: ","))]}"#)
        }
    }

    // MARK: Links

    @Test("links are made without a body, listed, looked at and changed")
    func links() async throws {
        let (gatehouse, transport) = try client(data("[\(Self.link)]", status: 201))
        let made = try await gatehouse.links.create(for: "S 1")
        #expect(try last(transport) == "POST /subject/S%201/links ")
        #expect(
            made.id == "j1" && made.sssid == "S1" && made.linkedTo == "patient-abc" && made.expiresAt == 1_795_313_705)
        #expect(made.linkedOn == "2026-03-01T00:00:00Z" && made.withdrawnOn == nil)
        #expect(try await gatehouse.links.list(of: "S1") == [made])
        let (one, looked) = try client(data(Self.link))
        #expect(try await one.links.link("j1") == made)
        #expect(try last(looked) == "GET /link/j1 ")
        #expect(try await one.links.create(for: "S1") == made, "one link, or a list of one")
        let (changing, changed) = try client()
        try await changing.links.change("j1", linkedTo: "p", linkedSystem: "s", withdrawnOn: "2026-04-01", expiresAt: 9)
        #expect(
            try last(changed)
                == #"PUT /link/j1 {"linked_to":"p","linked_system":"s","withdrawn_on":"2026-04-01","exp":9}"#)
    }

    @Test("a subject without links has none")
    func noLinks() async throws {
        let (gatehouse, _) = try client(data("null"))
        #expect(try await gatehouse.links.list(of: "S1") == [])
    }

    @Test("the link's token comes as it is, and an answer that is none is not taken for one")
    func token() async throws {
        let (gatehouse, transport) = try client(TransportResponse(status: 200, body: Array("e30.e30.c2ln".utf8)))
        #expect(try await gatehouse.links.token("j1").text == "e30.e30.c2ln")
        #expect(try last(transport) == "GET /link/j1/jwt ")
        #expect(transport.requests.last?.header("Accept") == "application/jwt")
        let (wrong, _) = try client(.json("{}"))
        let error = await failure { () throws(GatehouseError) in try await wrong.links.token("j1") }
        #expect(error == .unexpectedAnswer("it is no token"))
    }

    @Test("establishing sends the Patient with the link's token, not with the client's, and only once")
    func establish() async throws {
        let (gatehouse, transport) = try client()
        try await gatehouse.links.establish(
            LinkToken("e30.e30.c2ln"), as: FHIRPatient(identifier: "p\"7", system: "https://d.x/"))
        let request = try #require(transport.requests.last)
        #expect(transport.bearers == ["e30.e30.c2ln"])
        #expect(request.header("Content-Type") == "application/fhir+json")
        #expect(
            try last(transport)
                == #"POST /establish {"resourceType":"Patient","identifier":[{"system":"https://d.x/","value":"p\"7"}]}"#
        )
        let raw = #"{"resourceType":"Patient", "identifier":[{"value":"7"}],"x":1.50}"#
        try await gatehouse.links.establish(LinkToken("a.b.c"), as: FHIRPatient(json: raw))
        #expect(try last(transport) == "POST /establish \(raw)")

        let lost = ScriptedTransport(answers: [
            .failure(TransportFailure(.connectionLost, "gone", mayHaveArrived: true))
        ])
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse.scripted(lost).links.establish(LinkToken("a.b.c"), as: FHIRPatient(identifier: "7"))
        }
        guard case .unreachable(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.mayHaveArrived)
    }

    @Test("what is no Patient is not sent", arguments: ["", "[]", "7", "{}", #"{"resourceType":"Person"}"#, "{"])
    func noPatient(json: String) {
        #expect(throws: GatehouseError.invalidArgument("This is no FHIR Patient in JSON.")) { () throws in
            _ = try FHIRPatient(json: json)
        }
    }

    @Test("audits say what, who and when; a stranger has no name")
    func audits() async throws {
        let (gatehouse, transport) = try client(
            data(
                #"[{"action":"create","actor":"n@x","datetime":"2026-01-01T00:00:00Z"},{"action":"[Link] link to p","datetime":"2026-01-02T00:00:00Z"}]"#
            ))
        let audits = try await gatehouse.subjects.audits(of: "S1")
        #expect(try last(transport) == "GET /subject/S1/audits ")
        #expect(audits.map(\.action) == ["create", "[Link] link to p"])
        #expect(audits.map(\.actor) == ["n@x", nil] && audits[0].at == "2026-01-01T00:00:00Z")
    }

    // MARK: Resetting a password

    @Test("a reset is asked for and confirmed with forms, without a credential")
    func reset() async throws {
        let (gatehouse, transport) = try client(TransportResponse(status: 200, body: Array("<p>".utf8)))
        try await gatehouse.passwordReset.request(for: "nurse@x.org")
        #expect(try last(transport) == "POST /iforgot username=nurse%40x.org")
        try await gatehouse.passwordReset.confirm(key: "k-1", new: "a b&c ü")
        #expect(try last(transport) == "POST /reset key=k-1&pass1=a%20b%26c%20%C3%BC&pass2=a%20b%26c%20%C3%BC")
        #expect(transport.bearers == [nil, nil])
        #expect(transport.requests.allSatisfy { $0.header("Content-Type") == "application/x-www-form-urlencoded" })
    }

    @Test("a page that says why the password was not set is a refusal, whatever its status")
    func resetRefused() async throws {
        let (gatehouse, _) = try client(
            TransportResponse(status: 200, headers: [("Error-Code", "expired_reset_key")], body: Array("<p>".utf8)))
        let error = await failure { () throws(GatehouseError) in
            try await gatehouse.passwordReset.confirm(key: "k", new: "a long password")
        }
        #expect(error?.code == "expired_reset_key" && error?.status == 200)
    }

    // MARK: Nothing is printed

    @Test("nothing about a subject is printed or dumped")
    func nothingPrinted() async throws {
        let (gatehouse, _) = try client(data(Self.subject))
        let subject = try await gatehouse.subjects.subject("S1")
        let (linked, _) = try client(data(Self.link))
        let link = try await linked.links.link("j1")
        let (logged, _) = try client(data(#"[{"action":"name: \"Müller\"","datetime":"1981-02-03"}]"#))
        let new = NewSubject(sssid: "S/1", name: "Müller", birthday: "1981-02-03", members: ["phone": "patient-abc"])
        let change = SubjectChange(name: "Müller", birthday: "1981-02-03", members: ["phone": "patient-abc"])
        let things: [any Sendable] = [
            subject, [subject], link, new, change, subject.birthday, ["phone": StudyValue.string("Müller")],
            StudyValue.number("1981-02-03"), SubjectQuery(search: "Müller"),
            gatehouse.subjects.all(search: "Müller"), LinkToken("Müller"), FHIRPatient(identifier: "patient-abc"),
            try await logged.subjects.audits(of: "S1"),
        ]
        for thing in things {
            var dumped = ""
            dump(thing, to: &dumped)
            for text in ["\(thing)", String(reflecting: thing), dumped] {
                for secret in ["Müller", "1981-02-03", "patient-abc", "S/1", "1.50"] {
                    #expect(!text.contains(secret), "\(text)")
                }
            }
        }
    }
}
