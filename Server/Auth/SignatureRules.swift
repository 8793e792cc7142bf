import GatehouseMessages
public import HTTPSignatures
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The two ways to sign a request.
public enum SignatureFamily: Sendable, CaseIterable {
    /// draft-cavage-http-signatures-03 to -12
    case cavage
    /// RFC 9421
    case message
}

/// Which signed requests a server takes: those by keys that it knows, which cover what matters, are fresh, and come once.
///
/// Make one and share it.
public struct SignatureRules: Sendable {
    private let realm: String
    private let scheme: String
    private let families: Set<SignatureFamily>
    private let policy: SignaturePolicy
    private let replay: ReplayCheck
    private let readsMayRepeat: Bool
    private let keys: @Sendable (String) async throws -> [SignatureKey]
    private let owner: @Sendable (String) async throws -> KeyOwner?
    private let nowSeconds: @Sendable () -> Int64

    /// - Parameters:
    ///   - realm: of the challenge.
    ///   - scheme: `https`, or `http` when clients ask without TLS. Behind a proxy that ends TLS it is `https`.
    ///   - families: which ways to sign count.
    ///   - policy: what has to be covered, and how old a signature may be. With `verifiedHeaders` that name neither
    ///     `date` nor `(created)` a signature never gets old, and counts again after `window` seconds; without `digest`
    ///     anybody can change the body.
    ///   - replay: sees to it that a signature counts once. There is no default: `.inMemory()` is enough for one process.
    ///   - readsMayRepeat: whether GET and HEAD without a nonce may come more than once, since an honest client can sign
    ///     the same twice in a second. With false each of its requests has to differ from the others.
    ///   - keys: the keys of this id, exactly, that are valid now: none when it is unknown, several while a secret is
    ///     exchanged for another. When it throws, the request is refused with 503; `KeysUnavailable` says for how long.
    ///     That an unknown id takes longer or shorter to look up than a known one is not hidden.
    ///   - owner: whose key it is, asked when all but replay was found good: nil when it no longer counts. Throws as `keys`.
    public init(
        realm: String = "HTTP-Signatures", scheme: String = "https",
        families: Set<SignatureFamily> = Set(SignatureFamily.allCases), policy: SignaturePolicy = SignaturePolicy(),
        replay: ReplayCheck, readsMayRepeat: Bool,
        keys: @escaping @Sendable (_ keyID: String) async throws -> [SignatureKey],
        owner: @escaping @Sendable (_ keyID: String) async throws -> KeyOwner?
    ) {
        self.init(
            realm: realm, scheme: scheme, families: families, policy: policy, replay: replay,
            readsMayRepeat: readsMayRepeat, nowSeconds: TimeOfDay.unixSeconds, keys: keys, owner: owner)
    }

    /// With a clock of one's own, in Unix seconds; for tests.
    package init(
        realm: String = "HTTP-Signatures", scheme: String, families: Set<SignatureFamily>, policy: SignaturePolicy,
        replay: ReplayCheck, readsMayRepeat: Bool, nowSeconds: @escaping @Sendable () -> Int64,
        keys: @escaping @Sendable (_ keyID: String) async throws -> [SignatureKey],
        owner: @escaping @Sendable (_ keyID: String) async throws -> KeyOwner?
    ) {
        precondition(scheme == "https" || scheme == "http", "a scheme is https or http")
        precondition(!families.isEmpty, "one way to sign has to count")
        self.realm = realm
        self.scheme = scheme
        self.families = families
        self.policy = policy
        self.replay = replay
        self.readsMayRepeat = readsMayRepeat
        self.nowSeconds = nowSeconds
        self.keys = keys
        self.owner = owner
    }

    /// Who sent the request. Its body is read, and is there again for the handler, except the one of GET and HEAD: that
    /// is taken away, since nobody had to sign it.
    ///
    /// - Throws: `AuthorizationError`: without a good signature, without one of the scopes, or when one of the app's
    ///   closures throws. Whatever the framework throws for a body that is too long or does not come.
    func caller(
        of request: inout Request, requiring scope: [String], maxUploadSize: Int, logger: Logger
    ) async throws -> Caller {
        do {
            return try await accept(&request, scope, maxUploadSize, logger)
        } catch let denial as Denial {
            var problem = denial.problem
            logger.debug(
                "signature refused", metadata: ["code": .string(problem.code), "reason": .string(denial.reason)])
            if let base = denial.base {
                logger.trace("checked against", metadata: ["base": .string(String(reflecting: base))])
            }
            problem.headers = challenge(to: request)
            throw AuthorizationError(problem, isBrief: true)
        } catch let problem as Problem {
            logger.debug("refused", metadata: ["code": .string(problem.code)])
            throw AuthorizationError(problem)
        }
    }

    /// What a request like this one has to be signed with, for the header of a refusal.
    func challenge(to request: Request) -> HTTPFields {
        let hasContent = request.mayHaveContent
        var headers: HTTPFields = [:]
        var challenge = "Signature realm=\(quotedString(realm))"
        if families.contains(.cavage) {
            let required = policy.requiredHeaders(method: request.method.rawValue, readsBody: hasContent)
            challenge += ",headers=\(quotedString(required.joined(separator: " ")))"
        }
        headers[.wwwAuthenticate] = challenge
        if families.contains(.message) {
            headers[.acceptSignature] = hasContent ? Self.wantedWithContent : Self.wantedWithout
        }
        return headers
    }

    // MARK: The checks, in their order

