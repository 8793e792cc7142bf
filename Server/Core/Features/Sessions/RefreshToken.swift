import GatehouseCryptography

/// A refresh token as its holder presents it: 86 characters that mean nothing to them.
///
/// 16 octets name the session, 16 are random or derived, 32 are a code over both, so that made-up tokens are known without
/// asking the store and a rotated one is known for ever without keeping it.
struct RefreshToken: Sendable {
    let text: String
    let session: String

    /// What the store keeps.
    var digest: String { Base64URL.encode(Digest.sha256(Array(text.utf8))) }
}

/// Makes refresh tokens and recognises those that were made under the same master key.
struct RefreshTokenKey: Sendable {
    private static let saltSize = 16
    private static let sessionSize = 16
    private static let size = sessionSize + saltSize + 32

    private let authenticity: HMACKey
    private let succession: HMACKey

    init(_ masterKey: SealingKey) {
        authenticity = HMACKey(.sha256, secret: masterKey.derive("gatehouse refresh token authenticity", count: 32))
        succession = HMACKey(.sha256, secret: masterKey.derive("gatehouse refresh token succession", count: 32))
    }

    /// A token that nobody can guess.
    func make(for session: String) -> RefreshToken {
        token(for: session, salt: SystemRandom.bytes(Self.saltSize))
    }

    /// The successor of a presented token, the same each time for the same idempotency key, also after a restart. Nobody
    /// without the master key can compute it, and it is stored nowhere.
    func successor(of presented: RefreshToken, idempotencyKey: String) -> RefreshToken {
        let code = succession.code(for: Array(presented.text.utf8) + [0] + Array(idempotencyKey.utf8))
        return token(for: presented.session, salt: Array(code.prefix(Self.saltSize)))
    }

    /// Nil for what was not made here.
    func read(_ text: String) -> RefreshToken? {
        guard let octets = Base64URL.decode(text), octets.count == Self.size else { return nil }
        let content = Array(octets.prefix(Self.sessionSize + Self.saltSize))
        guard authenticity.isValid(Array(octets.suffix(32)), for: content) else { return nil }
        return RefreshToken(text: text, session: Base64URL.encode(Array(content.prefix(Self.sessionSize))))
    }

    private func token(for session: String, salt: [UInt8]) -> RefreshToken {
        guard let name = Base64URL.decode(session), name.count == Self.sessionSize else {
            preconditionFailure("a session is named by 16 octets in base64url")
        }
        let content = name + salt
        return RefreshToken(
            text: Base64URL.encode(content + authenticity.code(for: content)), session: session)
    }
}
