import GatehouseCryptography
import GatehouseJSON
import GatehouseOpenCAP
import HTTPTypes
import GatehouseMessages
package import GatehouseStorage
import NIOConcurrencyHelpers
package import WebTokens

/// Who made a call, by a valid token of a living session. Handlers that take one cannot run for strangers.
package struct SignedIn: Sendable {
    package let account: Account
    /// The session's identifier (`sid`).
    package let session: String
}

/// Issues access tokens and says for whom a presented one speaks.
package struct AccessTokens: Sendable {
    let database: any Database
    let key: SigningKey
    let verifier: TokenVerifier
    let issuer: String
    let clock: Clock
    private let verdicts = AuthorizationCache()

    /// Clock skew that is forgiven, in seconds (SPEC §0).
    static let leeway: Int64 = 10
    static let type = "at+jwt"

    /// - Parameter issuer: `iss` and `aud` of our tokens: the public URL, or `gatehouse`.
    package init(database: any Database, key: SigningKey, issuer: String, clock: Clock, faults: Faults) throws {
        self.database = database
        self.key = key
        self.issuer = issuer
        self.clock = clock
        var leeway = Self.leeway
        #if DEBUG
        if faults.active.contains(.tokenExpiryUnchecked) { leeway = Int64(UInt32.max) }
        #endif
        verifier = TokenVerifier(
            keys: KeySet([key.verificationKey]), type: Self.type, issuer: issuer, audience: issuer,
            leewaySeconds: leeway)
    }

    /// - Parameter lifetime: in seconds.
    func issue(to account: Account, session: String, lifetime: Int64) throws -> String {
        let now = clock.now().unixSeconds
        var claims = JSONWriter(reserving: 512)
        func text(_ name: StaticString, _ value: String) {
            claims.raw(name)
            claims.string(value)
        }
        func number(_ name: StaticString, _ value: Int64) {
            claims.raw(name)
            claims.integer(value)
        }
        text("{\"iss\":", issuer)
        text(",\"aud\":", issuer)
        text(",\"sub\":", account.id)
        number(",\"iat\":", now)
        number(",\"nbf\":", now)
        number(",\"exp\":", now + lifetime)
        text(",\"jti\":", SystemRandom.identifier())
        text(",\"sid\":", session)
        // RFC 8693 §4.2: scopes are one string, separated by spaces.
        text(",\"scope\":", Role.allCases.filter(account.roles.contains).map(\.rawValue).joined(separator: " "))
        // What clients of the original programs read.
        text(",\"identity\":", account.id)
        text(",\"login\":", account.email ?? account.alias?.text ?? account.id)
        if let alias = account.alias {
            text(",\"username\":", alias.username)
            text(",\"domain\":", alias.domain)
        }
        claims.raw("}")
        return try JWS.sign(claims.bytes, type: Self.type, with: key)
    }

    /// Who the token speaks for.
    ///
    /// - Throws: `Problem.expiredToken` for one of ours that is over, `.invalidToken` for everything else.
    package func check(_ token: String) async throws -> SignedIn {
        let claims: Claims
        do {
            claims = try verifier.verify(token, nowSeconds: clock.now().unixSeconds)
        } catch {
            throw error == .expired ? Problem.expiredToken : Problem.invalidToken
        }
        guard let session = claims.session, let subject = claims.subject else { throw Problem.invalidToken }
        guard let account = try await liveAccount(of: session), account.id == subject else {
            throw Problem.invalidToken
        }
        return SignedIn(account: account, session: session)
    }

    /// The account of a session that has not ended. Asks the store only when an authorisation has changed anywhere since
    /// this session was last seen.
    private func liveAccount(of session: String) async throws -> Account? {
        // Taken before the rows are read, so that a change in between makes the verdict stale and not wrong.
        let generation = try await database.generation()
        let now = clock.now()
        if let known = verdicts.account(of: session, generation: generation, now: now) { return known }
        let found = try await database.read { sql -> (Account, Int64)? in
            guard
                let row = try sql(
                    "SELECT account_id, expires_at FROM sessions WHERE id = \(session) AND expires_at > \(now)"
                ).first, let account = try Account.load(try row.text("account_id"), in: sql)
            else { return nil }
            return (account, try row.integer("expires_at"))
        }
        guard let (account, expiresAt) = found else { return nil }
        verdicts.remember(account, of: session, until: expiresAt, generation: generation)
        return account
    }
}

/// Accounts of living sessions, as of one generation of the store: nothing in it outlives a change of any authorisation.
private final class AuthorizationCache: Sendable {
    private struct State {
        var generation: Int64 = -1
        var accounts: [String: (account: Account, expiresAt: Int64)] = [:]
    }

    /// Sessions remembered at most. An account takes some 300 octets, so all of them a few megabytes.
    private static let capacity = 10_000

    private let state = NIOLockedValueBox(State())

    func account(of session: String, generation: Int64, now: Int64) -> Account? {
        state.withLockedValue { state in
            guard state.generation == generation, let entry = state.accounts[session], entry.expiresAt > now else {
                return nil
            }
            return entry.account
        }
    }

    func remember(_ account: Account, of session: String, until expiresAt: Int64, generation: Int64) {
        state.withLockedValue { state in
            guard generation >= state.generation else { return }
            if generation > state.generation || state.accounts.count >= Self.capacity {
                state.accounts.removeAll(keepingCapacity: true)
                state.generation = generation
            }
            state.accounts[session] = (account, expiresAt)
        }
    }
}

extension Access where Caller == SignedIn {
    /// Somebody with a valid token.
    static func signedIn(_ tokens: AccessTokens) -> Access {
        Access { call in
            guard let token = try call.bearer() else { throw Problem.authenticationRequired }
            return try await tokens.check(token)
        }
    }
}

extension Call {
    /// The value of `Authorization: Bearer …` (RFC 6750 §2.1); nil when there is no `Authorization`.
    ///
    /// - Throws: `Problem.invalidToken` for two `Authorization` lines or anything but one word after the scheme,
    ///   `.authenticationRequired` for another scheme, which is no credential here.
    func bearer() throws(Problem) -> String? {
        let lines = headers[values: .authorization]
        guard let line = lines.first else { return nil }
        guard lines.count == 1 else { throw .invalidToken }
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        guard words.first?.lowercased() == "bearer" else { throw .authenticationRequired }
        guard words.count == 2 else { throw .invalidToken }
        return String(words[1])
    }
}
