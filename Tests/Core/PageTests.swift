import Foundation
import GatehouseJSON
import GatehouseMessages
import GatehouseSQLite
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("Pages for people", .timeLimit(.minutes(2)))
struct PageTests {
    static let paths = ["/", "/init", "/iforgot", "/reset", "/reset?k=x"]

    @Test(
        "each page has the header lines that keep it to itself, and neither scripts nor styles in it", arguments: paths)
    func headers(path: String) async throws {
        try await withServer { server async throws in
            let answer = try await server.page(path)
            #expect(answer.status == 200)
            #expect(answer.header("Content-Type") == "text/html; charset=utf-8")
            #expect(
                answer.header("Content-Security-Policy")
                    == "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            )
            #expect(answer.header("Referrer-Policy") == "same-origin")
            #expect(answer.header("Cache-Control") == "no-store")
            #expect(answer.header("X-Content-Type-Options") == "nosniff")
            #expect(answer.text.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
            #expect(!answer.text.contains(#/<script|<style|style=|\son\w+=|javascript:/#))
        }
    }

    @Test("a program that asks for / gets JSON, a browser a page")
    func root() async throws {
        try await withServer { server async throws in
            for accept in [nil, "*/*", "application/json", "application/json, text/html", "text/htmlx"] {
                let answer = try await server.send(.get, "/", accept.map { [("Accept", $0)] } ?? [])
                #expect(String(decoding: answer.body, as: UTF8.self) == #"{"status":"ready"}"#)
                #expect(answer.header("Vary") == "Accept")
            }
            for accept in ["text/html", "text/html,application/xhtml+xml", "TEXT/HTML;q=0.9, */*;q=0.1"] {
                let answer = try await server.send(.get, "/", [("Accept", accept)])
                #expect(answer.text.contains("<h1>This server is ready</h1>"))
                #expect(answer.text.contains("href=\"/iforgot\""))
            }
        }
    }

    @Test("the start page leads to the set-up as long as there is something to set up")
    func links() async throws {
        try await withServer { server async throws in
            #expect(try await server.page("/").text.contains("href=\"/init\""))
            try await server.fixture.anAccount(email: "admin@a.test", roles: [.admin])
            #expect(try await !server.page("/").text.contains("href=\"/init\""))
        }
    }

