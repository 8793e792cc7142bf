import GatehouseCryptography
import GatehouseJSON
import GatehouseOpenCAP
import HTTPTypes
import GatehouseMessages
package import GatehouseStorage
import NIOConcurrencyHelpers
import WebTokens

/// An access token that was made just now.
package struct IssuedToken: Sendable {
    package let text: String
    /// Unix seconds.
    package let startsAt: Int64
    /// Unix seconds.
    package let expiresAt: Int64
}

/// Issues access tokens and says for whom a presented one speaks.
package struct AccessTokens: Sendable {
    let database: any Database
    let keys: SigningKeys
    let issuer: String
    let living: LivingSessions
    let clock: Clock
    private let faults: Faults
    /// Whom a token must be for; nil for anybody.
    private let audience: String?
    private let verifiers = NIOLockedValueBox<Verifiers?>(nil)

    /// What decides about tokens as long as the keys do not change.
    private struct Verifiers {
        let ring: KeyRing
        let ours: TokenVerifier
        /// For what an issuer is asked about its own tokens: whoever they are for.
        let issuers: TokenVerifier
    }

    /// Clock skew that is forgiven, in seconds (T-30 in Docs/API.md).
    static let leeway: Int64 = 10
    /// An account that is only an alias never gets a token for longer than this, in seconds.
    static let longestOfAlias: Int64 = 900
    static let type = "at+jwt"

    /// - Parameters:
    ///   - issuer: `iss` and `aud` of our tokens: the public URL, or `gatehouse`.
    ///   - living: sessions known to live, whose use is written to the store by whoever shares this.
    package init(
        database: any Database, keys: SigningKeys, issuer: String, living: LivingSessions, clock: Clock, faults: Faults
    ) {
        self.database = database
        self.keys = keys
        self.issuer = issuer
        self.living = living
        self.clock = clock
        self.faults = faults
        var audience: String? = issuer
        #if DEBUG
        if faults.active.contains(.audienceUnchecked) { audience = nil }
        #endif
        self.audience = audience
    }

    /// - Parameter lifetime: in seconds. A token never outlives its session.
    func issue(to account: Account, session: Session, lifetime: Int64) async throws -> IssuedToken {
        let key = try await keys.keyForToken(lifetime: lifetime)
        let now = clock.now().unixSeconds
        let granted = account.roles == [.alias] ? min(lifetime, Self.longestOfAlias) : lifetime
        let expiresAt = min(now + granted, session.expiresAt.unixSeconds)
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
        text(",\"aud\":", session.audience ?? issuer)
        text(",\"sub\":", account.id)
        number(",\"iat\":", now)
        number(",\"nbf\":", now)
        number(",\"exp\":", expiresAt)
        text(",\"jti\":", SystemRandom.identifier())
        text(",\"sid\":", session.id)
        text(",\"scope\":", account.scope)
        // What clients of the original programs read.
        text(",\"identity\":", account.id)
        text(",\"login\":", account.login)
        if let alias = account.alias {
            text(",\"username\":", alias.username)
            text(",\"domain\":", alias.domain)
        }
        claims.raw("}")
        return IssuedToken(
            text: try JWS.sign(claims.bytes, type: Self.type, with: key), startsAt: now, expiresAt: expiresAt)
    }

    /// Who the token speaks for.
    ///
    /// - Throws: `Problem.expiredToken` for one of ours that is over, `.invalidToken` for everything else.
    package func check(_ token: String) async throws -> SignedIn {
        // Taken before anything is read, so that a change in between makes a verdict stale and not wrong.
        let generation = try await database.generation()
        let verifier = verifiers(with: try await keys.current(at: generation)).ours
        let claims = try Self.claims { () throws(TokenError) in
            try verifiedClaims(of: token, by: verifier)
        }
        guard let session = claims.session, let subject = claims.subject else { throw Problem.invalidToken }
        guard let account = try await liveAccount(of: session, subject: subject, at: generation), account.id == subject
        else {
            throw Problem.invalidToken
        }
        return SignedIn(account: account, credential: .session(session))
    }

    private func verifiedClaims(of token: String, by verifier: TokenVerifier) throws(TokenError) -> Claims {
        let now = clock.now().unixSeconds
        do throws(TokenError) { return try verifier.verify(token, nowSeconds: now) } catch {
            #if DEBUG
            // Both say that what was looked at before is right, so this leaves out one check and no other.
            if (error == .expired && faults.active.contains(.tokenExpiryUnchecked))
                || (error == .notYetValid && faults.active.contains(.tokenFromTheFuture))
            {
                return try verifier.verify(token, nowSeconds: now, leewaySeconds: Int64(UInt32.max))
            }
            #endif
            throw error
        }
    }

    /// The claims of one of our tokens, whoever it is for. Whether its session lives is not asked.
    ///
    /// - Throws: as `check`.
    func claimsForAnyAudience(of token: String, leewaySeconds: Int64) async throws -> Claims {
        let verifier = verifiers(with: try await keys.current()).issuers
        return try Self.claims { () throws(TokenError) in
            try verifier.verify(token, nowSeconds: clock.now().unixSeconds, leewaySeconds: leewaySeconds)
        }
    }

    /// What verifiers remember of tokens goes with the keys.
    private func verifiers(with ring: KeyRing) -> Verifiers {
        verifiers.withLockedValue { known in
            if let known, known.ring === ring { return known }
            let made = Verifiers(
                ring: ring,
                ours: TokenVerifier(
                    keys: ring.accepted, type: Self.type, issuer: issuer, audience: audience, leewaySeconds: Self.leeway
                ),
                issuers: TokenVerifier(
                    keys: ring.accepted, type: Self.type, issuer: issuer, audience: nil, leewaySeconds: 0))
            known = made
            return made
        }
    }

    private static func claims(_ verify: () throws(TokenError) -> Claims) throws(Problem) -> Claims {
        do { return try verify() } catch { throw error == .expired ? .expiredToken : .invalidToken }
    }

    /// The account of a session that has not ended. Asks the store only when an authorisation has changed anywhere since
    /// this session was last seen.
    private func liveAccount(of session: String, subject: String, at generation: Int64) async throws -> Account? {
        let now = clock.now()
        if let known = living.account(of: session, generation: generation, at: now) { return known }
        let found = try await database.read { sql -> (Session, Account)? in
            guard let session = try Session.load(session, in: sql),
                let account = try Account.load(session.account, in: sql)
            else { return nil }
            return (session, account)
        }
        guard let (session, account) = found, living.isAlive(session, at: now) else {
            #if DEBUG
            if faults.active.contains(.sessionEndIgnored) {
                return try await database.read { sql in try Account.load(subject, in: sql) }
            }
            #endif
            return nil
        }
        living.remember(account, of: session, generation: generation, at: now)
        return account
    }
}
