import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseSQLite
import GatehouseStorage

/// How long it takes to seal and to check a long audit log.
///
/// - Parameter seconds: below 5, a log of 10 000 events will do; else one of a million.
func auditBenchmarks(seconds: Double) async throws -> [Row] {
    let count = seconds < 5 ? 10_000 : 1_000_000
    return try await withTemporaryFolder { folder in
        let database = try SQLiteDatabase(path: folder.appending(path: "store.sqlite").path)
        _ = try await database.migrate(Schema.migrations)
        let chain = AuditChain(
            database, at: database.path, masterKey: try SealingKey(SystemRandom.bytes(32)), clock: Clock { 0 })
        for first in stride(from: 0, to: count, by: 5000) {
            try await database.transaction { sql in
                for number in first..<min(first + 5000, count) {
                    try AuditLog.record(
                        "set 100: 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", on: AuditObject("address", "\(number)"),
                        by: .account(id: "05EwoY5LBg8UfTt1DNi8Cg", login: "alice$example.com"), at: Int64(number),
                        in: sql)
                }
            }
        }
        let sealing = try await ContinuousClock().measure { try await chain.seal() }
        let began = ContinuousClock.now
        let report = try await chain.verify()
        let checking = began.duration(to: .now)
        await database.close()
        precondition(report.findings.count == 0 && report.checked == count, "the log is not whole")
        return [
            Row(
                name: "audit events sealed, in thousands a second",
                value: Double(count) / (sealing / .seconds(1)) / 1000,
                note: "\(count) that waited, in \(sealing)"),
            Row(
                name: "audit events checked, in thousands a second",
                value: Double(count) / (checking / .seconds(1)) / 1000,
                note: "\(count) in \(checking)"),
        ]
    }
}