    @Test("the stylesheet is named after its content, kept for ever under that name, and otherwise asked for again")
    func assets() async throws {
        try await withServer { server async throws in
            let page = try await server.page("/iforgot").text
            for pattern in [#/href="(\/pages\/style\.css\?v=[\w-]+)"/#, #/href="(\/pages\/icon\.svg\?v=[\w-]+)"/#] {
                let url = String(try #require(page.firstMatch(of: pattern)).1)
                let answer = try await server.send(.get, url)
                #expect(answer.status == 200)
                #expect(answer.header("Cache-Control") == "public, max-age=31536000, immutable")
                let tag = try #require(answer.header("ETag"))
                let bare = String(url.prefix { $0 != "?" })
                for other in [bare, bare + "?v=other"] {
                    #expect(try await server.send(.get, other).header("Cache-Control") == "no-cache")
                }
                #expect(try await server.send(.get, bare, [("If-None-Match", tag)]).status == 304)
            }
        }
    }

    @Test("what somebody writes into a form comes back as text, whatever it is")
    func escaping() async throws {
        try await withServer { server async throws in
            for hostile in [
                "\"><script>alert(1)</script>", "'\"&<>", "\"\u{301} autofocus onfocus=\"alert(1)", "<\u{301}b>",
                "{{heading}}",
            ] {
                let answer = try await server.post("/init", [("username", hostile), ("password", "x")])
                let values = answer.text.matches(of: #/value="([^"]*)"/#).map { String($0.1) }
                #expect(values.contains(EscapedHTML().escapeText(hostile)))
                let page = try await server.page("/reset?k=" + PercentEncoding.encode(hostile)).text
                #expect(page.contains("name=\"key\" value=\"\(EscapedHTML().escapeText(hostile))\">"))
            }
            let text = EscapedHTML().escapeText("a\"\u{301}<\u{301}&\u{301}'")
            #expect(text == "a&quot;\u{301}&lt;\u{301}&amp;\u{301}&#39;")
        }
    }

    @Test("a password is never sent back")
    func passwords() async throws {
        try await withServer { server async throws in
            let answer = try await server.post("/init", [("username", "x"), ("password", "geheimnis 77")])
            #expect(!answer.text.contains("geheimnis"))
            let reset = try await server.post(
                "/reset", [("key", "k"), ("pass1", "geheimnis 77"), ("pass2", "geheimnis 78")])
            #expect(!reset.text.contains("geheimnis"))
        }
    }

    @Test("a form that a page of another site sends is refused, one of our own or of a program is not")
    func sites() async throws {
        try await withServer({ $0.publicURL = "https://id.a.test" }) { server async throws in
            let port = server.port
            let foreign: [[(name: String, value: String)]] = [
                [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")], [("Sec-Fetch-Site", "")],
                [("Origin", "https://evil.test")], [("Origin", "null")],
                [("Origin", "http://127.0.0.1:\(port == 1 ? 2 : 1)")], [("Origin", "http://id.a.test.evil.test")],
                [("Origin", "https://id.a.test"), ("Sec-Fetch-Site", "cross-site")],
                [("Origin", "https://evil.test"), ("Sec-Fetch-Site", "same-origin")],
                [("Origin", "ftp://127.0.0.1:\(port)")], [("Origin", "https://id.a.test:444")],
            ]
            let own: [[(name: String, value: String)]] = [
                [], [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")],
                [("Origin", "https://id.a.test")], [("Origin", "http://127.0.0.1:\(port)")],
                [("Origin", "https://127.0.0.1:\(port)")], [("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
                [("Host", "id.a.test"), ("Origin", "https://id.a.test")],
                [("Host", "other.a.test"), ("Origin", "https://other.a.test:443")],
            ]
            for path in ["/init", "/iforgot", "/reset"] {
                for headers in foreign {
                    let answer = try await server.post(path, [], headers)
                    #expect(answer.outcome == "403 cross_site", "\(path) \(headers)")
                    #expect(answer.text.contains("<h1>This is not possible here</h1>"))
                }
                for headers in own {
                    let answer = try await server.post(path, [], headers)
                    #expect(answer.status == 200, "\(path) \(headers)")
                }
            }
        }
    }

    @Test("refusals are a page for a person, and JSON of the IDM for a program")
    func refusals() async throws {
        try await withServer({ $0.resetRequestsPerMinute = 1 }) { server async throws in
            _ = try await server.post("/iforgot", [("username", "a@a.test")])
            let limited = try await server.post("/iforgot", [("username", "a@a.test")])
            #expect(limited.outcome == "429 too_many_reset_requests")
            #expect(Int(limited.header("Retry-After") ?? "") ?? 0 > 0)
            #expect(limited.text.contains("<h1>Too many requests</h1>"))
            #expect(limited.header("Content-Security-Policy") == WebPage.contentSecurityPolicy)
            for (type, body) in [("application/json", "{}"), ("application/x-www-form-urlencoded", "username=%zz")] {
                for accept in ["text/html", "*/*"] {
                    var request = TransferRequest(
                        method: .post, url: server.url + "/iforgot",
                        headers: [("Content-Type", type), ("Accept", accept)])
                    request.body = Array(body.utf8)
                    let answer = try await server.transport.send(request)
                    #expect([400, 415].contains(answer.status))
                    #expect(answer.text.hasPrefix(accept == "text/html" ? "<!DOCTYPE" : "{\"error\":"))
                }
            }
            // Elsewhere a browser gets what everybody gets.
            let elsewhere = try await server.page("/nothing")
            #expect(elsewhere.outcome == "404 not_found")
            #expect(!elsewhere.text.hasPrefix("<"))
        }
    }

    @Test("a store that fails is told to a person in a page")
    func storeFails() async throws {
        let database = try SQLiteDatabase.inMemory()
        try await withServer(on: database) { server async throws in
            await database.close()
            let answer = try await server.page("/init")
            #expect(answer.outcome == "503 store_unavailable")
            #expect(answer.text.contains("<h1>The server is busy</h1>"))
            #expect(answer.header("Retry-After") != nil)
        }
    }

    @Test("the set-up code is asked for unless the request comes from the machine itself, as far as can be seen")
    func local() async throws {
        let direct: [[(name: String, value: String)]] = [
            [], [("Host", "localhost")], [("Host", "LOCALHOST:9096")], [("Host", "127.0.0.2")], [("Host", "[::1]:1")],
        ]
        let other: [[(name: String, value: String)]] = [
            [("Host", "id.a.test")], [("Host", "localhost.a.test")], [("Host", "10.0.0.1")],
            [("X-Forwarded-For", "127.0.0.1")], [("Forwarded", "for=127.0.0.1")], [("Via", "1.1 x")],
            [("X-Real-IP", "127.0.0.1")], [("X-Forwarded-Proto", "http")],
        ]
        try await withServer { server async throws in
            for headers in direct {
                #expect(try await !server.page("/init", headers).text.contains("name=\"code\""), "\(headers)")
            }
            for headers in other {
                #expect(try await server.page("/init", headers).text.contains("name=\"code\""), "\(headers)")
                let answer = try await server.post(
                    "/init", [("username", "a@a.test"), ("password", Fixture.password)], headers)
                #expect(answer.outcome == "403 set_up_code_needed", "\(headers)")
            }
            #expect(try await server.fixture.accounts.list().isEmpty)
        }
        try await withServer({ $0.trustedProxies = [AddressBlock("127.0.0.1")!] }) { server async throws in
            for headers in direct {
                #expect(try await server.page("/init", headers).text.contains("name=\"code\""), "\(headers)")
            }
        }
    }

    @Test("the first admin is made by a form, whether or not admin is ticked, and then the page says that all is ready")
    func setUp() async throws {
        for ticked in [true, false] {
            try await withServer { server async throws in
                for (username, password, message, code) in [
                    ("", Fixture.password, "You must provide a username", "invalid_name"),
                    ("nobody", Fixture.password, "is neither an e-mail address", "invalid_name"),
                    ("a@a.test", "short", "You must provide a password with at least 8 characters", "weak_password"),
                    ("a@a.test", "", "You must provide a password with at least 8 characters", "weak_password"),
                    ("a@a.test", "with\u{0}a nul", "password", "invalid_password"),
                ] {
                    let answer = try await server.post("/init", [("username", username), ("password", password)])
                    #expect(answer.outcome == "200 \(code)")
                    #expect(answer.text.contains(message))
                    #expect(answer.text.contains("class=\"errormessage\""))
                }
                let form =
                    [("username", "A@a.test"), ("password", Fixture.password)] + (ticked ? [("admin", "on")] : [])
                let made = try await server.post("/init", form)
                #expect(made.text.contains("<h1>IDM Ready</h1>"))
                #expect(made.text.contains("Admin users have been created, system is ready."))
                #expect(try await server.fixture.accounts.list().map(\.roles) == [[.admin]])
                #expect(try await server.page("/init").text.contains("<h1>IDM Ready</h1>"))
                let again = try await server.post("/init", [("username", "b@a.test"), ("password", Fixture.password)])
                #expect(again.outcome == "200" && again.text.contains("<h1>IDM Ready</h1>"))
                #expect(try await server.fixture.accounts.list().count == 1)
            }
        }
    }

    @Test("a new password is set by a form that names what is wrong, in this order")
    func reset() async throws {
        try await withServer { server async throws in
            for (key, first, second, message, code) in [
                ("", "x", "y", "no reset key was detected", "missing_reset_key"),
                ("unknown", "x", "y", "Your password reset link is invalid", "invalid_reset_key"),
            ] {
                let answer = try await server.post("/reset", [("key", key), ("pass1", first), ("pass2", second)])
                #expect(answer.outcome == "200 \(code)")
                #expect(answer.text.contains(message))
                #expect(!answer.text.contains("<form"))
                #expect(answer.text.contains("href=\"/iforgot\""))
            }
            #expect(try await server.page("/reset").outcome == "200 missing_reset_key")
            #expect(try await server.page("/reset?k=").outcome == "200 missing_reset_key")
            #expect(try await server.page("/reset?k=1&k=2").outcome == "400 invalid_query")
        }
    }

    @Test("/iforgot says the same to everybody")
    func same() async throws {
        try await withServer { server async throws in
            try await server.fixture.anAccount(email: "known@a.test")
            let answers = [
                try await server.post("/iforgot", [("username", "known@a.test")]),
                try await server.post("/iforgot", [("username", "unknown@a.test")]),
                try await server.post("/iforgot", [("username", "no name at all")]),
            ]
            for answer in answers {
                #expect(answer.outcome == "200")
                #expect(answer.body == answers[0].body)
                #expect(answer.headers.map(\.name) == answers[0].headers.map(\.name))
                #expect(answer.text.contains("A password reset link has been sent to your email address."))
            }
            #expect(try await server.post("/iforgot", [("username", " ")]).outcome == "200 invalid_name")
        }
    }

    @Test("/status tells how the store and mail are, and looks once in ten seconds")
    func status() async throws {
        let database = try SQLiteDatabase.inMemory()
        try await withServer(on: database) { server async throws in
            func text() async throws -> String {
                String(decoding: try await server.send(.get, "/status").body, as: UTF8.self)
            }
            #expect(try await text() == #"{"data":{"db":"ok","mail":"off"}}"#)
            await database.close()
            #expect(try await text() == #"{"data":{"db":"ok","mail":"off"}}"#)
            server.fixture.time.advance(seconds: 10)
            #expect(try await text() == #"{"data":{"db":"unavailable","mail":"off"}}"#)
        }
    }
}

extension RunningServer {
    /// As a browser asks.
    fileprivate func page(
        _ path: String, _ headers: [(name: String, value: String)] = []
    ) async throws -> TransferResponse {
        try await send(.get, path, [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")] + headers)
    }

    /// As a browser sends a form.
    fileprivate func post(
        _ path: String, _ form: [(name: String, value: String)], _ headers: [(name: String, value: String)] = []
    ) async throws -> TransferResponse {
        var request = TransferRequest(
            method: .post, url: url + path,
            headers: [("Accept", "text/html,*/*;q=0.8"), ("Content-Type", "application/x-www-form-urlencoded")]
                + headers)
        request.body = Array(
            form.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&").utf8)
        return try await transport.send(request)
    }
}

extension TransferResponse {
    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
    /// The status with the word of the refusal, such as `403 cross_site`.
    fileprivate var outcome: String { header("Error-Code").map { "\(status) \($0)" } ?? "\(status)" }
}
