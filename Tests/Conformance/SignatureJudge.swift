import GatehouseTestSupport
import HTTPSignatures
import Synchronization

/// A server that looks at signatures and keeps in mind what it thought of each request.
final class SignatureJudge: Sendable {
    private let keys: [SignatureKey]
    private let now: Int64
    private let seen = Mutex<[String]>([])

    init(keys: [SignatureKey], now: Int64) {
        self.keys = keys
        self.now = now
    }

    /// `accepted`, or why not: as `SignatureRefusal.Reason` says it, or `unknownKey`.
    var verdicts: [String] { seen.withLock { $0 } }

    func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        let verdict = verdict(request)
        seen.withLock { $0.append(verdict) }
        return verdict == "accepted" ? .http(200) : .refusal(401, "signature_invalid")
    }

    private func verdict(_ request: ScriptedServer.Request) -> String {
        let message = SignableMessage.request(
            method: request.method, target: request.target, scheme: "http",
            fields: request.headers.map { SignableMessage.Field($0.name, $0.value) })
        do {
            for signature in try ReceivedSignature.all(of: message) {
                guard let key = keys.first(where: { $0.id == signature.keyID }) else { return "unknownKey" }
                _ = try signature.verify(message, with: key)
                let isUnread = ["GET", "HEAD"].contains(request.method) || request.header("Content-Length") == nil
                _ = try SignaturePolicy().check(
                    signature, of: message, body: isUnread ? .unread(request.body) : .read(request.body), now: now)
            }
            return "accepted"
        } catch {
            return "\(error.reason)"
        }
    }
}
