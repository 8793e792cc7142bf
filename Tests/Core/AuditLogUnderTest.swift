import Foundation
import GatehouseCryptography
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport

@testable import GatehouseCore

/// An audit log in a file of its own, and everything that somebody who can write to the file may do to it.
final class AuditLogUnderTest: Sendable {
    enum Time { case standing, real }

    let folder: TemporaryFolder
    let database: SQLiteDatabase
    let masterKey: SealingKey
    let time = TestClock()
    let chain: AuditChain
    var headFile: String { chain.head.path }

    init(events: Int, time kind: Time = .standing) async throws {
        folder = try TemporaryFolder()
        var options = SQLiteOptions()
        options.isDurable = false
        database = try SQLiteDatabase(path: folder.path("store.db"), options: options)
        _ = try await database.migrate(Schema.migrations)
        masterKey = try SealingKey(SystemRandom.bytes(32))
        let clock =
            kind == .standing ? time.clock : Clock { Int64(Date.now.timeIntervalSince1970 * 1_000_000) }
        chain = AuditChain(database, at: database.path, masterKey: masterKey, clock: clock)
        try await change(events)
    }

    func close() async { await database.close() }

    // MARK: As the server does it

    func write(_ count: Int) async throws {
        let now = chain.clock.now()
        try await database.transaction { sql in
            for number in 0..<count {
                let actors: [Actor] = [.account(id: "id", login: "alice@a.test"), .server, .anonymous]
                let object = AuditObject(
                    ["account", "subject"][number % 2], "o\(number)", subject: number % 2 == 1 ? 7 : nil)
                try AuditLog.record("event \(number)", on: object, by: actors[number % 3], at: now, in: sql)
            }
        }
    }

    func change(_ count: Int) async throws {
        try await write(count)
        try await chain.seal()
    }

    func findings(_ witnesses: AuditChain.Witnesses = AuditChain.Witnesses()) async throws -> [AuditFinding] {
        try await chain.verify(witnesses).findings.told
    }

    // MARK: By hand

    func sql(_ statement: String) async throws {
        try await database.transaction { sql in try sql(Query(migrationStatement: statement)) }
    }

    func text(_ statement: String) async throws -> String {
        try await database.rows(Query(migrationStatement: statement)).first?.text(at: 0) ?? ""
    }

    func headText() throws -> String? {
        guard FileManager.default.fileExists(atPath: headFile) else { return nil }
        return String(decoding: try Data(contentsOf: URL(filePath: headFile)), as: UTF8.self)
    }

    func setHead(_ text: String?) throws {
        guard let text else { return try FileManager.default.removeItem(atPath: headFile) }
        try Data(text.utf8).write(to: URL(filePath: headFile))
    }

    struct Snapshot: Sendable, Equatable {
        let rows: [[StorageValue]]
        let chain: [StorageValue]
        let head: String?
    }

    static let columns = [
        "number", "id", "at", "actor_id", "actor", "action", "object_kind", "object_id", "subject", "sequence", "code",
    ]

    func snapshot() async throws -> Snapshot {
        func values(_ row: Row) throws -> [StorageValue] { try (0..<row.count).map { try row.value(at: $0) } }
        let rows = try await database.rows("\(AuditEvent.columns) ORDER BY number").map(values)
        let chain = try await database.rows("SELECT start_sequence, start_code, start_proof FROM audit_chain").map(
            values)
        return Snapshot(rows: rows, chain: chain.first ?? [], head: try headText())
    }

    func restore(_ snapshot: Snapshot) async throws {
        try await database.transaction { sql in
            try sql("DELETE FROM audit_events")
            for row in snapshot.rows { try Self.insert(row, in: sql) }
            try sql(
                """
                UPDATE audit_chain SET start_sequence = \(snapshot.chain[0]), start_code = \(snapshot.chain[1]),
                    start_proof = \(snapshot.chain[2])
                """)
        }
        try setHead(snapshot.head)
    }

    private static func insert(_ v: [StorageValue], in sql: borrowing Transaction) throws {
        try sql(
            """
            INSERT INTO audit_events
                (number, id, at, actor_id, actor, action, object_kind, object_id, subject, sequence, code)
            VALUES (\(v[0]), \(v[1]), \(v[2]), \(v[3]), \(v[4]), \(v[5]), \(v[6]), \(v[7]), \(v[8]), \(v[9]), \(v[10]))
            """)
    }

    // MARK: At random

    struct Edit: CustomStringConvertible {
        let name: String
        /// The event that the findings have to name; nil where it is not one.
        var sequence: Int64?
        var detail = ""
        var description: String { "\(name) \(sequence.map { String($0) } ?? "") \(detail)" }
    }

    /// Does one thing to the log that makes it another.
    func edit(_ random: inout SplitMix) async throws -> Edit {
        let before = try await snapshot()
        while true {
            var rows = before.rows
            var chain = before.chain
            var head = before.head
            let edit = Self.draw(&rows, &chain, &head, &random)
            let after = Snapshot(rows: rows, chain: chain, head: head)
            guard after != before else { continue }
            try await restore(after)
            return edit
        }
    }

    private static func sequence(_ row: [StorageValue]) -> Int64 {
        if case .integer(let sequence) = row[9] { sequence } else { 0 }
    }

