import Foundation
import GatehouseJSON
import GatehouseRunner
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("Pages of a whole server", .timeLimit(.minutes(5)))
struct PasswordPageTests {
    // MARK: The first admin

    @Test("of a hundred requests at once to two servers on one store one makes an admin")
    func race() async throws {
        try await withStore { store in
            let servers = [try await store.start(), try await store.start()]
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<100 {
                    group.addTask {
                        let answer = try await servers[index % 2].post(
                            "/init", ["username": "admin\(index)@a.test", "password": TestStore.password])
                        return answer.text.contains("IDM Ready") ? "ready" : "\(answer.outcome) \(answer.text)"
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(answers == ["ready": 100])
            let accounts = try await store.gatehouse("user", "list", "--json")
            let list = try JSONValue(parsing: Array(accounts.utf8)).array ?? []
            #expect(list.count == 1)
            #expect(list.first?["roles"]?.array?.compactMap(\.string) == ["admin"])
        }
    }

    @Test("serve prints a set-up code while there is no admin, and the page asks for it from elsewhere")
    func code() async throws {
        try await withStore { store in
            let server = try await store.start()
            #expect(server.output == "Gatehouse is ready at \(server.url)\n")
            let code = try #require(server.log.firstMatch(of: #/set-up code ([a-z2-9-]+)/#).map { String($0.1) })
            let form = ["username": "admin@a.test", "password": TestStore.password]
            let fromElsewhere = [("X-Forwarded-For", "192.0.2.1")]
            #expect(try await server.post("/init", form, fromElsewhere).outcome == "403 set_up_code_needed")
            let wrong = form.merging(["code": String(code.reversed())]) { $1 }
            #expect(try await server.post("/init", wrong, fromElsewhere).outcome == "403 set_up_code_needed")
            let right = form.merging(["code": code]) { $1 }
            #expect(try await server.post("/init", right, fromElsewhere).text.contains("IDM Ready"))
            #expect(try await server.signIn("admin@a.test").status == 200)
            let second = try await store.start()
            #expect(!second.log.contains("set-up code"))
        }
    }

    @Test("init --reopen prints a code, alone, which lets one more admin be made beside a running server")
    func reopen() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let server = try await store.start()
            #expect(try await server.post("/init", [:]).text.contains("IDM Ready"))
            let code = try await store.gatehouse("init", "--reopen")
            #expect(code.wholeMatch(of: #/[a-z2-9-]+/#) != nil)
            let form = ["username": "second@a.test", "password": TestStore.password]
            #expect(try await server.post("/init", form).outcome == "403 set_up_code_needed")
            let right = form.merging(["code": code]) { $1 }
            #expect(try await server.post("/init", right).text.contains("IDM Ready"))
            #expect(try await server.signIn("second@a.test").status == 200)
            for arguments in [["init"], ["init", "--reopen", "--username", "a@a.test"]] {
                #expect(try await store.command(arguments).code == 2)
            }
        }
    }

    @Test("the suite's server cannot show an open /init, so here: with the fault init-makes-no-admin it stays open")
    func initFault() async throws {
        try await withStore { store in
            let server = try await store.start(["--fault", "init-makes-no-admin"])
            let form = ["username": "admin@a.test", "password": TestStore.password]
            _ = try await server.post("/init", form)
            let accounts = try await store.gatehouse("user", "list", "--json")
            let list = try JSONValue(parsing: Array(accounts.utf8)).array ?? []
            #expect(list.first?["roles"]?.array?.isEmpty == true)
            #expect(try await !server.send(.get, "/init").text.contains("IDM Ready"))
        }
    }

    // MARK: A forgotten password

    @Test("the link begins with the public URL, whatever the request says")
    func link() async throws {
        try await withMail { store, sink in
            try await store.addAccount("nurse@a.test")
            let server = try await store.start(Self.mailFlags(sink) + ["--public-url", "https://id.a.test"])
            for (index, hostile) in Self.hostile.enumerated() {
                let name = "nurse\(index)@a.test"
                try await store.addAccount(name)
                #expect(try await server.post("/iforgot", ["username": name], hostile).status == 200)
                let mail = try #require(try await sink.take(to: name, within: .seconds(20)))
                #expect(mail.text?.contains("https://id.a.test/reset?k=") == true)
                #expect(mail.text?.contains("evil.test") == false)
                #expect(mail.html?.contains("evil.test") == false)
            }
        }
    }

    @Test("with the fault reset-link-from-host the link does not")
    func linkFault() async throws {
        try await withMail { store, sink in
            try await store.addAccount("nurse@a.test")
            let server = try await store.start(
                Self.mailFlags(sink) + ["--public-url", "https://id.a.test", "--fault", "reset-link-from-host"])
            _ = try await server.post("/iforgot", ["username": "nurse@a.test"], [("Host", "evil.test")])
            let mail = try #require(try await sink.take(to: "nurse@a.test", within: .seconds(20)))
            #expect(mail.text?.contains("http://evil.test/reset?k=") == true)
        }
    }