    private func accept(
        _ request: inout Request, _ scope: [String], _ maxUploadSize: Int, _ logger: Logger
    ) async throws -> Caller {
        let message: SignableMessage
        do { message = try SignableMessage(request, scheme: scheme) } catch { throw Denial("\(error.why)") }
        let (received, keyID, keys) = try await only(of: message, request.headers, logger)
        let base = try verify(received, message, keys)
        // Only now, so that strangers cannot make us keep what they send.
        let body = try await takeBody(of: &request, upTo: maxUploadSize)
        let until: Int64
        do { until = try policy.check(received, of: message, body: body, now: nowSeconds()) } catch {
            throw Denial(error)
        }
        guard let owner = try await asking(logger, { try await self.owner(keyID) }) else {
            throw Denial("The owner of the key does not count any more.")
        }
        let caller = Caller(keyID: keyID, owner: owner)
        guard scope.allSatisfy(caller.has(scope:)) else {
            throw Problem.insufficientKeyScope
        }
        // Last, so that what was refused takes nothing from a good request.
        if !readsMayRepeat || !request.isRead || received.nonce != nil {
            let identity = received.replayIdentity(base: base)
            guard try await asking(logger, { try await replay.isNew(identity, until) }) else {
                throw Denial("The same was accepted before.")
            }
        }
        return caller
    }

    /// The one signature of the request that is by a key that is known.
    private func only(
        of message: SignableMessage, _ headers: HTTPFields, _ logger: Logger
    ) async throws -> (ReceivedSignature, keyID: String, [SignatureKey]) {
        let all: [ReceivedSignature]
        do { all = try ReceivedSignature.all(of: message).filter { families.contains($0.family) } } catch {
            throw Denial(error)
        }
        guard !all.isEmpty else { throw Denial("There is no signature of a family that counts.", .signatureMissing) }
        guard !headers.hasOtherAuthorization else { throw Denial("There is a signature, and Authorization besides.") }
        var known: [(ReceivedSignature, keyID: String, [SignatureKey])] = []
        for received in all {
            guard let keyID = received.keyID else { continue }
            // By octets, whatever the app's store finds alike.
            let keys = try await asking(logger) { try await self.keys(keyID) }
                .filter { $0.id.utf8.elementsEqual(keyID.utf8) }
            if !keys.isEmpty { known.append((received, keyID, keys)) }
        }
        guard known.count < 2 else { throw Denial("There are two signatures by keys that are known.") }
        guard let only = known.first else {
            Self.decoys.check(all[0], of: message)
            let names = all.map { $0.keyID.map { String(reflecting: $0) } ?? "without a name" }
            throw Denial("There is no key \(names.joined(separator: ", ")).")
        }
        return only
    }

    /// - Returns: what was signed.
    private func verify(
        _ received: ReceivedSignature, _ message: SignableMessage, _ keys: [SignatureKey]
    ) throws(Denial) -> [UInt8] {
        var denial = Denial("There is no key.")
        for key in keys {
            do { return try received.verify(message, with: key) } catch { denial = Denial(error) }
        }
        throw denial
    }

    private func takeBody(of request: inout Request, upTo size: Int) async throws -> SignaturePolicy.Body {
        let octets = Array(try await request.collectBody(upTo: size).readableBytesView)
        if request.isRead {
            request.body = RequestBody(buffer: ByteBuffer())
            return .unread(octets)
        }
        return octets.isEmpty && !request.isWrite ? .unread([]) : .read(octets)
    }

    /// Without what the app's closures know nobody is let through.
    private func asking<Answer>(_ logger: Logger, _ closure: () async throws -> Answer) async throws(Problem) -> Answer
    {
        do { return try await closure() } catch {
            throw .signaturesUnavailable.retry(after: error, "a signature cannot be checked", logger)
        }
    }

    // MARK: What nobody may learn by the clock

    /// So that the time of the answer does not tell which ids there are.
    private static let decoys = Decoys()

    // MARK: What is asked for

    private static let wantedWithContent = wanted(hasContent: true)
    private static let wantedWithout = wanted(hasContent: false)

    private static func wanted(hasContent: Bool) -> String {
        do {
            let components = try SignaturePolicy().requiredComponents(hasContent: hasContent).map {
                try MessageComponent($0)
            }
            return try AcceptSignature.field([AcceptSignature(components: components)])
        } catch { preconditionFailure("what is required cannot be written down: \(error)") }
    }
}

/// Why a signature does not count: `reason` for the log, `problem` for the sender.
private struct Denial: Error {
    let problem: Problem
    let reason: String
    var base: String?

    init(_ reason: String, _ problem: Problem = .signatureInvalid) {
        self.problem = problem
        self.reason = reason
    }

    init(_ refusal: SignatureRefusal) {
        problem = [.signatureMissing, .signatureStale].first { $0.code == refusal.code } ?? .signatureInvalid
        reason = refusal.description
        base = refusal.base.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension ReceivedSignature {
    fileprivate var family: SignatureFamily {
        switch self {
        case .cavage: .cavage
        case .message: .message
        }
    }
}

extension Request {
    /// A method whose body means nothing (RFC 9110 §9.3.1).
    fileprivate var isRead: Bool { method == .get || method == .head }
    /// A method whose body is covered also when it is empty.
    fileprivate var isWrite: Bool { SignaturePolicy.expectsContent(method.rawValue) }

    /// Before the body has come.
    fileprivate var mayHaveContent: Bool {
        if isRead { return false }
        return isWrite || headers.contains(.transferEncoding) || (headers[.contentLength] ?? "0") != "0"
    }
}
