import GatehouseMessages
import GatehouseTestSupport
import HTTPSignatures
import HTTPTypes
import Hummingbird
import Logging

@testable import GatehouseAuth

/// The two ways to sign, and the two places of the older one.
enum Way: CaseIterable {
    case cavage, cavageInSignature, message

    /// Signs with a time of making, in Unix seconds.
    func sign(_ request: inout SignedRequest, with key: SignatureKey, at now: Int64 = TestTime.start) throws {
        switch self {
        case .cavage: try request.signCavage(with: key)
        case .cavageInSignature: try request.signCavage(form: .signature, with: key)
        case .message: try request.signMessage(parameters: SignatureParameters(created: now), with: key)
        }
    }
}

/// A key of a program, and what can be changed about the rules.
struct Signed: Sendable {
    static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

    struct Broken: Error {}

    var scheme = "https"
    var families = Set(SignatureFamily.allCases)
    var policy = SignaturePolicy()
    var readsMayRepeat = true
    let time = TestTime()
    var replay: ReplayCheck?
    var keys: @Sendable (String) async throws -> [SignatureKey] = { id in id == "k" ? [try key()] : [] }
    var owner: @Sendable (String) async throws -> KeyOwner? = { id in
        KeyOwner(subject: "owner of \(id)", scope: ["staff"], context: 7)
    }

    static func key(
        _ id: String = "k", secret: [UInt8] = secret, _ algorithm: SignatureAlgorithm = .hmacSHA256
    ) throws -> SignatureKey { try SignatureKey(id: id, secret: secret, algorithm: algorithm) }

    var rules: SignatureRules {
        SignatureRules(
            scheme: scheme, families: families, policy: policy,
            replay: replay ?? .inMemory(maximumCount: 1000, nowSeconds: { time.unixSeconds }),
            readsMayRepeat: readsMayRepeat, nowSeconds: { time.unixSeconds }, keys: keys, owner: owner)
    }

    /// `/page` says who calls and what was sent, `/staff` and `/admin` want a scope, `/either` takes tokens too; before
    /// `/bare` the middleware was forgotten.
    func serve<Value: Sendable>(
        tokens: TokenRules? = nil, logger: Logger = quiet, _ body: @Sendable @escaping (UInt16) async throws -> Value
    ) async throws -> Value {
        let router = Router(context: SmallContext.self)
        let rules = rules
        let page = router.group("page").authorize(rules)
        for method in [.get, .post, .put, .patch, .delete] as [HTTPRequest.Method] {
            page.on("", method: method) { request, context in
                let text = String(buffer: try await request.body.collect(upTo: .max))
                guard case .signature(let keyID, let owner) = context.caller.credential else { return "a token" }
                return "\(keyID), \(context.caller.subject), \(owner.context as? Int ?? 0): \(text)"
            }
        }
        page.head { _, _ in "" }
        router.group("staff").authorize(rules, requiring: "staff").post { _, context in context.caller.subject }
        router.group("admin").authorize(rules, requiring: "admin").post { _, context in context.caller.subject }
        if let tokens {
            router.group("either").authorize(tokens, or: rules).get { _, context in context.caller.subject }
        }
        router.group("bare").group(context: SignedInContext<SmallContext>.self).get { _, context in
            context.caller.subject
        }
        return try await AuthTests.serve(router, logger: logger, body)
    }
}

/// An app that takes bodies of 1000 octets.
struct SmallContext: CallerRequestContext {
    var coreContext: CoreRequestContextStorage
    var caller: Caller?
    var maxUploadSize: Int { 1000 }
    init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
}

/// Suites that send requests to a `Signed`.
protocol SigningSuite {}

extension SigningSuite {
    func request(
        _ method: String = "GET", _ target: String = "/page?a=1&b=%20", body: String? = nil,
        at now: Int64 = TestTime.start
    ) -> SignedRequest { SignedRequest(method, target, body: body, now: now) }

    func signed(
        _ method: String = "GET", _ target: String? = nil, body: String? = nil, _ way: Way = .cavage,
        at now: Int64 = TestTime.start, with key: SignatureKey? = nil
    ) throws -> SignedRequest {
        var request = request(method, target ?? "/page?a=1&b=%20", body: body, at: now)
        try way.sign(&request, with: try key ?? Signed.key(), at: now)
        return request
    }

    func signed(
        _ way: Way, at now: Int64 = TestTime.start, with key: SignatureKey? = nil
    ) throws -> SignedRequest { try signed("GET", nil, way, at: now, with: key) }
}
