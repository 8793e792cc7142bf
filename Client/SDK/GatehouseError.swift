import HTTPSignatures
import GatehouseJSON

/// Why a call did not do what it was asked to.
public enum GatehouseError: Error, Sendable, Equatable {
    /// The server refused; its own code and words.
    case refused(Refusal)
    /// No answer came. `mayHaveArrived` says whether the server may have done it all the same.
    case unreachable(TransportFailure)
    /// The task was cancelled. The server may have done it all the same.
    case cancelled
    /// What came is not what the protocol promises.
    case unexpectedAnswer(String)
    /// An answer came that is not signed as the client's `AnswerPolicy` demands; why, in a sentence. It was not believed, but
    /// the server may have done what it was asked to.
    case unverifiedAnswer(status: Int, reason: String)
    /// What the caller passed cannot be sent.
    case invalidArgument(String)
    /// Nobody has signed in, or the sign-in is over and no password is at hand; what the server said, if it was asked.
    case signInRequired(Refusal?)
    /// The credential could not be read or kept.
    case credentialStore(CredentialStoreError)
    /// The server's URL is not `https://host[:port]`; a sentence that says so.
    case invalidServer(String)

    /// A refusal as the server worded it.
    public struct Refusal: Sendable, Equatable {
        /// The HTTP status code.
        public let status: Int
        /// The stable word of the refusal (`Error-Code`), such as `alias_taken`; nil from servers that send none.
        public let code: String?
        /// For people, at most 1000 characters; it may hold any character.
        public let message: String
        /// Seconds to wait before the next attempt, when the server said so.
        public let retryAfter: Int?
    }
}

extension GatehouseError {
    /// What the server refused with; nil when it did not refuse.
    public var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }

    /// The stable word, when the server refused with one.
    public var code: String? { refusal?.code }

    /// The HTTP status, when the server refused.
    public var status: Int? { refusal?.status }

    /// Seconds to wait before the next attempt, when the server refused and said so.
    public var retryAfter: Int? { refusal?.retryAfter }

    /// A sentence for people: the server's own when it refused. Never a secret.
    public var message: String {
        switch self {
        case .refused(let refusal): refusal.message
        case .unreachable(let failure): "No answer came: \(failure.description)."
        case .cancelled: "The task was cancelled."
        case .unexpectedAnswer(let reason): "The server's answer makes no sense: \(reason)."
        case .unverifiedAnswer(let status, let reason): "The answer \(status) may not be the server's. \(reason)"
        case .invalidArgument(let reason), .invalidServer(let reason): reason
        case .signInRequired(nil): "Nobody is signed in."
        case .signInRequired(let refusal?): "The sign-in is over: \(refusal.message)"
        case .credentialStore(let error): "\(error)"
        }
    }

    /// - Parameter now: Unix seconds by the server's clock.
    package init(refusal response: TransportResponse, now: Double) {
        let body = try? JSONValue(parsing: response.body)
        // The IDM door puts its words one level deeper.
        let words =
            body?["message"]?.string ?? body?["title"]?.string ?? body?["error"]?["message"]?.string
        self = .refused(
            Refusal(
                status: response.status, code: response.header("Error-Code"),
                message: words.map { String($0.prefix(1000)) } ?? "The server answered \(response.status).",
                retryAfter: response.header("Retry-After").flatMap { Self.seconds($0, now: now) }))
    }

    /// RFC 9110 §10.2.3: seconds, or a date.
    private static func seconds(_ retryAfter: String, now: Double) -> Int? {
        if !retryAfter.isEmpty, retryAfter.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // More digits than fit mean: not for a long time.
            return Int(retryAfter) ?? .max
        }
        return HTTPDate.unixSeconds(retryAfter).map { max(0, Int((Double($0) - now).rounded(.up))) }
    }

    /// The token was not accepted, so a new one may be.
    var isTokenRefused: Bool {
        guard let refusal, refusal.status == 401 else { return false }
        // Servers without codes say 401 for nothing else.
        return refusal.code == nil || refusal.code == "expired_token" || refusal.code == "invalid_token"
    }
}

extension GatehouseError: CustomStringConvertible {
    /// The message, and the code or status of a refusal.
    public var description: String {
        refusal.map { "\($0.message) (\($0.code ?? String($0.status)))" } ?? message
    }
}
