/// What is asked about a name, or said of it.
package enum DNSRecordType: UInt16, Sendable {
    /// An IPv4 address (RFC 1035 §3.4.1).
    case a = 1
    /// Another name of it (RFC 1035 §3.3.1).
    case cname = 5
    /// The start of a zone (RFC 1035 §3.3.13).
    case soa = 6
    /// A text (RFC 1035 §3.3.14).
    case txt = 16
    /// An IPv6 address (RFC 3596 §2.1).
    case aaaa = 28
    /// Where a service is (RFC 2782).
    case srv = 33
}
