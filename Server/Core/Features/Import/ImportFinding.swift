package import GatehouseJSON

/// What a document is about, in the order in which they come along.
package enum ImportKind: String, CaseIterable, Sendable {
    case user, subject, link, audit
    /// Anything else.
    case document

    package var plural: String { rawValue + "s" }
}

/// Something that does not come along. It names the document so that it can be found, and nothing that is said in it.
package struct ImportFinding: Sendable {
    package enum Weight: String, Sendable {
        /// The document does not come along.
        case refused
        /// The document comes along without a part.
        case partly
    }

    package let line: Int
    package let kind: ImportKind
    /// Its `_id`; nil when it has none that can be read.
    package let id: String?
    package let weight: Weight
    /// In words that go on after "line 7: ".
    package let reason: String

    package var text: String {
        let name = id.map { "\(kind.rawValue) \($0)" } ?? kind.rawValue
        return "line \(line): \(name) \(weight == .refused ? "refused" : "in part"): \(reason)"
    }

    package var json: JSONValue {
        [
            "line": .number(JSONNumber(Int64(line))), "kind": .string(kind.rawValue),
            "id": id.map(JSONValue.string) ?? .null, "outcome": .string(weight.rawValue), "reason": .string(reason),
        ]
    }
}

/// Why a document does not come along.
struct ImportRefusal: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// How many documents of each kind met which fate.
package struct ImportCounts: Sendable, Equatable {
    package enum Fate: String, CaseIterable, Sendable {
        /// Comes along now.
        case new
        /// Came along before, the same.
        case there
        case refused
    }

    private var counts: [ImportKind: [Fate: Int]] = [:]
    /// Documents that come along without a part.
    package var partly = 0

    package subscript(kind: ImportKind, fate: Fate) -> Int {
        get { counts[kind]?[fate] ?? 0 }
        set { counts[kind, default: [:]][fate] = newValue }
    }

    package func total(_ fate: Fate) -> Int { ImportKind.allCases.reduce(0) { $0 + self[$1, fate] } }
    package var documents: Int { Fate.allCases.reduce(0) { $0 + total($1) } }

    /// `2 users, 3 subjects`, of those that there are; `nothing` when there are none.
    package func text(_ fate: Fate) -> String {
        let parts = ImportKind.allCases.compactMap { kind -> String? in
            let count = self[kind, fate]
            return count == 0 ? nil : "\(count) \(count == 1 ? kind.rawValue : kind.plural)"
        }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }

    package var json: JSONValue {
        .object(
            ImportKind.allCases.map { kind in
                .init(
                    name: kind.plural,
                    value: .object(
                        Fate.allCases.map {
                            .init(name: $0.rawValue, value: .number(JSONNumber(Int64(self[kind, $0]))))
                        }))
            })
    }
}

/// How far an import is.
package enum ImportProgress: Sendable {
    /// Octets of the file.
    case reading(Int64, of: Int64, documents: Int)
    /// Documents.
    case bringing(Int, of: Int)
}
