import GatehouseClient
import GatehouseCryptography
import HTTPSignatures
import Synchronization
import Testing

/// A server's view of a signed request, made with the library for signatures alone.
struct Receiver: Sendable {
    let key: SignatureKey
    var now = Int64(TestClock.start)

    /// Checks the signature, its coverage, its age and the digest.
    ///
    /// - Returns: what it is remembered by.
    @discardableResult
    func accept(_ request: TransportRequest) throws -> [UInt8] {
        let message = Self.message(request)
        let received = try ReceivedSignature.all(of: message)
        let signature = try #require(received.count == 1 ? received.first : nil)
        #expect(signature.keyID == key.id)
        let base = try signature.verify(message, with: key)
        let isRead = request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method)
        let body: SignaturePolicy.Body = isRead ? .read(request.body ?? []) : .unread([])
        _ = try SignaturePolicy().check(signature, of: message, body: body, now: now)
        return signature.replayIdentity(base: base)
    }

    static func message(_ request: TransportRequest) -> SignableMessage {
        let target = request.url.dropFirst("https://".count).drop { $0 != "/" }
        return .request(
            method: request.method, target: String(target), scheme: "https",
            fields: request.headers.map { SignableMessage.Field($0.name, $0.value) })
    }

    /// Takes each signature once, as a server that refuses replays does.
    final class Once: Sendable {
        private let seen = Mutex<Set<[UInt8]>>([])
        private let receiver: Receiver

        init(_ receiver: Receiver) { self.receiver = receiver }

        func answer(to request: TransportRequest) -> TransportResponse {
            guard let identity = try? receiver.accept(request), seen.withLock({ $0.insert(identity).inserted }) else {
                return .refusal(401, code: "signature_invalid")
            }
            return .json("[]")
        }
    }
}

extension SignatureKey {
    /// Of 256 bits, for HMAC.
    static func shared(_ algorithm: SignatureAlgorithm = .hmacSHA256) throws -> SignatureKey {
        try SignatureKey(id: "access_key_1", secret: String(repeating: "s3cr", count: 8), algorithm: algorithm)
    }

    static func fresh(_ algorithm: SignatureAlgorithm) throws -> SignatureKey {
        switch algorithm {
        case .hmacSHA256, .hmacSHA512: try shared(algorithm)
        case .ecdsaP256SHA256: try SignatureKey(id: "k", .ecdsaPrivate(.generate(.p256)), algorithm: algorithm)
        case .ecdsaP384SHA384: try SignatureKey(id: "k", .ecdsaPrivate(.generate(.p384)), algorithm: algorithm)
        case .ed25519: try SignatureKey(id: "k", .ed25519Private(.generate()), algorithm: algorithm)
        default: try SignatureKey(id: "k", .rsaPrivate(.generate()), algorithm: algorithm)
        }
    }
}

extension SigningPolicy {
    /// Both families, by a name for the list of tests.
    static let families = ["cavage", "rfc9421"]

    static func of(_ family: String, _ key: SignatureKey, answers: AnswerPolicy? = nil) -> SigningPolicy {
        family == "cavage" ? .cavage(key, answers: answers) : .rfc9421(key, answers: answers)
    }
}

extension TransportRequest {
    var names: [String] { headers.map(\.name) }
}
