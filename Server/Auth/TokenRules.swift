import GatehouseCryptography
import GatehouseMessages
import HTTPTypes
import Logging
import WebTokens

/// Which access tokens (RFC 9068) a server takes: those of one issuer, for this server, signed with the issuer's keys.
///
/// Make one and share it: it remembers the tokens that it verified last, as long as the keys stay the same.
public struct TokenRules: Sendable {
    private let keys: KeySource
    private let issuer: String
    private let audience: String
    private let leewaySeconds: Int64
    private let nowSeconds: @Sendable () -> Int64
    private let verifier = Locked<Verifier?>(nil)

    private struct Verifier {
        let keys: IssuerKeys
        let tokens: TokenVerifier
    }

    /// - Parameters:
    ///   - keys: where the issuer's keys come from.
    ///   - issuer: `iss`, compared octet by octet: the public URL of a Gatehouse server, `gatehouse` without one.
    ///   - audience: what `aud` must hold: the name of this server, which the client asks for when it signs in. There
    ///     is no default, because a token for somebody else must not pass (RFC 8725 §3.9). Also the realm of the
    ///     challenge.
    ///   - leeway: how far the clocks of issuer and server may be apart, in whole seconds.
    public init(keys: KeySource, issuer: String, audience: String, leeway: Duration = .seconds(10)) {
        self.init(keys: keys, issuer: issuer, audience: audience, leeway: leeway, nowSeconds: TimeOfDay.unixSeconds)
    }

    /// With a clock of one's own, in Unix seconds; for tests.
    package init(
        keys: KeySource, issuer: String, audience: String, leeway: Duration,
        nowSeconds: @escaping @Sendable () -> Int64
    ) {
        precondition(leeway >= .zero, "a leeway is not negative")
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        leewaySeconds = leeway.components.seconds
        self.nowSeconds = nowSeconds
    }

    /// Who sent the request.
    ///
    /// - Throws: `AuthorizationError`: without a good token, without one of the scopes, or when there are no keys to
    ///   check with.
    func caller(
        with headers: HTTPFields, requiring scope: [String], logger: Logger
    ) async throws(AuthorizationError) -> Caller {
        do throws(Problem) {
            guard let token = try headers.bearerToken() else { throw .authenticationRequired }
            guard let caller = Caller(try await claims(of: token, logger: logger)) else { throw .invalidToken }
            guard scope.allSatisfy(caller.has(scope:)) else { throw .insufficientScope }
            return caller
        } catch {
            logger.debug("refused", metadata: ["code": .string(error.code)])
            guard error.status != .serviceUnavailable else { throw AuthorizationError(error) }
            throw AuthorizationError(error.challenging(realm: audience, scope: scope))
        }
    }

    /// What a request without any credential is told, for the header of a refusal.
    var challenge: HTTPFields { Problem.authenticationRequired.challenging(realm: audience, scope: []).headers }

    private func claims(of token: String, logger: Logger) async throws(Problem) -> Claims {
        let now = nowSeconds()
        let known = try await issuerKeys(insteadOf: nil, logger)
        do throws(TokenError) {
            do { return try tokens(with: known).verify(token, nowSeconds: now) } catch {
                // The issuer may sign with a newer key by now.
                guard error == .unknownKey else { throw error }
            }
        } catch {
            throw Self.problem(for: error, logger)
        }
        let newer = try await issuerKeys(insteadOf: known, logger)
        guard newer !== known else { throw Self.problem(for: .unknownKey, logger) }
        do { return try tokens(with: newer).verify(token, nowSeconds: now) } catch {
            throw Self.problem(for: error, logger)
        }
    }

    /// Without keys nobody is let through.
    private func issuerKeys(insteadOf keys: IssuerKeys?, _ logger: Logger) async throws(Problem) -> IssuerKeys {
        do { return try await self.keys.keys(keys) } catch {
            throw .keysUnavailable.retry(after: error, "no keys to check tokens with", logger)
        }
    }

    /// What a verifier remembers of tokens goes with the keys.
    private func tokens(with keys: IssuerKeys) -> TokenVerifier {
        verifier.withLock { known in
            if let known, known.keys === keys { return known.tokens }
            let made = TokenVerifier(
                keys: keys.keys, type: "at+jwt", issuer: issuer, audience: audience, leewaySeconds: leewaySeconds)
            known = Verifier(keys: keys, tokens: made)
            return made
        }
    }

    /// A stranger learns no more than that the token is not good, or no longer.
    private static func problem(for error: TokenError, _ logger: Logger) -> Problem {
        logger.debug("token refused", metadata: ["reason": .string("\(error)")])
        return error == .expired ? .expiredToken : .invalidToken
    }
}
