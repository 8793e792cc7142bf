/// Which fields are structured, and how: what `sf` and `key` need to know (RFC 9421 §2.1.1).
public struct StructuredFieldTypes: Sendable {
    /// The top level of a structured field (RFC 9651 §3).
    public enum Kind: Sendable {
        /// RFC 9651 §3.3
        case item
        /// RFC 9651 §3.1
        case list
        /// RFC 9651 §3.2
        case dictionary
    }

    /// What the registry of field names says, and of the older fields those that read as structured ones.
    public static let registered = StructuredFieldTypes([
        "accept": .list, "accept-ch": .list, "accept-encoding": .list, "accept-language": .list,
        "accept-patch": .list, "accept-post": .list, "accept-ranges": .list, "accept-signature": .dictionary,
        "allow": .list, "cache-control": .dictionary, "cache-status": .list, "cdn-cache-control": .dictionary,
        "client-cert": .item, "client-cert-chain": .list, "content-digest": .dictionary, "content-encoding": .list,
        "content-language": .list, "content-length": .item, "content-type": .item,
        "cross-origin-embedder-policy": .item, "cross-origin-opener-policy": .item, "priority": .dictionary,
        "proxy-status": .list, "repr-digest": .dictionary, "signature": .dictionary, "signature-input": .dictionary,
        "te": .list, "trailer": .list, "transfer-encoding": .list, "vary": .list,
        "want-content-digest": .dictionary, "want-repr-digest": .dictionary,
    ])

    private var kinds: [String: Kind]

    /// - Parameter kinds: names in lower case.
    public init(_ kinds: [String: Kind]) { self.kinds = kinds }

    /// These and others of one's own, which win.
    public func adding(_ kinds: [String: Kind]) -> StructuredFieldTypes {
        StructuredFieldTypes(self.kinds.merging(kinds) { $1 })
    }

    subscript(name: String) -> Kind? { kinds[name] }

    /// Whether a value has as few members and parameters as an honest one. The parser looks through all before at each.
    static func isReadable(_ value: [UInt8]) -> Bool {
        value.count { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ";") } <= 256
    }
}
