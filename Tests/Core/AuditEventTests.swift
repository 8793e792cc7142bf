import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Testing
import WebTokens

@testable import GatehouseCore

@Suite("Which change writes what into the audit log", .timeLimit(.minutes(2)))
struct AuditEventTests {
    /// One request on a small world, and all that it leaves in the audit log.
    struct Case: Sendable, CustomTestStringConvertible {
        let method: HTTPRequest.Method
        /// With `{bob}` for an account's identifier, and so on; see `World`.
        let path: String
        let caller: String?
        let body: JSONValue?
        let status: Int
        /// `kind action`, with the same placeholders; nil for none.
        let event: String?

        init(
            _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue, by caller: String? = "admin@a.test",
            _ status: Int, _ event: String? = nil
        ) {
            (self.method, self.path, self.body) = (method, path, body)
            (self.caller, self.status, self.event) = (caller, status, event)
        }

        init(
            _ method: HTTPRequest.Method, _ path: String, by caller: String? = "admin@a.test", _ status: Int,
            _ event: String? = nil
        ) {
            (self.method, self.path, body) = (method, path, nil)
            (self.caller, self.status, self.event) = (caller, status, event)
        }

        var testDescription: String { "\(method) \(path) by \(caller ?? "nobody"): \(status)" }
    }

    private static let address = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
    private static let other = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    private static let alice = "alice$a.test"
    private static let new: JSONValue = ["email": "new@a.test", "password": "a fresh harbour 9", "roles": ["staff"]]
    private static let carol: JSONValue = ["alias": "carol$a.test", "password": "a fresh harbour 9"]

