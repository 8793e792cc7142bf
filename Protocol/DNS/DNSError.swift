/// Why a question to the domain name system has no answer that can be used.
package enum DNSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no such name (NXDOMAIN, RFC 1035 §4.1.1).
    case nameUnknown
    /// The name has no record of the kind (RFC 2308 §2.2).
    case noData
    /// No server answered in time.
    case timedOut
    /// The servers say that they cannot tell, or cannot be reached.
    case serverFailed
    /// The servers do not answer us.
    case refused
    /// An answer that breaks the rules of RFC 1035, or answers something else.
    case malformed
    /// The text is no name that could be asked for.
    case invalidName
    case cancelled

    package var description: String {
        switch self {
        case .nameUnknown: "There is no such name in DNS."
        case .noData: "The name has no such record in DNS."
        case .timedOut: "No name server answered in time."
        case .serverFailed: "The name servers cannot tell."
        case .refused: "The name servers refuse to answer."
        case .malformed: "A name server answered what cannot be read."
        case .invalidName: "This is no name that DNS could know."
        case .cancelled: "The question was cancelled."
        }
    }

    /// Whether it is known that there is no such record, rather than not known whether there is one.
    package var isCertain: Bool { self == .nameUnknown || self == .noData }
}
