import GatehouseCryptography
package import GatehouseJSON
import GatehouseStorage

/// One event as the log holds it.
///
/// Its columns are kept as they were read, whatever somebody made of them, since the chain is over all of them.
package struct AuditEvent: Sendable {
    /// What the chain covers, in this order; `sequence` and `code` come after them.
    static let names = [
        "number", "id", "at", "actor_id", "actor", "action", "object_kind", "object_id", "subject",
    ]
    static let columns: Query = """
        SELECT number, id, at, actor_id, actor, action, object_kind, object_id, subject, sequence, code
        FROM audit_events
        """

    private let values: [StorageValue]
    /// Its place in the chain; nil until it is sealed.
    package let sequence: Int64?
    package let code: String?

    /// - Parameter row: of `columns`.
    init(_ row: Row) throws(StorageError) {
        var values: [StorageValue] = []
        values.reserveCapacity(Self.names.count)
        for index in Self.names.indices { values.append(try row.value(at: index)) }
        self.values = values
        sequence = try row.optionalInteger(at: Self.names.count)
        code = try row.optionalText(at: Self.names.count + 1)
    }

    // MARK: As a line of an export

    /// - Throws: `InvalidExport` for what no export has.
    package init(_ json: JSONValue) throws(InvalidExport) {
        var values: [StorageValue] = []
        for name in Self.names {
            switch json[name] {
            case nil: throw InvalidExport(reason: "the member \"\(name)\" is missing")
            case .null: values.append(.null)
            case .some(let value):
                if let text = value.string {
                    values.append(.text(text))
                } else if let number = value.int64 {
                    values.append(.integer(number))
                } else {
                    throw InvalidExport(reason: "the member \"\(name)\" is neither text nor a whole number")
                }
            }
        }
        self.values = values
        sequence = json["sequence"]?.int64
        code = json["code"]?.string
    }

    /// All of it, so that the chain can be checked.
    package var json: JSONValue {
        var members = zip(Self.names, values).map { name, value in
            JSONValue.Member(name: name, value: Self.json(value))
        }
        members.insert(JSONValue.Member(name: "time", value: .string(time)), at: 0)
        members.append(JSONValue.Member(name: "sequence", value: sequence.map { .number(JSONNumber($0)) } ?? .null))
        members.append(JSONValue.Member(name: "code", value: code.map(JSONValue.string) ?? .null))
        return .object(members)
    }

    package static let csvNames = ["time"] + names + ["sequence", "code"]

    /// In the order of `csvNames`; empty for what is not there.
    package var csvCells: [String] {
        [time] + values.map(Self.text) + [sequence.map { String($0) } ?? "", code ?? ""]
    }

    // MARK: Members

    private func text(_ index: Int) -> String? {
        if case .text(let text) = values[index] { text } else { nil }
    }

    private func integer(_ index: Int) -> Int64? {
        if case .integer(let integer) = values[index] { integer } else { nil }
    }

    package var number: Int64 { integer(0) ?? 0 }
    var id: String { text(1) ?? "" }
    /// Microseconds since 1970.
    package var at: Int64 { integer(2) ?? 0 }
    package var time: String { RFC3339.text(at) }
    var actorID: String? { text(3) }
    var actor: String? { text(4) }
    var action: String { text(5) ?? "" }
    var kind: String { text(6) ?? "" }
    var object: String { text(7) ?? "" }

    /// The code of this event behind one with the code `previous`, in base64url.
    ///
    /// Every value goes in with its type and, where it has one, its length, so that no two contents are the same octets.
    func code(after previous: String, at sequence: Int64, under key: HMACKey) -> String {
        var octets: [UInt8] = []
        octets.reserveCapacity(320)
        Self.append(.text(previous), to: &octets)
        Self.append(.integer(sequence), to: &octets)
        for value in values { Self.append(value, to: &octets) }
        return Base64URL.encode(key.code(for: octets))
    }

    static func append(_ value: StorageValue, to octets: inout [UInt8]) {
        func append(_ number: UInt64) {
            for shift in stride(from: 56, through: 0, by: -8) {
                octets.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        switch value {
        case .null: octets.append(0)
        case .integer(let integer):
            octets.append(1)
            append(UInt64(bitPattern: integer))
        case .text(let text):
            octets.append(2)
            append(UInt64(text.utf8.count))
            octets += text.utf8
        case .bytes(let bytes):
            octets.append(3)
            append(UInt64(bytes.count))
            octets += bytes
        }
    }

    private static func json(_ value: StorageValue) -> JSONValue {
        switch value {
        case .null: .null
        case .integer(let integer): .number(JSONNumber(integer))
        case .text(let text): .string(text)
        case .bytes(let bytes): .string(Base64.encode(bytes))
        }
    }

    private static func text(_ value: StorageValue) -> String {
        switch value {
        case .null: ""
        case .integer(let integer): String(integer)
        case .text(let text): text
        case .bytes(let bytes): Base64.encode(bytes)
        }
    }
}

/// Why a line is not one of an export.
package struct InvalidExport: Error, CustomStringConvertible {
    let reason: String
    package var description: String { reason }
}