    static let cases: [Case] = [
        Case(.post, "/api/accounts", new, 201, "account create: new@a.test; roles: staff"),
        Case(.post, "/api/accounts", ["email": "bob@a.test", "password": "a fresh harbour 9"], 409),
        Case(.post, "/api/accounts", new, by: "bob@a.test", 403),
        Case(.patch, "/api/accounts/{bob}", ["roles": ["staff"]], 204, "account roles: staff"),
        Case(
            .patch, "/api/accounts/{bob}", ["roles": ["staff"], "disabled": true, "password": "a fresh harbour 9"], 204,
            "account roles: staff; disable; set password"),
        Case(.patch, "/api/accounts/{bob}", ["roles": [], "disabled": false], 204),
        Case(.patch, "/api/accounts/{bob}", [:], 204),
        Case(.patch, "/api/accounts/{disabled}", ["disabled": false], 204, "account enable"),
        Case(.patch, "/api/accounts/{disabled}", ["disabled": true], 204),
        Case(.patch, "/api/accounts/{admin}", ["password": "a fresh harbour 9", "disabled": true], 409),
        Case(.patch, "/api/accounts/nobody", ["disabled": true], 404),
        Case(.delete, "/api/accounts/{bob}", 204, "account delete: bob@a.test"),
        Case(.delete, "/api/accounts/{admin}", 409),
        Case(.delete, "/api/accounts/nobody", 404),
        Case(
            .post, "/api/password", ["old": .string(Fixture.password), "new": "a fresh harbour 9"], by: "bob@a.test",
            204, "account change password"),
        Case(.post, "/api/password", ["old": "wrong", "new": "a fresh harbour 9"], by: "bob@a.test", 401),

        Case(.post, "/v1/users", carol, 200, "account create: carol$a.test"),
        Case(.post, "/v1/users", carol, by: "secret", 200, "account create: carol$a.test"),
        Case(.post, "/v1/users", carol, by: "bob@a.test", 403),
        Case(.post, "/v1/users", ["alias": .string(alice), "password": "a fresh harbour 9"], 409),
        Case(.delete, "/v1/users", by: alice, 200, "account delete: alice$a.test"),
        Case(.delete, "/v1/users?alias=both$a.test", 200, "account delete alias: both$a.test"),
        Case(.delete, "/v1/users?alias=carol$a.test", 404),
        Case(.delete, "/v1/users?alias=alice$a.test", by: "bob@a.test", 403),

        Case(
            .put, "/v1/addresses", ["address_type": 100, "address": .string(other)], by: alice, 200,
            "address set 100: \(other)"),
        Case(
            .put, "/v1/addresses", ["address_type": 100, "address": .string(address), "extensions": ["a": 1]],
            by: alice, 200, "address set 100: \(address)"),
        Case(.put, "/v1/addresses", ["address_type": 100, "address": .string(address)], by: alice, 200),
        Case(
            .put, "/v1/addresses", ["address_type": 100, "address": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"], by: alice,
            400),
        Case(.delete, "/v1/addresses/100", by: alice, 200, "address delete 100: \(address)"),
        Case(.delete, "/v1/addresses/101", by: alice, 404),

        Case(
            .post, "/api/keys", ["id": "new", "scopes": ["manage"]], by: "bob@a.test", 201,
            "key create; account: {bob}; algorithm: hmac-sha256; scopes: manage"),
        Case(.post, "/api/keys", ["id": "backup"], by: "bob@a.test", 409),
        Case(
            .patch, "/api/keys/backup",
            ["scopes": ["manage"], "replay": "strict", "debug": true, "expires": "2030-01-01T00:00:00Z"],
            by: "bob@a.test", 204, "key scopes: manage; replay: strict; debug: true; expires: 2030-01-01T00:00:00Z"),
        Case(.patch, "/api/keys/backup", ["scopes": [], "replay": "default", "expires": nil], by: "bob@a.test", 204),
        Case(.patch, "/api/keys/backup", ["scopes": ["staff"]], by: "bob@a.test", 400),
        Case(.post, "/api/keys/backup/rotate", ["overlap": 60], by: "bob@a.test", 200, "key rotate; overlap: 60 s"),
        Case(.post, "/api/keys/backup/rotate", [:], by: alice, 404),
        Case(.delete, "/api/keys/backup", by: "bob@a.test", 204, "key revoke"),
        Case(.delete, "/api/keys/nobody", by: "bob@a.test", 404),

        Case(
            .post, "/api/domains",
            [
                "domain": "b.test", "hosts": ["id.b.test"], "owner": "bob@a.test", "sign_up": "open",
                "allowed_origins": ["https://x.test"], "address_types": [300, 100],
            ], 201,
            "domain create: b.test, id.b.test; owner: bob@a.test; sign-up: open; allowed origins: https://x.test; "
                + "address types: 100, 300"),
        Case(.post, "/api/domains", ["domain": "a.test"], 409),
        Case(.post, "/api/domains", ["domain": "b.test", "hosts": ["a.test"]], 409),
        Case(.post, "/api/domains", ["domain": "b.test"], by: "bob@a.test", 403),
        Case(
            .patch, "/api/domains/a.test", ["owner": "bob@a.test", "hosts": ["id.a.test", "a.test"]], 204,
            "domain owner: bob@a.test; hosts: id.a.test"),
        Case(.patch, "/api/domains/a.test", ["sign_up": "operator"], by: "owner@a.test", 404),
        Case(.patch, "/api/domains/a.test", ["sign_up": "operator"], by: "bob@a.test", 403),
        Case(
            .patch, "/api/domains/owned.test", ["sign_up": "operator", "address_types": [100]], by: "owner@a.test", 204,
            "domain sign-up: operator; address types: 100"),
        Case(
            .patch, "/api/domains/owned.test",
            ["sign_up": "secret", "address_types": nil, "allowed_origins": [], "hosts": [], "owner": "owner@a.test"],
            204),
        Case(.patch, "/api/domains/owned.test", ["sign_up": "open", "owner": "nobody@a.test"], 404),
        Case(.patch, "/api/domains/owned.test", ["sign_up": "open", "hosts": ["a.test"]], 409),
        Case(.patch, "/api/domains/owned.test", ["sign_up": "open", "hosts": []], by: "owner@a.test", 403),
        Case(.post, "/api/domains/owned.test/rotate-secret", by: "owner@a.test", 200, "domain rotate secret"),
        Case(.post, "/api/domains/c.test/rotate-secret", 404),
        Case(.delete, "/api/domains/a.test", 204, "domain delete; aliases: 2; accounts: 1"),
        Case(.delete, "/api/domains/owned.test", by: "owner@a.test", 403),
        Case(.delete, "/api/domains/c.test", 404),

        Case(.post, "/api/signing-keys", ["at_once": true], 201, "signing-key create and activate"),
        Case(.post, "/api/signing-keys", ["at_once": true], by: "bob@a.test", 403),
        Case(.post, "/api/signing-keys", [:], 201, "signing-key create; activates: 2027-01-15T09:00:00Z"),
        Case(.post, "/api/signing-keys", ["jwk": "{jwk}"], 201, "signing-key import"),
        Case(
            .patch, "/api/signing-keys/{kid}", ["state": "active"], 204, "signing-key activates: 2027-01-15T09:00:00Z"),
        Case(.patch, "/api/signing-keys/{kid}", ["state": "active", "at_once": true], 204, "signing-key activate"),
        Case(.patch, "/api/signing-keys/{active}", ["state": "active"], 204),
        Case(.patch, "/api/signing-keys/{kid}", ["state": "retired"], 204, "signing-key retire"),
        Case(.patch, "/api/signing-keys/{active}", ["state": "retired"], 409),
        Case(.delete, "/api/signing-keys/{kid}", 204, "signing-key delete"),
        Case(.delete, "/api/signing-keys/nobody", 404),

        // What is no change.
        Case(.post, "/v1/auth", ["alias": "bob@a.test", "password": .string(Fixture.password)], by: nil, 200),
        Case(.post, "/api/security/login", ["login": "bob@a.test", "password": "wrong"], by: nil, 401),
        Case(.post, "/api/security/renew", by: alice, 200),
        Case(.get, "/api/accounts", 200),
    ]

    @Test("each request that changes something writes one event, and every other one none", arguments: cases)
    func one(request: Case) async throws {
        try await withServer(key: nil) { server in
            let world = try await World(server)
            let before = try await Self.events(server.fixture)
            let answer = try await server.send(
                request.method, world.fill(request.path), try await world.headers(of: request.caller),
                body: request.body.map(world.fill))
            #expect(answer.status == request.status, "\(String(decoding: answer.body, as: UTF8.self))")
            let written = try await Self.events(server.fixture).dropFirst(before.count)
            #expect(written.map(\.text) == (request.event.map { [world.fill($0)] } ?? []))
            for event in written {
                #expect(event.actor == (request.caller == "secret" ? "(secret of a.test)" : request.caller))
                #expect(event.actorID == request.caller.flatMap { world.accounts[$0] })
                #expect(event.at == server.fixture.time.now)
                #expect(world.isObject(event.object, of: request.path))
            }
        }
    }

    @Test("these tests know every route of the doors that can change something")
    func complete() async throws {
        let routes = RouteTable(try await Fixture().features).routes.filter { route in
            route.method != .get && (route.path.hasPrefix("/api/") || route.path.hasPrefix("/v1/"))
        }
        // Sessions and tokens are no objects of the audit log.
        let exempt = [
            "/api/security/login", "/api/security/1/login", "/api/security/renew", "/api/security/1/renew", "/v1/auth",
            "/api/sessions/{id}", "/api/introspect", "/api/revoke",
            // These need a DNS; `DomainProxyTests` reads what they leave.
            "/v1/domains", "/v1/domains/{domain}/verify",
        ]
        for route in routes where !exempt.contains(route.path) {
            let isKnown = Self.cases.contains { known in
                let path = known.path.prefix { $0 != "?" }.split(separator: "/")
                let wanted = route.path.split(separator: "/")
                return known.event != nil && known.method == route.method && path.count == wanted.count
                    && zip(path, wanted).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
            }
            #expect(isKnown, "\(route.method) \(route.path)")
        }
    }

    @Test("what the server does to its keys by itself is written down as its own")
    func server() async throws {
        let fixture = try await Fixture(key: nil) { $0.signingKeyRotation = 1 }
        let first = try await fixture.signingKeys.current().active.keyID
        fixture.time.advance(days: 1)
        _ = try await fixture.signingKeys.advance()
        fixture.time.advance(days: 1)
        _ = try await fixture.signingKeys.advance()
        fixture.time.advance(days: 1)
        _ = try await fixture.signingKeys.advance()
        let events = try await fixture.database.rows(
            "SELECT actor, action, object_id FROM audit_events ORDER BY number"
        )
        .map { [try $0.optionalText("actor"), try $0.text("action"), try $0.text("object_id")] }
        #expect(events.allSatisfy { $0[0] == "(server)" })
        #expect(events.map { $0[1] }.first == "create and activate")
        #expect(events.map { $0[1] }.contains("activate"))
        #expect(events.contains { $0[1]?.hasPrefix("create; activates: ") == true })
        #expect(events.contains { $0[1] == "delete" && $0[2] == first })
    }

    typealias Rule = @Sendable (Fixture) async throws -> Void

    /// What is done to `bob@a.test` and the domain `a.test` from the command line, and what it leaves.
    static let commands: [(name: String, event: String?, rule: Rule)] = [
        (
            "domain add", "domain create: b.test, id.b.test; owner: bob@a.test",
            { fixture in
                _ = try await fixture.domains.add(
                    try DomainName("b.test"), hosts: [try DomainName("id.b.test")],
                    owner: try AccountName("bob@a.test"),
                    by: .commandLine)
            }
        ),
        (
            "domain add, taken", nil,
            { fixture in
                _ = try? await fixture.domains.add(try DomainName("a.test"), by: .commandLine)
            }
        ),
        (
            "domain set", "domain owner: bob@a.test; hosts: id.a.test",
            { fixture in
                try await fixture.domains.change(
                    try DomainName("a.test"), owner: .some(try AccountName("bob@a.test")),
                    hosts: .these(added: [try DomainName("id.a.test")], removed: []), by: .commandLine)
            }
        ),
        (
            "domain set, the same", nil,
            { fixture in
                try await fixture.domains.change(
                    try DomainName("a.test"), owner: .some(nil), hosts: .exactly([]),
                    settings: DomainSettings(signUp: .secret, allowedOrigins: [], addressTypes: .some(nil)),
                    by: .commandLine)
            }
        ),
        (
            "domain rotate-secret", "domain rotate secret",
            { fixture in
                _ = try await fixture.domains.rotateSecret(of: try DomainName("a.test"), by: .commandLine)
            }
        ),
        (
            "domain remove", "domain delete; aliases: 1; accounts: 1",
            { fixture in
                try await fixture.domains.remove(try DomainName("a.test"), by: .commandLine)
            }
        ),
        (
            "domain remove, unknown", nil,
            { fixture in
                try? await fixture.domains.remove(try DomainName("c.test"), by: .commandLine)
            }
        ),
        (
            "user set-role", "account roles: staff",
            { fixture in
                try await fixture.accounts.setRoles([.staff], of: try AccountName("bob@a.test"), by: .commandLine)
            }
        ),
        (
            "user set-role, the same", nil,
            { fixture in
                try await fixture.accounts.setRoles([], of: try AccountName("bob@a.test"), by: .commandLine)
            }
        ),
        (
            "user disable", "account disable",
            { fixture in
                try await fixture.accounts.setDisabled(true, try AccountName("bob@a.test"), by: .commandLine)
            }
        ),
        (
            "user enable, of one that is", nil,
            { fixture in
                try await fixture.accounts.setDisabled(false, try AccountName("bob@a.test"), by: .commandLine)
            }
        ),
        (
            "user set-password", "account set password",
            { fixture in
                try await fixture.accounts.setPassword(
                    try fixture.newPassword(), of: try AccountName("bob@a.test"), by: .commandLine)
            }
        ),
        (
            "user delete", "account delete: bob@a.test",
            { fixture in
                try await fixture.accounts.delete(try AccountName("bob@a.test"), by: .commandLine)
            }
        ),
        (
            "user delete, unknown", nil,
            { fixture in
                try? await fixture.accounts.delete(try AccountName("eve@a.test"), by: .commandLine)
            }
        ),
    ]

    @Test("each command that changes something writes one event as the command line", arguments: commands.indices)
    func commandLine(index: Int) async throws {
        let command = Self.commands[index]
        let fixture = try await Fixture()
        try await fixture.aDomain()
        try await fixture.anAccount(email: "bob@a.test")
        try await fixture.anAccount(alias: Self.alice)
        let before = try await Self.events(fixture).count
        try await command.rule(fixture)
        let written = try await Self.events(fixture).dropFirst(before)
        #expect(written.map(\.text) == (command.event.map { [$0] } ?? []), "\(command.name)")
        #expect(written.allSatisfy { $0.actor == "(command line)" && $0.actorID == nil })
    }

    @Test("no event holds a password, a secret or a hash")
    func noSecrets() async throws {
        let fixture = try await Fixture(key: nil)
        let secret = try await fixture.aDomain()
        let id = try await fixture.anAccount(email: "bob@a.test")
        let material = APIKeyMaterial.random()
        let entry = try await fixture.features.keys.add(APIKeys.Plan(), material, of: id)
        let next = APIKeyMaterial.random()
        _ = try await fixture.features.keys.rotate(entry.id, to: next, overlap: 0)
        let jwk = JWK.generate(.oct)
        _ = try await fixture.signingKeys.add(jwk)
        try await fixture.accounts.setPassword(
            try fixture.newPassword("a fresh harbour 9"), of: try AccountName("bob@a.test"))
        let rows = try await fixture.database.rows(
            "SELECT COALESCE(actor, '') || action || object_kind || object_id AS everything FROM audit_events")
        let text = try rows.map { try $0.text("everything") }.joined(separator: "\n")
        #expect(rows.count >= 6)
        let secrets = [
            secret, Fixture.password, "a fresh harbour 9", material.madeSecret ?? "?", next.madeSecret ?? "?", "argon2",
            String(jwk.json(includingPrivate: true).firstMatch(of: #/"k":"([^"]+)"/#)?.1 ?? "?"),
        ]
        for secret in secrets { #expect(!text.contains(secret)) }
    }

    // MARK: The world

    struct Event {
        let actorID: String?
        let actor: String?
        let text: String
        let object: String
        let at: Int64
    }

    private static func events(_ fixture: Fixture) async throws -> [Event] {
        try await fixture.database.rows("SELECT * FROM audit_events ORDER BY number").map { row in
            Event(
                actorID: try row.optionalText("actor_id"), actor: try row.optionalText("actor"),
                text: "\(try row.text("object_kind")) \(try row.text("action"))", object: try row.text("object_id"),
                at: try row.integer("at"))
        }
    }

    /// An admin, an account, one with an alias and an address, one with both names, a disabled one, and keys of both kinds.
    struct World {
        let server: RunningServer
        var accounts: [String: String] = [:]
        var values: [String: String] = [:]
        let secret: String
        let jwk = JWK.generate(.ed25519)

        init(_ server: RunningServer) async throws {
            self.server = server
            let fixture = server.fixture
            secret = try await fixture.aDomain()
            accounts["admin@a.test"] = try await fixture.anAccount(email: "admin@a.test", roles: [.admin])
            accounts["bob@a.test"] = try await fixture.anAccount(email: "bob@a.test")
            let alice = try await fixture.anAccount(alias: AuditEventTests.alice)
            accounts[AuditEventTests.alice] = alice
            try await fixture.anAccount(email: "both@a.test", alias: "both$a.test")
            accounts["owner@a.test"] = try await fixture.anAccount(email: "owner@a.test")
            try await fixture.aDomain("owned.test", owner: "owner@a.test")
            let disabled = try await fixture.anAccount(email: "disabled@a.test")
            try await fixture.accounts.setDisabled(true, try AccountName("disabled@a.test"))
            let address = try GatehouseCore.PaymentAddress(
                ["address_type": 100, "address": .string(AuditEventTests.address)], faults: Faults())
            try await fixture.features.addresses.set(address, of: alice)
            var plan = APIKeys.Plan()
            plan.id = "backup"
            let bob = accounts["bob@a.test"] ?? ""
            _ = try await fixture.features.keys.add(plan, .random(), of: bob)
            values["bob"] = bob
            values["admin"] = accounts["admin@a.test"]
            values["disabled"] = disabled
            values["active"] = try await fixture.signingKeys.current().active.keyID
            values["kid"] = try await fixture.signingKeys.add(.generate(.ed25519)).id
        }

        func fill(_ text: String) -> String {
            values.reduce(text) { $0.replacing("{\($1.key)}", with: $1.value) }
        }

        func fill(_ body: JSONValue) -> JSONValue {
            guard body["jwk"] != nil else { return body }
            return ["jwk": (try? JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8))) ?? .null]
        }

        func headers(of caller: String?) async throws -> [(name: String, value: String)] {
            guard let caller else { return [] }
            let token = caller == "secret" ? secret : try await server.fixture.signIn(caller)
            return [("Authorization", "Bearer \(token)")]
        }

        /// Whether an event is about what the path names, as far as it names it.
        func isObject(_ id: String, of path: String) -> Bool {
            guard let name = path.split(separator: "/").first(where: { $0.hasPrefix("{") }) else { return !id.isEmpty }
            return fill(String(name)) == id
        }
    }
}
