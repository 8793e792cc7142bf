import GatehouseJSON

/// Why a call did not do what it was asked to.
public enum GatehouseError: Error, Sendable {
    /// The server refused; its own code and words.
    case refused(Refusal)
    /// No answer came.
    case unreachable(TransportFailure)
    /// What came is not what the protocol promises.
    case unexpectedAnswer(String)
    /// The call needs a credential, and the client was made without one.
    case noCredential
    /// The server's URL is not `https://host[:port]`.
    case invalidServer(String)

    /// A refusal as the server worded it.
    public struct Refusal: Sendable, Equatable {
        /// The HTTP status code.
        public let status: Int
        /// The stable word of the refusal (`Error-Code`), such as `alias_taken`; nil from servers that send none.
        public let code: String?
        /// For people.
        public let message: String
        /// Seconds to wait before the next attempt, when the server said so.
        public let retryAfter: Int?
    }

    /// The stable word, when the server refused with one.
    public var code: String? {
        if case .refused(let refusal) = self { refusal.code } else { nil }
    }

    init(refusal response: TransportResponse) {
        let body = try? JSONValue(parsing: response.body)
        let words = body?["message"]?.string ?? body?["title"]?.string
        self = .refused(
            Refusal(
                status: response.status, code: response.header("Error-Code"),
                message: words ?? "The server answered \(response.status).",
                retryAfter: response.header("Retry-After").flatMap(Int.init)))
    }

    /// The token was not accepted, so a new one may be.
    var isTokenRefused: Bool {
        guard case .refused(let refusal) = self, refusal.status == 401 else { return false }
        // Servers without codes say 401 for nothing else.
        return refusal.code == nil || refusal.code == "expired_token" || refusal.code == "invalid_token"
    }
}

extension GatehouseError: CustomStringConvertible {
    /// A sentence for people; never a secret.
    public var description: String {
        switch self {
        case .refused(let refusal): "\(refusal.message) (\(refusal.code ?? String(refusal.status)))"
        case .unreachable(let failure): "No answer came: \(failure)."
        case .unexpectedAnswer(let reason): "The server's answer makes no sense: \(reason)"
        case .noCredential: "This needs a credential."
        case .invalidServer(let text): "\"\(text)\" is no server such as https://id.example.org."
        }
    }
}
