import GatehouseCryptography
import GatehouseJSON
import Synchronization

/// A transport without a network, for the tests of apps: it answers what the test says and remembers what it was asked.
///
/// ```swift
/// let transport = ScriptedTransport { request in
///     request.url.hasSuffix("/v1/auth") ? .signedIn(until: 2_000_000_000) : .refusal(404, code: "unknown_alias")
/// }
/// let gatehouse = try Gatehouse(server: "https://id.example.org", transport: transport)
/// ```
public final class ScriptedTransport: Transport {
    private let script: @Sendable (TransportRequest) async throws(TransportFailure) -> TransportResponse
    private let asked = Mutex<[TransportRequest]>([])

    /// - Parameter script: the answer to each request; requests of several tasks come at the same time.
    public init(_ script: @escaping @Sendable (TransportRequest) async throws(TransportFailure) -> TransportResponse) {
        self.script = script
    }

    /// The requests so far, in the order in which they came.
    public var requests: [TransportRequest] { asked.withLock { $0 } }

    /// Answers from the script.
    public func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        asked.withLock { $0.append(request) }
        return try await script(request)
    }
}

extension TransportResponse {
    /// An answer with JSON text.
    public static func json(
        _ text: String, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> TransportResponse {
        TransportResponse(
            status: status, headers: [("Content-Type", "application/json")] + headers, body: Array(text.utf8))
    }

    /// A refusal as a server words it.
    public static func refusal(
        _ status: Int, code: String, message: String = "no", retryAfter: Int? = nil
    ) -> TransportResponse {
        let body: JSONValue = ["message": .string(message)]
        return .json(
            body.text, status: status,
            headers: [("Error-Code", code)] + (retryAfter.map { [("Retry-After", String($0))] } ?? []))
    }

    /// The answer to a successful sign-in or renewal at either door, with a token that no server made.
    ///
    /// - Parameters:
    ///   - expiresAt: Unix seconds.
    ///   - name: tells this token from others.
    ///   - refreshToken: for a client that signs in at Ampho.
    public static func signedIn(
        until expiresAt: Int64, name: String = "scripted", refreshToken: String? = nil
    ) -> TransportResponse {
        let claims: JSONValue = ["exp": .number(JSONNumber(expiresAt)), "jti": .string(name)]
        let token = "e30.\(Base64URL.encode(claims.bytes())).e30"
        guard let refreshToken else { return .json(#"{"jwt":"\#(token)"}"#) }
        let answer: JSONValue = ["token": .string(token), "refresh_token": .string(refreshToken)]
        return .json(answer.text)
    }
}
