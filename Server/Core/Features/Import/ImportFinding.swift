package import GatehouseJSON

/// What a document or row is about, in the order in which they come along.
package enum ImportKind: String, CaseIterable, Sendable {
    case domain, user, subject, link, audit, address
    /// Anything else.
    case document

    package var plural: String { self == .address ? "addresses" : rawValue + "s" }
}

/// Something that does not come along. It names the document or row so that it can be found, and nothing that it says.
package struct ImportFinding: Sendable {
    package enum Weight: String, Sendable {
        /// The document or row does not come along.
        case refused
        /// It comes along without a part.
        case partly
    }

    /// Where it stands.
    package enum Place: Sendable, Equatable {
        /// With its `_id`; nil when it has none that can be read.
        case line(Int, id: String?)
        /// By the name of the table, and the number of the row; nil for a domain that is no row of its own.
        case row(Int64?, table: String)
    }

    package let place: Place
    package let kind: ImportKind
    package let weight: Weight
    /// In words that go on after "line 7: ".
    package let reason: String

    init(_ place: Place, _ kind: ImportKind, _ weight: Weight, _ reason: String) {
        self.place = place
        self.kind = kind
        self.weight = weight
        self.reason = reason
    }

    init(line: Int, kind: ImportKind, id: String?, weight: Weight, reason: String) {
        self.init(.line(line, id: id), kind, weight, reason)
    }

    package var text: String {
        let name =
            switch place {
            case .line(let line, let id): "line \(line): " + (id.map { "\(kind.rawValue) \($0)" } ?? kind.rawValue)
            case .row(let row, let table): row.map { "\(table) \($0)" } ?? table
            }
        return "\(name) \(weight == .refused ? "refused" : "in part"): \(reason)"
    }

    package var json: JSONValue {
        var members: [JSONValue.Member] =
            switch place {
            case .line(let line, let id):
                [
                    .init(name: "line", value: .number(JSONNumber(Int64(line)))),
                    .init(name: "id", value: id.map(JSONValue.string) ?? .null),
                ]
            case .row(let row, let table):
                [
                    .init(name: "table", value: .string(table)),
                    .init(name: "row", value: row.map { .number(JSONNumber($0)) } ?? .null),
                ]
            }
        members += [
            .init(name: "kind", value: .string(kind.rawValue)), .init(name: "outcome", value: .string(weight.rawValue)),
            .init(name: "reason", value: .string(reason)),
        ]
        return .object(members)
    }
}

/// Why a document or row does not come along.
struct ImportRefusal: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// How many documents or rows of each kind met which fate.
package struct ImportCounts: Sendable, Equatable {
    package enum Fate: String, CaseIterable, Sendable {
        /// Comes along now.
        case new
        /// Came along before, the same.
        case there
        case refused
    }

    private var counts: [ImportKind: [Fate: Int]] = [:]
    private let kinds: [ImportKind]

    init(_ format: ImportFormat) { kinds = format.kinds }

    /// Documents or rows that come along without a part.
    package var partly = 0

    package subscript(kind: ImportKind, fate: Fate) -> Int {
        get { counts[kind]?[fate] ?? 0 }
        set { counts[kind, default: [:]][fate] = newValue }
    }

    package func total(_ fate: Fate) -> Int { kinds.reduce(0) { $0 + self[$1, fate] } }
    package var documents: Int { Fate.allCases.reduce(0) { $0 + total($1) } }

    /// `2 users, 3 subjects`, of those that there are; `nothing` when there are none.
    package func text(_ fate: Fate) -> String {
        let parts = kinds.compactMap { kind -> String? in
            let count = self[kind, fate]
            return count == 0 ? nil : "\(count) \(count == 1 ? kind.rawValue : kind.plural)"
        }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }

    package var json: JSONValue {
        .object(
            kinds.map { kind in
                .init(
                    name: kind.plural,
                    value: .object(
                        Fate.allCases.map {
                            .init(name: $0.rawValue, value: .number(JSONNumber(Int64(self[kind, $0]))))
                        }))
            })
    }
}

/// What an import would do, or has done.
package struct ImportOutcome: Sendable {
    package internal(set) var counts: ImportCounts
    /// SHA-256 of the file, in hexadecimal.
    package internal(set) var digest = ""
    /// The domains of the file, and what they are here.
    package internal(set) var domains: [ImportedDomain] = []

    init(_ format: ImportFormat) { counts = ImportCounts(format) }
}

/// How far an import is.
package enum ImportProgress: Sendable {
    /// Octets of the file, or rows.
    case reading(Int64, of: Int64, documents: Int)
    /// Documents.
    case bringing(Int, of: Int)
}
