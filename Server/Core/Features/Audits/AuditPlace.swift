import GatehouseCryptography
import GatehouseStorage

/// A place in the chain: how many events there have been up to it, and the code of the last of them.
package struct AuditPlace: Sendable, Equatable, CustomStringConvertible {
    package let count: Int64
    /// Base64url; empty before the first event.
    package let code: String

    static let beginning = AuditPlace(count: 0, code: "")

    init(count: Int64, code: String) {
        self.count = count
        self.code = code
    }

    /// `COUNT:CODE`, as `gatehouse audit verify` prints it; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int64(parts[0]), count >= 0, String(count) == parts[0],
            count == 0 ? parts[1].isEmpty : Base64URL.decode(String(parts[1]))?.count == 32
        else { return nil }
        self.init(count: count, code: String(parts[1]))
    }

    package var description: String { "\(count):\(code)" }
}

/// The keys of the log, made from the master key, each for one purpose.
struct AuditKeys: Sendable {
    let chain: HMACKey
    private let places: HMACKey

    init(_ masterKey: SealingKey) {
        chain = HMACKey(.sha256, secret: masterKey.derive("gatehouse audit chain", count: 32))
        places = HMACKey(.sha256, secret: masterKey.derive("gatehouse audit places", count: 32))
    }

    /// What a place is for; a proof for one is none for the other.
    enum Purpose: String { case head, start }

    func proof(of place: AuditPlace, as purpose: Purpose) -> String {
        Base64URL.encode(places.code(for: Self.octets(place, purpose)))
    }

    func isProof(_ proof: String, of place: AuditPlace, as purpose: Purpose) -> Bool {
        places.isValid(Base64URL.decode(proof) ?? [], for: Self.octets(place, purpose))
    }

    private static func octets(_ place: AuditPlace, _ purpose: Purpose) -> [UInt8] {
        var octets: [UInt8] = []
        AuditEvent.append(.text(purpose.rawValue), to: &octets)
        AuditEvent.append(.integer(place.count), to: &octets)
        AuditEvent.append(.text(place.code), to: &octets)
        return octets
    }
}
