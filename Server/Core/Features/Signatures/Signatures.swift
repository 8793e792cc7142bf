import GatehouseMessages
import GatehouseStorage
import HTTPSignatures
import HTTPTypes

/// A signature that was found good, and not yet used up.
struct VerifiedSignature: Sendable {
    let key: APIKey
    /// Of the digest field that it covers; nil when it covers none.
    let coveredDigest: BodyDigest?
    /// Under which it is remembered; nil for one that may come again.
    fileprivate let identity: [UInt8]?
    /// When it stops being accepted, in Unix seconds.
    fileprivate let end: Int64
}

/// Finds out which key signed a request (draft-cavage-http-signatures-12, RFC 9421).
struct Signatures: Sendable {
    let database: any Database
    let keys: APIKeys
    let accepted: AcceptedSignatures
    let clock: Clock
    let faults: Faults
    private let decoys = Decoys()

    init(database: any Database, keys: APIKeys, accepted: AcceptedSignatures, clock: Clock, faults: Faults) {
        self.database = database
        self.keys = keys
        self.accepted = accepted
        self.clock = clock
        self.faults = faults
    }

    /// - Throws: `Problem.signatureMissing`, `.signatureStale`, `.signatureInvalid`, each with the reason for the log.
    func verify(
        _ request: OriginalRequest, body: SignaturePolicy.Body, by policy: SignaturePolicy
    ) async throws -> VerifiedSignature {
        do { return try await check(request, body, policy, now: clock.now()) } catch let refused as Refused {
            #if DEBUG
            for other in faults.othersToTry(request, body, policy, refused.refusal, now: clock.now()) {
                if let found = try? await check(other.request, other.body, other.policy, now: other.now) {
                    return found
                }
            }
            #endif
            throw refused.problem
        }
    }

    /// Uses a signature up. Everything else has been decided by now; when this returns, that is on the disk.
    ///
    /// - Throws: `Problem.signatureInvalid` when it was used before.
    func accept(_ verified: VerifiedSignature) async throws {
        if let identity = verified.identity, !isReplayUnchecked {
            guard try await accepted.accept(identity, of: verified.key.account.id, until: verified.end) else {
                throw Refused(refusal: SignatureRefusal(.replayed), key: verified.key).problem
            }
        }
        keys.known.note(verified.key.entry.id, at: clock.now())
    }

    private var isReplayUnchecked: Bool {
        #if DEBUG
        return faults.active.contains(.signatureReplay)
        #else
        return false
        #endif
    }

    /// One good signature is enough; the refusal is that of the first.
    private func check(
        _ request: OriginalRequest, _ body: SignaturePolicy.Body, _ policy: SignaturePolicy, now: Int64
    ) async throws -> VerifiedSignature {
        let message = request.message
        let all: [ReceivedSignature]
        do { all = try ReceivedSignature.all(of: message) } catch { throw Refused(refusal: error, key: nil) }
        var first: Refused?
        for received in all {
            do {
                return try await check(received, of: message, isSafe: request.isSafe, body, policy, now: now)
            } catch let refused as Refused {
                first = first ?? refused
            }
        }
        throw first ?? Refused(refusal: SignatureRefusal(.missing), key: nil)
    }

    private func check(
        _ received: ReceivedSignature, of message: SignableMessage, isSafe: Bool, _ body: SignaturePolicy.Body,
        _ policy: SignaturePolicy, now: Int64
    ) async throws -> VerifiedSignature {
        // Taken before anything is read, so that a change in between makes a verdict stale and not wrong.
        let generation = try await database.generation()
        var key: APIKey?
        if let id = received.keyID { key = try await keys.find(id, at: generation) }
        let secrets = key?.secrets(at: now) ?? []
        do throws(SignatureRefusal) {
            let base = try verify(received, of: message, with: secrets)
            guard let key else { throw SignatureRefusal(.unknownKey) }
            let end = try policy.check(received, of: message, body: body, now: now.unixSeconds)
            let mayRepeat = isSafe && received.nonce == nil && !key.entry.isStrict
            return VerifiedSignature(
                key: key, coveredDigest: BodyDigest.allCases.first { received.covers($0.rawValue) },
                identity: mayRepeat ? nil : received.replayIdentity(base: base), end: end)
        } catch {
            throw Refused(refusal: error, key: key)
        }
    }

    /// Takes as long for a key that there is not.
    ///
    /// - Parameter secrets: those of the key, the newer first; empty for one that does not count.
    /// - Returns: what was signed.
    private func verify(
        _ received: ReceivedSignature, of message: SignableMessage, with secrets: [SignatureKey]
    ) throws(SignatureRefusal) -> [UInt8] {
        var refusal = SignatureRefusal(.unknownKey)
        for secret in secrets {
            do { return try received.verify(message, with: secret) } catch { refusal = error }
        }
        switch refusal.reason {
        case .unknownKey, .wrongAlgorithm: decoys.check(received, of: message)
        default: break
        }
        throw refusal
    }
}

/// Why a signature was refused, and which key it names.
private struct Refused: Error {
    let refusal: SignatureRefusal
    let key: APIKey?

    var problem: Problem {
        var problem: Problem =
            switch refusal.code {
            case Problem.signatureMissing.code: .signatureMissing
            case Problem.signatureStale.code: .signatureStale
            default: .signatureInvalid
            }
        problem.reason = "\(refusal)"
        if let key, key.entry.isDebug, let base = refusal.base {
            problem.headers[.signatureBaseDigests] = BaseDigests(of: base).text
        }
        return problem
    }
}

extension HTTPField.Name {
    static let signatureBaseDigests = HTTPField.Name("Signature-Base-Digests")!
}
