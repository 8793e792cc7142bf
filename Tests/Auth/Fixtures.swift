import Foundation
import GatehouseAuth
import GatehouseAuthRemote
import GatehouseCryptography
import GatehouseJSON
import GatehouseTransfer
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import WebTokens

let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

/// Time that a test moves: for the tokens and for the age of fetched keys.
final class TestTime: Sendable {
    static let start: Int64 = 1_800_000_000
    private let passed = Mutex(Duration.zero)

    var elapsed: Duration { passed.withLock { $0 } }
    var unixSeconds: Int64 { Self.start + elapsed.components.seconds }
    func advance(_ duration: Duration) { passed.withLock { $0 += duration } }
}

/// A key of an issuer, and the tokens that it signs.
struct TestKey: Sendable {
    static let issuer = "https://id.example.org"
    static let audience = "notes"

    let signing: SigningKey

    init(_ signing: SigningKey) { self.signing = signing }

    init(_ algorithm: JWSAlgorithm = .edDSA) throws { signing = try SigningKey(JWK.generate(for: algorithm)) }

    var published: String { signing.publicJWK ?? "" }

    /// A token that is good at the start of `TestTime`, for 15 minutes, when nothing is changed.
    ///
    /// - Parameters:
    ///   - header: members instead of the usual ones; a null leaves one out.
    ///   - claims: in the same way.
    func token(header: [String: JSONValue] = [:], _ claims: [String: JSONValue] = [:]) throws -> String {
        let usual: [String: JSONValue] = [
            "iss": .string(Self.issuer), "aud": .string(Self.audience), "sub": "alice", "scope": "staff",
            "nbf": .number(JSONNumber(TestTime.start)), "iat": .number(JSONNumber(TestTime.start)),
            "exp": .number(JSONNumber(TestTime.start + 900)),
        ]
        let usualHeader: [String: JSONValue] = [
            "alg": .string(signing.algorithm.rawValue), "kid": .string(signing.keyID), "typ": "at+jwt",
        ]
        return try JWS.sign(
            Self.object(usual, claims), header: Self.object(usualHeader, header), with: signing)
    }

    private static func object(_ usual: [String: JSONValue], _ changed: [String: JSONValue]) -> [UInt8] {
        let members = usual.merging(changed) { $1 }.filter { $0.value != .null }
        return JSONValue.object(members.map { .init(name: $0.key, value: $0.value) }).bytes()
    }
}

func jwkSet(_ keys: String...) -> String { #"{"keys":[\#(keys.joined(separator: ","))]}"# }

extension TokenRules {
    /// The rules of the app that tests ask.
    init(_ keys: KeySource, at time: TestTime, leeway: Duration = .seconds(10)) {
        self.init(
            keys: keys, issuer: TestKey.issuer, audience: TestKey.audience, leeway: leeway,
            nowSeconds: { time.unixSeconds })
    }
}

private struct EndedEarly: Error {}

/// Serves an app on a port of its own until `body` has ended.
///
/// - Parameter body: gets the port.
func serve<Context: RequestContext, Value: Sendable>(
    _ router: Router<Context>, logger: Logger = quiet, _ body: @Sendable @escaping (UInt16) async throws -> Value
) async throws -> Value where Context.Source == ApplicationRequestContextSource {
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let app = Application(
        router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) }, logger: logger)
    let services = ServiceGroup(configuration: .init(services: [app], logger: quiet))
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            try await services.run()
            return nil
        }
        group.addTask {
            let port = await ports.first { _ in true } ?? 0
            let result: Result<Value, any Error>
            do { result = .success(try await body(UInt16(port))) } catch { result = .failure(error) }
            await services.triggerGracefulShutdown()
            return try result.get()
        }
        var value: Value?
        while let next = try await group.next() { value = next ?? value }
        guard let value else { throw EndedEarly() }
        return value
    }
}

/// An app behind the middleware for tokens.
struct TestApp: Sendable {
    let url: String
    private let transport: CurlTransport

    /// Serves until `body` has ended.
    ///
    /// `/me` says who calls; `/staff` and `/both` want scopes; `/plain` is behind the middleware alone; before `/bare` it was
    /// forgotten.
    static func serve<Value: Sendable>(
        _ rules: TokenRules, _ body: @Sendable @escaping (TestApp) async throws -> Value
    ) async throws -> Value {
        let router = Router(context: BasicCallerContext.self)
        let me = router.group("me").authorize(rules)
        me.get { _, context in context.caller.subject }
        me.head { _, context in context.caller.subject }
        router.group("staff").authorize(rules, requiring: "staff").get { _, context in context.caller.subject }
        router.group("both").authorize(rules, requiring: "staff", "admin").get { _, context in context.caller.subject }
        router.group("plain").add(middleware: Authorize(rules)).get { _, context in
            context.caller?.subject ?? "nobody"
        }
        router.group("bare").group(context: SignedInContext<BasicCallerContext>.self).get { _, context in
            context.caller.subject
        }
        return try await AuthTests.serve(router) { port in
            let app = TestApp(url: "http://127.0.0.1:\(port)", transport: CurlTransport(maximumConnections: 100))
            defer { app.transport.shutDown() }
            return try await body(app)
        }
    }

    func get(
        _ path: String = "/me", token: String? = nil, authorization: [String] = [],
        method: HTTPRequest.Method = .get
    ) async throws -> TransferResponse {
        let lines = (token.map { ["Bearer \($0)"] } ?? []) + authorization
        return try await transport.send(
            TransferRequest(method: method, url: url + path, headers: lines.map { ("Authorization", $0) }))
    }

    /// The status with the word of the refusal, such as `401 invalid_token`.
    func outcome(_ token: String, _ path: String = "/me") async throws -> String {
        try await get(path, token: token).outcome
    }
}

extension TransferResponse {
    var outcome: String { header("Error-Code").map { "\(status) \($0)" } ?? "\(status)" }
    var text: String { String(decoding: body, as: UTF8.self) }
}
