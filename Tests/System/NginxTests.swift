import Foundation
import GatehouseJSON
import GatehouseTestSupport
import HTTPSignatures
import Testing

@Suite("nginx that asks Gatehouse about each request (Docs/Examples/nginx)", .timeLimit(.minutes(3)))
struct NginxTests {
    private static let alice = "alice@a.test"
    private static let staff = "staff@a.test"

    /// The example, running, with an application that answers everything.
    private struct Place: Sendable {
        let port: UInt16
        let gatehouse: UInt16
        let app: ScriptedServer
        /// Of the account with the role staff: with the scope, and without.
        let may: SignatureKey
        let mayNot: SignatureKey
        let staffToken: String
        let aliceToken: String

        /// What the application got, since there was nothing.
        func received(_ request: SignedRequest) async throws -> (outcome: String, request: ScriptedServer.Request?) {
            let before = app.requests.count
            let outcome = try await request.send(port: port).outcome
            return (outcome, app.requests.dropFirst(before).first)
        }

        func outcome(_ request: SignedRequest) async throws -> String {
            try await request.send(port: port).outcome
        }
    }

    private func key(_ name: String, in store: TestStore, _ more: String...) async throws -> SignatureKey {
        let add = ["key", "add", "--account", Self.staff, "--id", name] + more
        let made = try JSONValue(parsing: Array(try await store.command(add).output.utf8))
        return try SignatureKey(id: name, secret: Array(try #require(made["secret"]?.string).utf8))
    }

    private func withNginx(_ body: (Place) async throws -> Void) async throws {
        try await withStore { store in
            try await store.addAccount(Self.alice)
            try await store.gatehouse(
                "user", "add", Self.staff, "--staff", "--password-file", "-", input: TestStore.password + "\n")
            let may = try await key("may", in: store, "--scope", "staff")
            let mayNot = try await key("may-not", in: store)
            let server = try await store.start(["--trusted-proxies", "127.0.0.1"])
            let app = try ScriptedServer { _ in .http(200, body: "the application") }
            let site = store.folder.url.appending(path: "site")
            try FileManager.default.createDirectory(at: site, withIntermediateDirectories: true)
            try Data("the site".utf8).write(to: site.appending(path: "index.html"))

            let process = Process()
            process.executableURL = TestFiles.repository.appending(path: "Docs/Examples/nginx/run.sh")
            let port = try ScriptedServer.unusedPort()
            process.arguments = ["127.0.0.1:\(server.port)", site.path, "127.0.0.1:\(app.port)", "\(port)"]
            let output = try store.folder.write("", to: "nginx.out")
            let errors = try store.folder.write("", to: "nginx.log")
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = try FileHandle(forWritingTo: output)
            process.standardError = try FileHandle(forWritingTo: errors)
            let nginx = try await RunningProgram(process, in: store.folder, output: output, errors: errors)
            let result: Result<Void, any Error>
            do {
                try await wait(for: "nginx") {
                    (try? await SignedRequest("GET", "/", now: 0).send(port: port))?.status == 401
                }
                try await body(
                    Place(
                        port: port, gatehouse: server.port, app: app, may: may, mayNot: mayNot,
                        staffToken: try await server.token(Self.staff),
                        aliceToken: try await server.token(Self.alice)))
                result = .success(())
            } catch { result = .failure(error) }
            nginx.send(SIGTERM)
            #expect(try await nginx.end() == 143, "\(nginx.errors)")
            try result.get()
        }
    }

    private static var now: Int64 { Int64(Date.now.timeIntervalSince1970) }

    private static func unsigned(_ method: String = "GET", _ target: String, body: String? = nil) -> SignedRequest {
        SignedRequest(method, target, host: "Site.test:81", body: body, now: now)
    }

    private static func cavage(
        _ method: String = "GET", _ target: String, body: String? = nil, with key: SignatureKey
    ) throws -> SignedRequest {
        var request = unsigned(method, target, body: body)
        try request.signCavage(with: key)
        return request
    }

    private static func message(
        _ method: String = "GET", _ target: String, body: String? = nil, nonce: String? = nil, with key: SignatureKey
    ) throws -> SignedRequest {
        var request = unsigned(method, target, body: body)
        try request.signMessage(
            covering: ["@method", "@target-uri", "@scheme"] + (body == nil ? [] : ["content-digest"]),
            parameters: SignatureParameters(created: now, nonce: nonce), scheme: "http", with: key)
        return request
    }

    private static func bearing(_ token: String, _ target: String, method: String = "GET") -> SignedRequest {
        var request = unsigned(method, target)
        request["Authorization"] = "Bearer \(token)"
        return request
    }

    @Test("signed requests and tokens pass, to the site and to the application, which learns who asks")
    func pass() async throws {
        try await withNginx { place in
            for request in [
                try Self.cavage("GET", "/index.html?a=%20b&a=", with: place.mayNot),
                try Self.message("GET", "/a/../index.html", with: place.mayNot),
                try Self.message("GET", "/", nonce: "once", with: place.mayNot),
                Self.bearing(place.aliceToken, "/"),
            ] {
                let answer = try await request.send(port: place.port)
                #expect(answer.status == 200 && answer.body == "the site", "\(request.text)\n\(answer)")
            }
            for request in [
                try Self.cavage("GET", "/app/a%20b?c=d", with: place.may),
                try Self.message("DELETE", "/app/a%20b?c=d", with: place.may),
                Self.bearing(place.staffToken, "/app/a%20b?c=d", method: "PUT"),
            ] {
                let (outcome, seen) = try await place.received(request)
                #expect(outcome == "200" && seen?.target == "/app/a%20b?c=d", "\(request.text)")
                #expect(seen?.header("X-Auth-Scope") == "staff" && seen?.header("X-Auth-Account") != nil)
                #expect(seen?.header("X-Auth-Content-Digest") == nil)
            }
        }
    }

    @Test("the digest of a signed body reaches the application, and where nobody compares it the request does not pass")
    func bodies() async throws {
        try await withNginx { place in
            let body = #"{"hello": "world"}"#
            let digest = BodyDigest.contentDigest.value(of: Array(body.utf8))
            for sign in [Self.cavage, { try Self.message($0, $1, body: $2, with: $3) }] {
                let request = try sign("POST", "/app/things?a=b", body, place.may)
                let (outcome, seen) = try await place.received(request)
                #expect(outcome == "200" && seen?.bodyText == body && seen?.method == "POST")
                #expect(seen?.header("X-Auth-Content-Digest") == digest)
                #expect(try await place.outcome(request) == "401 signature_invalid", "the same again")
                var changed = try sign("PUT", "/app/things?a=b", body, place.may)
                changed.body = #"{"hello": "World"}"#
                let (_, tampered) = try await place.received(changed)
                #expect(tampered?.bodyText == changed.body && tampered?.header("X-Auth-Content-Digest") == digest)
                #expect(try await place.outcome(sign("POST", "/", body, place.may)) == "403 body_not_compared")
            }
        }
    }

    @Test("no credential, another request than the signed one, and too few scopes are refused")
    func refusals() async throws {
        try await withNginx { place in
            let stranger = try await Self.unsigned("GET", "/").send(port: place.port)
            #expect(stranger.outcome == "401 authentication_required", "\(stranger)")
            let challenge = #"Signature realm="HTTP-Signatures",headers="(request-target) host date""#
            #expect(stranger["WWW-Authenticate"] == [challenge])
            #expect(stranger["Accept-Signature"] == [#"sig1=("@method" "@authority" "@path" "@query");created"#])
            let changes: [(String, (inout SignedRequest) -> Void)] = [
                ("method", { $0.method = "DELETE" }), ("path", { $0.target = "/app/b?c" }),
                ("query", { $0.target += "=" }), ("host", { $0["Host"] = "other.test:81" }),
            ]
            for (what, change) in changes {
                for sign in [Self.cavage, { try Self.message($0, $1, body: $2, with: $3) }] {
                    var request = try sign("GET", "/app/a?c", nil, place.may)
                    change(&request)
                    #expect(try await place.outcome(request) == "401 signature_invalid", "another \(what)")
                }
            }
            var date = try Self.cavage("GET", "/", with: place.may)
            date["Date"] = HTTPDate.text(Self.now - 1)
            #expect(try await place.outcome(date) == "401 signature_invalid")
            #expect(try await place.outcome(Self.bearing(place.aliceToken + "A", "/")) == "401 invalid_token")
            #expect(try await place.outcome(Self.bearing(place.aliceToken, "/app/")) == "403 insufficient_scope")
            let mayNot = try Self.cavage("GET", "/app/", with: place.mayNot)
            #expect(try await place.outcome(mayNot) == "403 insufficient_scope")
            #expect(try await place.outcome(Self.unsigned("GET", "/_gatehouse/anybody")) == "404")
            #expect(place.app.requests.isEmpty)
        }
    }

    @Test("what a client says of itself in the name of a proxy counts for nothing")
    func forgeries() async throws {
        try await withNginx { place in
            let forged = [
                ("X-Original-Method", "GET"), ("X-Original-URI", "/app/a"), ("X-Original-Host", "Site.test:81"),
                ("X-Original-Content-Length", "7"), ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/app/a"),
                ("X-Forwarded-Host", "Site.test:81"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "127.0.0.1"),
                ("Forwarded", "for=127.0.0.1;host=\"Site.test:81\";proto=https"), ("X-Auth-Account", "admin"),
                ("X-Auth-Scope", "admin"), ("X-Auth-Content-Digest", "sha-256=:AAAA:"),
            ]
            #expect(try await place.outcome(Self.cavage("GET", "/app/a", with: place.may)) == "200")
            var one = Self.unsigned("GET", "/app/a")
            one.lines += forged
            #expect(try await place.outcome(one) == "401 authentication_required")
            // Signed for another request, which the forged lines describe.
            for count in 0...forged.count {
                var other = try Self.cavage("GET", "/app/a", with: place.may)
                other.target = "/app/secret"
                other.lines += count == forged.count ? forged : [forged[count]]
                #expect(try await place.outcome(other) == "401 signature_invalid", "\(other.lines)")
            }
            var https = Self.unsigned("GET", "/app/a")
            try https.signMessage(
                covering: ["@method", "@target-uri"], parameters: SignatureParameters(created: Self.now),
                with: place.may)
            https.lines += forged
            #expect(try await place.outcome(https) == "401 signature_invalid", "it came by http")
            let before = place.app.requests.count
            var honest = Self.bearing(place.staffToken, "/app/a")
            honest.lines += forged
            #expect(try await place.outcome(honest) == "200")
            let seen = try #require(place.app.requests.dropFirst(before).first)
            for name in ["x-auth-account", "x-auth-scope", "x-auth-content-digest"] {
                let values = seen.headers.filter { $0.name.lowercased() == name }.map(\.value)
                #expect(values.count == (name == "x-auth-content-digest" ? 0 : 1), "\(name): \(values)")
                #expect(values.first != "admin")
            }

            // Past nginx, from another address than its own.
            var direct = try Self.cavage("GET", "/verify", with: place.may)
            direct.lines += forged
            let answer = try await direct.send(port: place.gatehouse, from: "127.0.0.2")
            #expect(answer.outcome == "403 untrusted_peer")
            #expect(try await direct.send(port: place.gatehouse, from: "127.0.0.1").status != 403)
        }
    }

    @Test("whatever a client sends, it is refused and not failed")
    func oddRequests() async throws {
        try await withNginx { place in
            let long = String(repeating: "a", count: 5000)
            for authorization in [
                "Bearer", "Bearer a b", "Bearer \u{E9}", "Basic YTpi", "Signature", "signature keyId",
                "Signature \(long)",
                "Bearer \(long)", "Nothing of the kind", "\"",
            ] {
                var request = Self.unsigned("GET", "/")
                request["Authorization"] = authorization
                let status = try await request.send(port: place.port).status
                #expect([400, 401, 403].contains(status), "\(status) for \(authorization.prefix(30))")
            }
            for (method, target, host) in [
                ("GET", "/?\(long)", "a.test"), ("GET", "/\(long)?\(long)", "a.test"), ("GET", "/", ""),
                ("GET", "/", "a b"),
                ("GET", "/", "[::1]:x"), ("GET", "/", "a_b.test"), ("FOO", "/", "a.test"),
                ("GET", "http://b.test/", "a.test"),
                ("GET", "/%zz", "a.test"), ("GET", "/é", "é.test"), ("GET", "/", "a.test:99999"),
                ("GET", "/", "a..test."),
                ("GET", "//", "a.test"), ("OPTIONS", "*", "a.test"), ("GET", "/", "a,b"), ("GET", "/", "a%20b"),
            ] {
                var request = Self.unsigned(method, target)
                request["Host"] = host
                let status = try await request.send(port: place.port).status
                #expect(
                    [400, 401, 403, 405, 414].contains(status),
                    "\(status) for \(method) \(target.prefix(30)) at \(host)")
            }
            for field in ["Signature-Input", "Signature", "Digest", "Content-Digest", "Date"] {
                var request = try Self.message("GET", "/", with: place.may)
                request.lines.append((field, "\u{1}\"(,;:"))
                let status = try await request.send(port: place.port).status
                #expect([400, 401, 403].contains(status), "\(status) for \(field)")
            }
            var many = Self.unsigned("GET", "/")
            many.lines += (0..<120).map { ("a\($0)", "b") }
            #expect(try await many.send(port: place.port).status == 403)
            let connection = try RawConnection(port: place.port)
            try connection.send("GET / HTTP/1.0\r\n\r\n")
            #expect(RawAnswer(try await connection.rest()).status == 403)
        }
    }
}