    private static func draw(
        _ rows: inout [[StorageValue]], _ chain: inout [StorageValue], _ head: inout String?, _ random: inout SplitMix
    ) -> Edit {
        let index = Int.random(in: rows.indices, using: &random)
        let other = Int.random(in: rows.indices, using: &random)
        let last = rows.count - 1
        func renumber(from first: Int, by step: Int64) {
            for index in rows.indices.dropFirst(first) {
                rows[index][9] = .integer(sequence(rows[index]) + step)
                if case .integer(let number) = rows[index][0] { rows[index][0] = .integer(number + step) }
            }
        }
        switch Int.random(in: 0..<17, using: &random) {
        case 0...4:
            let column = Int.random(in: columns.indices, using: &random)
            let own = sequence(rows[index])
            rows[index][column] = another(than: rows[index][column], column, &random)
            return Edit(name: "changed column", sequence: column == 9 ? nil : own, detail: columns[column])
        case 5:
            let own = sequence(rows[index])
            rows.remove(at: index)
            return Edit(name: "deleted", sequence: own)
        case 6:
            let own = sequence(rows[index])
            rows.remove(at: index)
            renumber(from: index, by: -1)
            return Edit(name: "deleted, the rest moved up", sequence: index == last ? own : nil)
        case 7:
            var row = rows[index]
            row[1] = .text("inserted")
            row[5] = .text("something else")
            renumber(from: index, by: 1)
            rows.insert(row, at: index)
            return Edit(name: "inserted, the rest moved down", sequence: sequence(row))
        case 8:
            var row = rows[last]
            row[1] = .text("appended")
            row[0] = .integer(10_000)
            row[9] = .integer(sequence(row) + 1)
            rows.append(row)
            return Edit(name: "appended", sequence: sequence(row))
        case 9:
            for column in [9, 10] {
                let kept = rows[index][column]
                rows[index][column] = rows[other][column]
                rows[other][column] = kept
            }
            return Edit(name: "swapped places", sequence: index == other ? nil : sequence(rows[index]))
        case 10:
            let kept = rows[index]
            for column in 2...8 {
                rows[index][column] = rows[other][column]
                rows[other][column] = kept[column]
            }
            let isOther = rows[index][2...8] != kept[2...8]
            return Edit(name: "swapped contents", sequence: isOther ? sequence(rows[index]) : nil)
        case 11:
            let count = Int.random(in: 1...rows.count, using: &random)
            let gone = sequence(rows[rows.count - 1])
            rows.removeLast(count)
            return Edit(name: "cut off the end", sequence: gone)
        case 12:
            let count = Int.random(in: 1..<rows.count, using: &random)
            let first = sequence(rows[0])
            let boundary = rows[count - 1]
            rows.removeFirst(count)
            var isAdapted = false
            if Bool.random(using: &random) {
                // As well as anybody can without the master key.
                chain[0] = boundary[9]
                chain[1] = boundary[10]
                if Bool.random(using: &random) { chain[2] = boundary[10] }
                isAdapted = true
            } else if Bool.random(using: &random) {
                chain = [.integer(0), .text(""), .text("")]
                renumber(from: 0, by: 1 - sequence(rows[0]))
                return Edit(name: "cut off the front, begun anew", sequence: nil)
            }
            return Edit(name: isAdapted ? "cut off the front, start adapted" : "cut off the front", sequence: first)
        case 13:
            // As long as the chain is whole a place can only be taken from an event.
            rows[index][9] = .null
            rows[index][10] = .null
            return Edit(name: "taken out of the chain")
        case 14:
            // The same text, with the border between two columns elsewhere.
            guard case .text(let left) = rows[index][5], case .text(let right) = rows[index][6] else { break }
            rows[index][5] = .text(String(left.dropLast()))
            rows[index][6] = .text(left.suffix(1) + right)
            return Edit(name: "border moved", sequence: sequence(rows[index]))
        case 15:
            if Bool.random(using: &random) {
                head = nil
                return Edit(name: "head removed")
            }
            var octets = Array((head ?? "").utf8)
            let place = Int.random(in: octets.indices, using: &random)
            octets[place] = octets[place] == UInt8(ascii: "7") ? UInt8(ascii: "8") : UInt8(ascii: "7")
            head = String(decoding: octets, as: UTF8.self)
            return Edit(name: "head changed", detail: "at \(place)")
        default:
            let column = Int.random(in: 0..<2, using: &random)
            chain[column] = column == 0 ? .integer(Int64.random(in: 0...100, using: &random)) : .text("x")
            return Edit(name: "start changed", detail: "\(column)")
        }
        return Edit(name: "nothing")
    }

    private static func another(than value: StorageValue, _ column: Int, _ random: inout SplitMix) -> StorageValue {
        let isNullable = [3, 4, 8].contains(column)
        switch value {
        case .integer(let integer):
            if isNullable, Bool.random(using: &random) { return .null }
            let step = Int64.random(in: 1...1000, using: &random)
            return .integer(Bool.random(using: &random) ? integer + 1000 + step : integer ^ (1 << 40))
        case .text(let text):
            if isNullable, Bool.random(using: &random) { return .null }
            var octets = Array(text.utf8)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: octets.append(UInt8(ascii: "x"))
            case 1 where !octets.isEmpty: octets.removeLast()
            default:
                guard !octets.isEmpty else { return .text("x") }
                let place = Int.random(in: octets.indices, using: &random)
                octets[place] = octets[place] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
            }
            return .text(String(decoding: octets, as: UTF8.self))
        case .null: return column == 8 ? .integer(1) : .text("somebody")
        case .bytes: return .null
        }
    }
}
