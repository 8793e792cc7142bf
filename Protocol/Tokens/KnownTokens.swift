import GatehouseCryptography

/// Tokens that one verifier found right in everything that time does not change: signature, kind, issuer, audience,
/// required claims.
///
/// A client sends the same token with each request, and checking an Ed25519 signature takes a hundred times as long as
/// looking here. Only tokens that verified come in, so that strangers cannot fill it. Nothing in it outlives a change:
/// keys and rules of a verifier are fixed, times are compared anew each time, and whether a session still lives is not
/// decided here.
final class KnownTokens: Sendable {
    /// Digests remembered at least until as many others have come; twice as many are there at most, some 3 MB.
    static let generationSize = 1024

    private struct Generations {
        // By SHA-256, so that no token that somebody could use stays in memory for this.
        var young: [[UInt8]: Claims] = [:]
        var old: [[UInt8]: Claims] = [:]
    }

    private let generations = Locked(Generations())

    func claims(of digest: [UInt8]) -> Claims? {
        generations.withLock { generations in
            if let claims = generations.young[digest] { return claims }
            guard let claims = generations.old[digest] else { return nil }
            Self.insert(claims, digest, into: &generations)
            return claims
        }
    }

    func remember(_ claims: Claims, of digest: [UInt8]) {
        generations.withLock { Self.insert(claims, digest, into: &$0) }
    }

    /// What is not asked for during a whole generation is forgotten.
    private static func insert(_ claims: Claims, _ digest: [UInt8], into generations: inout Generations) {
        if generations.young.count >= generationSize {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[digest] = claims
    }

    /// How many are remembered.
    var count: Int { generations.withLock { $0.young.count + $0.old.count } }
}
