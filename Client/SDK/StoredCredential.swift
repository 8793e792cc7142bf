import GatehouseJSON

/// What a client keeps between its calls: the tokens of one sign-in. Whoever has it is signed in.
public struct StoredCredential: Sendable, Equatable {
    /// The server to which the tokens may be sent.
    public let server: String
    /// The alias or e-mail address that signed in, as it was given.
    public let name: String
    /// One more with each change; a new sign-in begins at random.
    public internal(set) var generation: Int64
    let door: SignInDoor
    var token: AccessToken
    var refreshToken: String?
    /// With what key the refresh token has been presented and no answer has come, as far as is known.
    var idempotencyKey: String?
    /// By how many seconds the server's clock was ahead of ours.
    var clockOffset: Int64

    /// The whole as UTF-8 JSON, for a store of one's own. It is secret.
    public var bytes: [UInt8] {
        var members: [JSONValue.Member] = [
            .init(name: "gatehouse_credential", value: .number(JSONNumber(Self.format))),
            .init(name: "server", value: .string(server)), .init(name: "name", value: .string(name)),
            .init(name: "door", value: door.json), .init(name: "generation", value: .number(JSONNumber(generation))),
            .init(name: "clock_offset", value: .number(JSONNumber(clockOffset))),
            .init(name: "token", value: .string(token.text)),
            .init(name: "starts", value: .number(JSONNumber(token.startsAt))),
            .init(name: "expires", value: .number(JSONNumber(token.expiresAt))),
        ]
        if let refreshToken { members.append(.init(name: "refresh_token", value: .string(refreshToken))) }
        if let idempotencyKey { members.append(.init(name: "idempotency_key", value: .string(idempotencyKey))) }
        return JSONValue.object(members).bytes()
    }

    /// Reads what `bytes` gave.
    ///
    /// - Throws: `.corrupted` for anything else.
    public init(bytes: [UInt8]) throws(CredentialStoreError) {
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue(parsing: bytes) } catch {
            throw .corrupted("it is not JSON")
        }
        guard json["gatehouse_credential"]?.int64 == Self.format else {
            throw .corrupted("it is no credential that this version can read")
        }
        guard let server = json["server"]?.string, let name = json["name"]?.string,
            let door = SignInDoor(json: json["door"]), let generation = json["generation"]?.int64,
            let clockOffset = json["clock_offset"]?.int64, clockOffset > .min, let token = json["token"]?.string,
            let startsAt = json["starts"]?.int64, let expiresAt = json["expires"]?.int64,
            Self.seconds.contains(startsAt), Self.seconds.contains(expiresAt),
            Self.seconds.contains(abs(clockOffset)), (0..<Int64.max).contains(generation)
        else { throw .corrupted("a member is missing or of the wrong type") }
        self.init(
            server: server, name: name, generation: generation, door: door,
            token: AccessToken(text: token, startsAt: startsAt, expiresAt: expiresAt),
            refreshToken: json["refresh_token"]?.string, idempotencyKey: json["idempotency_key"]?.string,
            clockOffset: clockOffset)
    }

    init(
        server: String, name: String, generation: Int64, door: SignInDoor, token: AccessToken, refreshToken: String?,
        idempotencyKey: String? = nil, clockOffset: Int64
    ) {
        self.server = server
        self.name = name
        self.generation = generation
        self.door = door
        self.token = token
        self.refreshToken = refreshToken
        self.idempotencyKey = idempotencyKey
        self.clockOffset = clockOffset
    }

    private static let format: Int64 = 1
    /// Up to the year 9999, so that sums do not overflow.
    static let seconds: ClosedRange<Int64> = 0...253_402_300_799
}

extension StoredCredential: CustomStringConvertible, CustomReflectable {
    /// Whose it is and where; no token.
    public var description: String { "StoredCredential(\(name) at \(server), generation \(generation))" }
    /// Nothing, so that `dump` shows no token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
