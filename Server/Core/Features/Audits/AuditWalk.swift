package import GatehouseJSON

/// Checks sealed events one after the other, in the order of their sequence.
struct AuditWalk {
    let keys: AuditKeys
    /// The last event that was looked at; its code is nil when it is not known.
    private(set) var last: Int64
    private(set) var lastCode: String?
    private(set) var findings = AuditFindings()

    /// - Parameter start: where the chain begins; nil when that is not known.
    init(_ keys: AuditKeys, from start: AuditPlace?) {
        self.keys = keys
        last = start?.count ?? 0
        lastCode = start?.code
    }

    mutating func step(_ event: AuditEvent) {
        guard let sequence = event.sequence, sequence > last else {
            findings.add(.repeated(event.sequence ?? 0, event.time))
            return
        }
        if sequence > last + 1 {
            findings.add(.missing(last + 1, sequence - 1, before: event.time))
            lastCode = nil
        }
        // Behind a gap nobody knows what came before; the gap is reported.
        if let lastCode, event.code(after: lastCode, at: sequence, under: keys.chain) != event.code {
            findings.add(.changed(sequence, event.time))
        }
        last = sequence
        lastCode = event.code ?? ""
    }

    mutating func add(_ finding: AuditFinding) { findings.add(finding) }
}

/// What is wrong with a log, in the order of the log.
package struct AuditFindings: Sendable {
    /// Those that are told one by one.
    package private(set) var told: [AuditFinding] = []
    package private(set) var count = 0

    /// A log under a wrong key would otherwise be a million findings.
    private static let maximum = 100

    mutating func add(_ finding: AuditFinding) {
        count += 1
        if told.count < Self.maximum { told.append(finding) }
    }
}

package enum AuditFinding: Sendable, Equatable, CustomStringConvertible {
    case changed(Int64, String)
    case missing(Int64, Int64, before: String)
    case repeated(Int64, String)
    case startNotAuthentic(Int64)
    case noHead(String)
    case headNotAuthentic(String)
    case cutOff(from: Int64, to: Int64, String)
    case otherThanHead(Int64, String)
    case beforeStart(Int64, start: Int64, String)
    case unsealedAmong(number: Int64, String)
    case unsealedFor(number: Int64, String, seconds: Int64)

    /// A stable word for it.
    package var kind: String {
        switch self {
        case .changed: "changed"
        case .missing: "missing"
        case .repeated: "repeated"
        case .startNotAuthentic: "start-not-authentic"
        case .noHead: "no-head"
        case .headNotAuthentic: "head-not-authentic"
        case .cutOff: "cut-off"
        case .otherThanHead: "other-than-head"
        case .beforeStart: "before-start"
        case .unsealedAmong: "unsealed-among"
        case .unsealedFor: "unsealed-for"
        }
    }

    /// The first event that it is about; nil when it is about none, or about one that has no place yet.
    package var sequence: Int64? {
        switch self {
        case .changed(let sequence, _), .missing(let sequence, _, _), .repeated(let sequence, _),
            .startNotAuthentic(let sequence), .cutOff(let sequence, _, _), .otherThanHead(let sequence, _),
            .beforeStart(let sequence, _, _):
            sequence
        case .noHead, .headNotAuthentic, .unsealedAmong, .unsealedFor: nil
        }
    }

    package var description: String {
        switch self {
        case .changed(let sequence, let time):
            "Event \(sequence) of \(time) was changed, moved, or put in another's place: its code does not fit it and the "
                + "event before."
        case .missing(let first, let last, let time):
            (first == last ? "Event \(first) is missing" : "Events \(first) to \(last) are missing")
                + ", before the one of \(time)."
        case .repeated(let sequence, let time):
            "There is a second event \(sequence), of \(time), or one before the place where the log begins."
        case .startNotAuthentic(let sequence):
            "The log says that it begins after event \(sequence), but the server has not removed the events before: the "
                + "front was cut off."
        case .noHead(let path):
            "There is no file \(path), so nobody can tell whether the end was cut off. (Until a server has run on a store there "
                + "is none.)"
        case .headNotAuthentic(let path):
            "The file \(path) was changed, or belongs to another master key: it does not prove where the log ends."
        case .cutOff(let first, let last, let head):
            (first == last ? "Event \(first) was cut off the end" : "Events \(first) to \(last) were cut off the end")
                + ": \(head) knows of them."
        case .otherThanHead(let sequence, let head):
            "Event \(sequence) is not the one that \(head) knows: the log was written anew from there, or before."
        case .beforeStart(let sequence, let start, let head):
            "\(head) ends at event \(sequence), which is no longer kept: the log begins after event \(start). Compare with a "
                + "newer one."
        case .unsealedAmong(let number, let time):
            "The event of \(time) (number \(number)) has no place in the chain, although later ones have: it was put in or "
                + "taken out of the chain by hand."
        case .unsealedFor(let number, let time, let seconds):
            "The event of \(time) (number \(number)) has no place in the chain after \(seconds) seconds, although a server is "
                + "running, which gives it one within a second."
        }
    }

    package var json: JSONValue {
        [
            "kind": .string(kind), "sequence": sequence.map { .number(JSONNumber($0)) } ?? .null,
            "text": .string(description),
        ]
    }
}
