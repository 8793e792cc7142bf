public import GatehouseClient
import GatehouseDNS

/// Why an alias was not resolved.
public enum ResolverError: Error, Sendable, Equatable {
    /// The text is no alias; why, in a sentence.
    case invalidAlias(String)
    /// The domain does not say in DNS that it offers OpenCAP (no SRV record, or one that says so). Nobody was asked.
    case notOffered(domain: String)
    /// The name servers did not say where OpenCAP of the domain is.
    case nameServer(NameServerFailure, domain: String)
    /// The domain names other hosts than before. Nobody was asked.
    case hostChanged(HostChange)
    /// None of the domain's hosts gave an answer; why, in the order in which they were tried.
    case unreachable([TargetFailure])
    /// The server knows no such alias.
    case unknownAlias
    /// The server refused otherwise; its own code and words.
    case refused(GatehouseError.Refusal)
    /// The server says an address that is none of its type. None of the alias's addresses is believed then; why, in a sentence.
    case invalidAddress(type: AddressType, reason: String)
    /// What came is not what the protocol promises.
    case unexpectedAnswer(String)
    /// The pinned hosts could not be read or kept; why, in a sentence.
    case pinStore(String)
    /// It took longer than the resolver's timeout.
    case timedOut
    /// The task was cancelled.
    case cancelled
    /// The text is no IP address with or without a port.
    case invalidNameServer(String)

    /// Why name servers did not help.
    public enum NameServerFailure: Sendable, Equatable {
        /// None answered.
        case timedOut
        /// They cannot tell, or cannot be reached.
        case failed
        /// They refuse to answer.
        case refused
        /// The answer breaks the rules of DNS, or names no host that could be asked.
        case malformed
    }
}

/// Other hosts answer for a domain than those that are pinned.
public struct HostChange: Sendable, Equatable {
    /// In lower case.
    public let domain: String
    /// The host names that are pinned, sorted.
    public let known: [String]
    /// Those that DNS names now, sorted.
    public let found: [String]
}

/// Why a host gave no answer.
public struct TargetFailure: Sendable, Equatable {
    /// Its name, as DNS has it.
    public let host: String
    /// Its port.
    public let port: UInt16
    /// What happened; nil when it answered that it cannot (5xx).
    public let kind: TransportFailure.Kind?
    /// The same in words, without a full stop at the end.
    public let reason: String

    init(_ target: Target, _ kind: TransportFailure.Kind?, _ reason: String) {
        (host, port) = (target.host, target.port)
        self.kind = kind
        self.reason = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
    }
}

extension ResolverError {
    init(_ error: DNSError, domain: String) {
        switch error {
        case .cancelled: self = .cancelled
        case .timedOut: self = .nameServer(.timedOut, domain: domain)
        case .refused: self = .nameServer(.refused, domain: domain)
        case .malformed: self = .nameServer(.malformed, domain: domain)
        case .nameUnknown, .noData, .invalidName: self = .notOffered(domain: domain)
        case .serverFailed: self = .nameServer(.failed, domain: domain)
        }
    }
}

extension ResolverError: CustomStringConvertible {
    /// A sentence for people.
    public var description: String {
        switch self {
        case .invalidAlias(let reason), .pinStore(let reason): reason
        case .notOffered(let domain):
            "\(domain) does not offer OpenCAP: DNS names no host for _opencap._tcp.\(domain) (SRV)."
        case .nameServer(let failure, let domain): "Where OpenCAP of \(domain) is, is not known: \(failure)."
        case .hostChanged(let change):
            "\(change.domain) names other hosts than before: \(change.found.joined(separator: ", ")) instead of \(change.known.joined(separator: ", ")). Somebody may want to have your payments; nobody was asked."
        case .unreachable(let failures):
            "No host of the domain answered: \(failures.map { "\($0.host):\($0.port): \($0.reason)" }.joined(separator: "; "))."
        case .unknownAlias: "The server knows no such alias."
        case .refused(let refusal): "\(refusal.message) (\(refusal.code ?? String(refusal.status)))"
        case .invalidAddress(let type, let reason): "The server's address of type \(type.rawValue) is wrong: \(reason)"
        case .unexpectedAnswer(let reason): "The server's answer makes no sense: \(reason)."
        case .timedOut: "It took too long."
        case .cancelled: "The task was cancelled."
        case .invalidNameServer(let text):
            "\"\(text)\" is no name server: give an IP address such as 192.0.2.1 or [::1]:5353."
        }
    }
}

extension ResolverError.NameServerFailure: CustomStringConvertible {
    /// What happened, without a full stop at the end.
    public var description: String {
        switch self {
        case .timedOut: "no name server answered in time"
        case .failed: "the name servers cannot tell, or cannot be reached"
        case .refused: "the name servers refuse to answer"
        case .malformed: "what DNS has there names no host that could be asked"
        }
    }
}
