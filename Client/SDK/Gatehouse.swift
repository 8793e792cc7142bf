import GatehouseJSON
import GatehouseTransfer
import HTTPTypes

/// One Gatehouse server, or another that speaks the same protocols, as a client sees it.
///
/// Safe to share between tasks; make one for each server and credential. Connections are kept and used again, and the token of the
/// credential is renewed by itself.
///
/// ```swift
/// let gatehouse = try Gatehouse(
///     server: "https://id.example.org",
///     credential: .password(name: "alice$example.org", password: password))
/// try await gatehouse.setAddress("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", type: .bitcoinP2PKH)
/// let addresses = try await gatehouse.addresses(of: "alice$example.org")
/// ```
public struct Gatehouse: Sendable {
    /// Scheme, host and port, without a trailing slash.
    public let server: String
    let transport: any Transport
    let effects: Effects
    let retries: RetryPolicy
    let tokens: TokenHolder?
    let serverClock: ServerClock

    /// - Parameters:
    ///   - server: `https://host[:port]`, or `http://` for a server on this machine.
    ///   - credential: nil for what needs none, such as looking addresses up.
    ///   - transport: how requests travel; libcurl unless you bring your own.
    ///   - retries: when a request that failed is sent again.
    /// - Throws: `GatehouseError.invalidServer`.
    public init(
        server: String, credential: Credential? = nil, transport: (any Transport)? = nil,
        retries: RetryPolicy = RetryPolicy()
    ) throws {
        try self.init(
            server: server, credential: credential, transport: transport, retries: retries, effects: .system)
    }

    init(
        server: String, credential: Credential?, transport: (any Transport)?, retries: RetryPolicy, effects: Effects
    ) throws {
        let bare = server.hasSuffix("/") ? String(server.dropLast()) : server
        let host = bare.hasPrefix("https://") ? bare.dropFirst(8) : bare.hasPrefix("http://") ? bare.dropFirst(7) : ""
        guard !host.isEmpty, !host.contains("/"), !host.contains("@"), host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw GatehouseError.invalidServer(server) }
        self.server = bare
        self.transport = transport ?? LibcurlTransport()
        self.retries = retries
        self.effects = effects
        serverClock = ServerClock()
        tokens = credential.map { TokenHolder(credential: $0) }
    }

    // MARK: Sending

    /// What a call needs beyond method and path.
    struct Call {
        var method: HTTPRequest.Method
        /// Path and query, percent-encoded.
        var target: String
        var body: JSONValue?
        var authorization = Authorization.none
        /// Sending it twice does what sending it once does.
        var isRepeatable = true
    }

    enum Authorization {
        case none
        /// The token of the client's credential.
        case token
        case secret(String)
    }

    /// Sends a call, with a token when it needs one; a token that turns out to be over is renewed once.
    func send(_ call: Call) async throws -> TransportResponse {
        guard case .token = call.authorization else {
            if case .secret(let secret) = call.authorization { return try await attempt(call, bearer: secret) }
            return try await attempt(call, bearer: nil)
        }
        guard let tokens else { throw GatehouseError.noCredential }
        let token = try await tokens.token(for: self)
        do {
            return try await attempt(call, bearer: token)
        } catch let error as GatehouseError where error.isTokenRefused {
            // The server's word counts more than the token's own expiry: its session may have ended.
            return try await attempt(call, bearer: try await tokens.token(for: self, insteadOf: token))
        }
    }

    /// Sends, and sends again where that is safe.
    func attempt(_ call: Call, bearer: String?) async throws -> TransportResponse {
        var request = TransportRequest(method: call.method.rawValue, url: server + call.target)
        request.headers.append(("Accept", "application/json"))
        if let bearer { request.headers.append(("Authorization", "Bearer \(bearer)")) }
        if let body = call.body {
            request.headers.append(("Content-Type", "application/json"))
            request.body = body.bytes()
        }
        var failures = 0
        while true {
            let failure: GatehouseError
            do {
                let response = try await transport.send(request)
                serverClock.learn(from: response, now: effects.now())
                if (200..<300).contains(response.status) { return response }
                failure = GatehouseError(refusal: response)
            } catch let error as TransportFailure {
                failure = .unreachable(error)
            }
            failures += 1
            guard let wait = retries.wait(after: failure, failures: failures, isRepeatable: call.isRepeatable) else {
                throw failure
            }
            try await effects.sleep(wait)
        }
    }

    /// The JSON of an answer.
    ///
    /// - Throws: `GatehouseError.unexpectedAnswer` when it is none.
    func json(_ response: TransportResponse) throws -> JSONValue {
        do { return try JSONValue(parsing: response.body) } catch {
            throw GatehouseError.unexpectedAnswer("the answer is not JSON: \(error)")
        }
    }
}

/// Time, as the client sees it; tests bring their own.
struct Effects: Sendable {
    /// Unix seconds.
    let now: @Sendable () -> Double
    let sleep: @Sendable (Duration) async throws -> Void
}