    @Test("the mailed link sets a password once, and ends what was signed in")
    func mailed() async throws {
        try await withMail { store, sink in
            try await store.addAccount("nurse@a.test")
            let server = try await store.start(Self.mailFlags(sink) + ["--public-url", "https://id.a.test"])
            let refreshable = try await server.logIn("nurse@a.test", refreshToken: true).json?["refresh_token"]?.string
            let refreshToken = try #require(refreshable)
            let form = try await Self.form(of: "nurse@a.test", at: server, sink)
            let key = form["key"] ?? ""
            #expect(try await server.post("/reset", form).text.contains("Your password has been set"))
            #expect(try await server.renew(refreshToken).status == 401)
            #expect(try await server.signIn("nurse@a.test").outcome == "401 invalid_credentials")
            #expect(try await server.signIn("nurse@a.test", "another quiet harbour 8").status == 200)
            #expect(try await server.post("/reset", form).outcome == "200 invalid_reset_key")
            #expect(!server.log.contains(key))
        }
    }

    @Test("with the fault reset-keeps-sessions who was signed in stays so")
    func sessionsFault() async throws {
        try await withMail { store, sink in
            try await store.addAccount("nurse@a.test")
            let server = try await store.start(
                Self.mailFlags(sink) + ["--public-url", "https://id.a.test", "--fault", "reset-keeps-sessions"])
            let refreshable = try await server.logIn("nurse@a.test", refreshToken: true).json?["refresh_token"]?.string
            let refreshToken = try #require(refreshable)
            let form = try await Self.form(of: "nurse@a.test", at: server, sink)
            #expect(try await server.post("/reset", form).text.contains("Your password has been set"))
            #expect(try await server.renew(refreshToken).status == 200)
        }
    }

    @Test("/iforgot takes as long for a name that nobody has")
    func timedForgot() async throws {
        try await withMail { store, sink in
            try await store.addAccount("nurse@a.test")
            let server = try await store.start(
                Self.mailFlags(sink) + ["--public-url", "https://id.a.test", "--test-limits"])
            try await Interleaved.compare("POST /iforgot") { isKnown in
                _ = try await server.post("/iforgot", ["username": isKnown ? "nurse@a.test" : "other@a.test"])
            }
            #expect(try await sink.take(to: "nurse@a.test", within: .seconds(20)) != nil)
        }
    }

    // MARK: Parts

    private static let hostile: [[(String, String)]] = [
        [("Host", "evil.test")], [("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "http")],
        [("Forwarded", "host=evil.test;proto=http")], [("Referer", "https://evil.test/iforgot")],
        [("Host", "evil.test"), ("Origin", "http://evil.test")],
    ]

    private static func mailFlags(_ sink: MailSink) -> [String] {
        [
            "--mail-server", "smtp://\(sink.host):\(sink.port)", "--mail-tls", "none", "--mail-from",
            "no-reply@id.a.test",
        ]
    }

    /// Asks for a link, and fills its form in with the key of the mail.
    private static func form(of name: String, at server: ServerProcess, _ sink: MailSink) async throws -> [String:
        String]
    {
        _ = try await server.post("/iforgot", ["username": name.uppercased()])
        let mail = try #require(try await sink.take(to: name, within: .seconds(20)))
        let key = try #require(mail.text?.firstMatch(of: #/k=([\w-]+)/#).map { String($0.1) })
        return ["key": key, "pass1": "another quiet harbour 8", "pass2": "another quiet harbour 8"]
    }

    private func withMail(_ body: (TestStore, MailSink) async throws -> Void) async throws {
        let sink = try MailSink(at: "127.0.0.1:0")
        defer { sink.stop() }
        try await withStore { store in try await body(store, sink) }
    }
}

/// Two kinds of request in turn, so that whatever else the machine does meets both.
enum Interleaved {
    static let samples = 500
    /// Of the smaller median.
    static let tolerance = 0.05

    /// Medians that differ by more are measured again, twice at most: once in a while a machine does something else.
    static func compare(_ what: String, _ send: (_ isKnown: Bool) async throws -> Void) async throws {
        var difference = 1.0
        for round in 1...3 where difference > tolerance {
            var times: [Bool: [Double]] = [:]
            for index in -10..<samples {
                // In either order, so that neither kind always follows the other.
                for isKnown in [true, false].shuffled() {
                    let begun = ContinuousClock.now
                    try await send(isKnown)
                    // The first ones open connections and fill caches.
                    guard index >= 0 else { continue }
                    times[isKnown, default: []].append((ContinuousClock.now - begun) / .milliseconds(1))
                }
            }
            let (known, unknown) = (median(times[true] ?? []), median(times[false] ?? []))
            difference = abs(known - unknown) / min(known, unknown)
            print(
                "\(what), round \(round): known \(known.formatted(.number.precision(.fractionLength(3)))) ms, "
                    + "unknown \(unknown.formatted(.number.precision(.fractionLength(3)))) ms, "
                    + "\((difference * 100).formatted(.number.precision(.fractionLength(1)))) % apart, "
                    + "medians of \(samples) each")
        }
        #expect(difference <= tolerance)
    }

    private static func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }
}

extension ServerProcess {
    /// As a program sends a form.
    func post(
        _ path: String, _ form: [String: String], _ headers: [(name: String, value: String)] = []
    ) async throws -> TransferResponse {
        try await send(.post, path) { request in
            request.headers = [("Content-Type", "application/x-www-form-urlencoded")] + headers
            let allowed = CharacterSet.alphanumerics
            let pairs = form.map { name, value in
                "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")"
            }
            request.body = Array(pairs.joined(separator: "&").utf8)
        }
    }
}

extension TransferResponse {
    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}
