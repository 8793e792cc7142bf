import GatehouseCryptography
import GatehouseJSON
import GatehouseOpenCAP
import GatehouseRunner
import GatehouseTestSupport
import Synchronization
import Testing

@testable import GatehouseTours

@Suite("The OpenCAP tour")
struct OpenCAPTourTests {
    private func walk(_ server: TinyOpenCAP) async throws -> [ScenarioResult] {
        let listening = try ScriptedServer { server.answer($0) }
        let context = TourContext(
            target: try #require(Target(listening.url)),
            variables: ["domain": "b.test", "domain_secret": TinyOpenCAP.secret])
        return await Tour.openCAP.run(context)
    }

    @Test("passes on a server that keeps the promises, and leaves nothing behind")
    func passes() async throws {
        let server = TinyOpenCAP()
        let results = try await walk(server)
        #expect(results.count == Tour.openCAP.stepCount && results.count > 10)
        for result in results {
            #expect(result.outcome == .passed, "\(result.id)")
            #expect(result.warnings == [])
        }
        #expect(server.aliasCount == 0)
    }

    @Test(
        "fails at the step whose promise is broken, and still takes its alias away",
        arguments: [
            (TinyOpenCAP.Fault.takesMistypedAddresses, "a-mistyped-address-is-refused-and-changes-nothing"),
            (.tellsUnknownNames, "a-wrong-password-and-an-unknown-name-are-refused-alike"),
            (.forgetsOrder, "addresses-come-ordered-by-type"),
            (.losesExtensions, "extensions-stay-until-they-are-cleared"),
        ])
    func fails(fault: TinyOpenCAP.Fault, step: String) async throws {
        let server = TinyOpenCAP(fault: fault)
        let results = try await walk(server)
        let failed = results.filter { if case .failed = $0.outcome { true } else { false } }
        #expect(failed.map { $0.id.dropFirst("tours/opencap/00-".count) } == [step[...]])
        #expect(server.aliasCount == 0)
    }
}

/// Just enough of an OpenCAP server, in memory, with faults to order.
final class TinyOpenCAP: Sendable {
    enum Fault: Sendable { case takesMistypedAddresses, tellsUnknownNames, forgetsOrder, losesExtensions }

    static let secret = "the secret of b.test"

    private struct Alias {
        let password: String
        var addresses: [Int: (address: String, extensions: JSONValue)] = [:]
    }

    private let fault: Fault?
    private let aliases = Mutex<[String: Alias]>([:])

    init(fault: Fault? = nil) { self.fault = fault }

    var aliasCount: Int { aliases.withLock { $0.count } }

    func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        let parts = request.target.split(separator: "?", maxSplits: 1)
        let query = parts.count > 1 ? String(parts[1]) : ""
        let body = (try? JSONValue(parsing: request.body)) ?? [:]
        return aliases.withLock { aliases in
            switch (request.method, parts[0]) {
            case ("GET", "/health/ready"): .json(#"{"status":"ready"}"#)
            case ("POST", "/v1/users"): create(body, request, &aliases)
            case ("POST", "/v1/auth"): signIn(body, aliases)
            case ("GET", "/v1/addresses"): lookUp(query, aliases)
            case (_, let path): change(request.method, String(path), body, request, &aliases)
            }
        }
    }

    private func create(
        _ body: JSONValue, _ request: ScriptedServer.Request, _ aliases: inout [String: Alias]
    ) -> ScriptedServer.Answer {
        guard request.header("Authorization") == "Bearer \(Self.secret)" else {
            return .refusal(401, "invalid_credentials")
        }
        guard let name = body["alias"]?.string, let password = body["password"]?.string else {
            return .refusal(400, "missing_member")
        }
        guard aliases[name] == nil else { return .refusal(409, "alias_taken") }
        aliases[name] = Alias(password: password)
        return .json("{}")
    }

    private func signIn(_ body: JSONValue, _ aliases: [String: Alias]) -> ScriptedServer.Answer {
        let name = body["alias"]?.string ?? ""
        guard let alias = aliases[name] else {
            return fault == .tellsUnknownNames ? .refusal(404, "unknown_alias") : .refusal(401, "invalid_credentials")
        }
        guard alias.password == body["password"]?.string else { return .refusal(401, "invalid_credentials") }
        let payload = Base64URL.encode(Array(#"{"sub":"\#(name)","exp":4000000000}"#.utf8))
        return .json(#"{"jwt":"eyJhbGciOiJub25lIn0.\#(payload).c2ln"}"#)
    }

    private func lookUp(_ query: String, _ aliases: [String: Alias]) -> ScriptedServer.Answer {
        var members: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=").map { $0.replacing("%24", with: "$").lowercased() }
            members[parts[0]] = parts[1]
        }
        guard let alias = aliases[members["alias"] ?? ""] else { return .refusal(404, "unknown_alias") }
        func json(_ type: Int) -> JSONValue? {
            alias.addresses[type].map {
                [
                    "address_type": .number(JSONNumber(Int64(type))), "address": .string($0.address),
                    "extensions": $0.extensions,
                ]
            }
        }
        if let type = members["address_type"].flatMap(Int.init) {
            return json(type).map { .json($0.text) } ?? .refusal(404, "address_not_set")
        }
        var types = alias.addresses.keys.sorted()
        if fault == .forgetsOrder { types.reverse() }
        return .json(JSONValue.array(types.compactMap(json)).text)
    }

    private func change(
        _ method: String, _ path: String, _ body: JSONValue, _ request: ScriptedServer.Request,
        _ aliases: inout [String: Alias]
    ) -> ScriptedServer.Answer {
        let token = (request.header("Authorization") ?? "").split(separator: ".")
        guard token.count == 3, let payload = Base64URL.decode(token[1]),
            let name = (try? JSONValue(parsing: payload))?["sub"]?.string, aliases[name] != nil
        else { return .refusal(401, "invalid_token") }
        if method == "DELETE", path == "/v1/users" {
            aliases[name] = nil
            return .json("{}")
        }
        if method == "DELETE", let type = Int(path.dropFirst("/v1/addresses/".count)) {
            guard aliases[name]?.addresses.removeValue(forKey: type) != nil else {
                return .refusal(404, "address_not_set")
            }
            return .json("{}")
        }
        guard let type = body["address_type"]?.int64.map({ Int($0) }), let address = body["address"]?.string else {
            return .refusal(400, "missing_member")
        }
        do {
            try AddressType(rawValue: type)?.check(address)
        } catch {
            if fault != .takesMistypedAddresses { return .refusal(400, "invalid_address") }
        }
        let kept = fault == .losesExtensions ? nil : aliases[name]?.addresses[type]?.extensions
        aliases[name]?.addresses[type] = (address, body["extensions"] ?? kept ?? [:])
        return .json("{}")
    }
}
