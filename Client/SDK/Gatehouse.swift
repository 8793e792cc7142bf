/// One Gatehouse server, or another that speaks the same protocols, as a client sees it.
///
/// Safe to share between tasks; make one for each server and credential. Connections are kept and used again, and the
/// token of the credential is renewed by itself. Cancelling a task ends its request.
///
/// ```swift
/// let gatehouse = try Gatehouse(
///     server: "https://id.example.org",
///     credential: .password(name: "alice$example.org", password: password))
/// try await gatehouse.setAddress("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", type: .bitcoinP2PKH)
/// let addresses = try await gatehouse.addresses(of: "alice$example.org")
/// ```
public struct Gatehouse: Sendable {
    /// Scheme, host and port, in lower case and without a trailing slash.
    public let server: String
    let transport: any Transport
    let clock: WallClock
    let retries: RetryPolicy
    let tokens: TokenHolder
    /// How requests are signed; nil for clients that have a token or nothing.
    let signing: SigningPolicy?
    let serverClock = ServerClock()

    /// - Parameters:
    ///   - server: `https://host[:port]`, or `http://` for a server on this machine.
    ///   - credential: nil for what needs none, such as looking addresses up, and for whoever calls `signIn` or has signed in
    ///     earlier, as `store` knows.
    ///   - door: where to sign in, and so how the token is renewed.
    ///   - store: where the tokens are kept; a file lets other processes and later runs use the same sign-in.
    ///   - transport: how requests travel; libcurl unless you bring your own.
    ///   - retries: when a request that failed is sent again.
    ///   - clock: what time it is, and how to wait; tests bring their own.
    ///   - insecureHTTP: takes `http://` for other machines too. Passwords and tokens then travel where others can read them.
    /// - Throws: `GatehouseError.invalidServer`.
    public init(
        server: String, credential: Credential? = nil, signingInAt door: SignInDoor = .openCAP,
        store: any CredentialStore = MemoryCredentialStore(), transport: (any Transport)? = nil,
        retries: RetryPolicy = RetryPolicy(), clock: WallClock = .system, insecureHTTP: Bool = false
    ) throws(GatehouseError) {
        let url = try ServerURL(server)
        guard url.isSecure || url.isThisMachine || insecureHTTP else {
            throw .invalidServer("Only https:// is safe for \(url.host), which is another machine.")
        }
        self.server = url.text
        self.transport = transport ?? LibcurlTransport()
        self.clock = clock
        self.retries = retries
        if case .signature(let policy) = credential { signing = policy } else { signing = nil }
        tokens = TokenHolder(credential: signing == nil ? credential : nil, door: door, store: store)
    }
}

extension Gatehouse: CustomStringConvertible, CustomReflectable {
    /// Names the server and nothing else.
    public var description: String { "Gatehouse(\(server))" }
    /// Nothing but the server, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: ["server": server]) }
}
