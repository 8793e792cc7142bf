import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import Logging
import Synchronization
import Testing

@testable import GatehouseCore

@Suite("The chain of the audit log", .timeLimit(.minutes(5)))
struct AuditChainTests {
    // MARK: Whatever somebody does to it

    @Test("a thousand random edits to a stored log: each is found", arguments: [UInt64.random(in: 0 ..< .max)])
    func thousandEdits(seed: UInt64) async throws {
        let whole = try await AuditLogUnderTest(events: 40)
        let trimmed = try await AuditLogUnderTest(events: 40)
        trimmed.time.advance(days: 60)
        try await trimmed.change(20)
        #expect(try await trimmed.chain.removeOld(days: 30) == 40)
        try await trimmed.change(5)
        var random = SplitMix(seed)
        var done: [String: Int] = [:]
        for log in [whole, trimmed] {
            #expect(try await log.findings().isEmpty)
            let before = try await log.snapshot()
            for number in 0..<500 {
                let edit = try await log.edit(&random)
                done[edit.name, default: 0] += 1
                let findings = try await log.findings()
                #expect(!findings.isEmpty, "seed \(seed), edit \(number): \(edit)")
                if let sequence = edit.sequence {
                    #expect(
                        findings.contains { $0.names(sequence) }, "seed \(seed), edit \(number): \(edit), \(findings)")
                }
                try await log.restore(before)
            }
            #expect(try await log.findings().isEmpty, "put back as it was, it is whole again")
        }
        #expect(done.values.reduce(0, +) == 1000)
        print("audit log: seed \(seed); found", done.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" })
        await whole.close()
        await trimmed.close()
    }

    @Test("an old store behind its head is found, and an old head before its store is not")
    func replay() async throws {
        let log = try await AuditLogUnderTest(events: 10)
        let old = try await log.snapshot()
        let oldHead = try log.headText()
        try await log.change(3)
        // As after a crash between the events and the head.
        try log.setHead(oldHead)
        #expect(try await log.findings().isEmpty)
        try await log.change(1)
        #expect(try log.headText()?.hasPrefix("14:") == true)

        let head = try log.headText()
        try await log.restore(old)
        try log.setHead(head)
        #expect(try await log.findings() == [.cutOff(from: 11, to: 14, log.headFile)])
        // Going on from there does not hide it.
        try await log.change(9)
        #expect(try log.headText() == head)
        #expect(try await log.findings() == [.otherThanHead(14, log.headFile)])
        // Store and head put back together: only who kept the head elsewhere knows.
        try await log.restore(old)
        try log.setHead(oldHead)
        #expect(try await log.findings().isEmpty)
        var witnesses = AuditChain.Witnesses()
        witnesses.expected = AuditPlace(String(try #require(head).split(separator: ":")[..<2].joined(separator: ":")))
        #expect(try await log.findings(witnesses) == [.cutOff(from: 11, to: 14, "--expect")])
        witnesses = AuditChain.Witnesses()
        witnesses.headFile = log.folder.path("kept")
        try Data(try #require(head).utf8).write(to: URL(filePath: log.folder.path("kept")))
        #expect(try await log.findings(witnesses) == [.cutOff(from: 11, to: 14, log.folder.path("kept"))])
        await log.close()
    }

    @Test("an event that was sealed at the same place in another history of the store is found")
    func otherHistory() async throws {
        let log = try await AuditLogUnderTest(events: 10)
        let fork = try await log.snapshot()
        try await log.change(4)
        let first = try await log.snapshot()
        // As after a restore that somebody owned up to.
        try await log.restore(fork)
        log.time.advance(days: 1)
        try await log.change(4)
        let second = try await log.snapshot()
        #expect(try await log.findings().isEmpty)
        var rows = second.rows
        rows[11] = first.rows[11]
        try await log.restore(AuditLogUnderTest.Snapshot(rows: rows, chain: second.chain, head: second.head))
        #expect(try await log.findings().contains { $0.names(12) })
        await log.close()
    }

    @Test("a log without a head, or with one that is not authentic, is said to be so until somebody begins a new one")
    func lostHead() async throws {
        let log = try await AuditLogUnderTest(events: 5)
        let head = try #require(try log.headText())
        try log.setHead(nil)
        #expect(try await log.findings() == [.noHead(log.headFile)])
        try await log.change(1)
        #expect(try log.headText() == nil, "sealing does not hide it")
        for other in ["", "0::\n", head.replacing("5:", with: "4:"), String(head.dropLast(3)) + "AA\n", "x"] {
            try log.setHead(other)
            #expect(try await log.findings() == [.headNotAuthentic(log.headFile)], "\(other)")
            try await log.change(1)
            #expect(try log.headText() == other)
        }
        try await log.chain.beginNewHead(by: .commandLine)
        #expect(try await log.findings().isEmpty)
        let last = try await log.database.rows("SELECT action, actor FROM audit_events ORDER BY number DESC LIMIT 1")
        #expect(try last.first?.text("action") == "begin a new head; the one before: not authentic")
        #expect(try last.first?.text("actor") == "(command line)")
        let mode = try FileManager.default.attributesOfItem(atPath: log.headFile)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        await log.close()
    }

    @Test("an event that is not sealed although later ones are, or a server is running, is found")
    func unsealed() async throws {
        let log = try await AuditLogUnderTest(events: 5, time: .real)
        try await log.write(1)
        #expect(try await log.findings().isEmpty, "it may be from just now")
        try await log.sql("UPDATE audit_events SET at = at - 20000000 WHERE sequence IS NULL")
        log.chain.head.touch()
        #expect(try await log.findings().map(\.kind) == ["unsealed-for"])
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -60)], ofItemAtPath: log.headFile)
        #expect(try await log.findings().isEmpty, "no server is running")
        try await log.chain.seal()
        try await log.sql(
            "INSERT INTO audit_events (number, id, at, action, object_kind, object_id) VALUES (-1, 'x', 1, 'x', 'x', 'x')"
        )
        #expect(try await log.findings().map(\.kind) == ["unsealed-among"])
        await log.close()
    }

    @Test("numbers at the ends of their range are found like all others, and end nothing")
    func extremes() async throws {
        for value in [Int64.max, .min] {
            for column in ["number", "at", "sequence"] {
                let log = try await AuditLogUnderTest(events: 3)
                try await log.sql("UPDATE audit_events SET \(column) = \(value) WHERE sequence = 3")
                #expect(try await log.findings().isEmpty == false, "\(column)")
                try await AuditChain.export(from: nil, to: nil, of: log.database) { _, _ in }
                await log.close()
            }
        }
        let log = try await AuditLogUnderTest(events: 3)
        try await log.write(1)
        try await log.sql("UPDATE audit_events SET at = \(Int64.min) WHERE sequence IS NULL")
        log.chain.head.touch()
        _ = try await log.findings()
        try await log.sql("UPDATE audit_events SET sequence = \(Int64.max) WHERE sequence = 3")
        await #expect(throws: AuditSealingError.self) { try await log.chain.seal() }
        await log.close()
    }

    // MARK: Sealing

    @Test("sixteen that change and two processes that seal make one chain, in the order of the changes")
    func race() async throws {
        let log = try await AuditLogUnderTest(events: 0)
        let second = try SQLiteDatabase(path: log.database.path)
        let other = AuditChain(second, at: second.path, masterKey: log.masterKey, clock: log.time.clock)
        let isOver = Flag()
        try await withThrowingTaskGroup { group in
            for chain in [log.chain, other] {
                group.addTask {
                    while !isOver.isSet {
                        #expect(try await chain.seal() == .current)
                        try await Task.sleep(for: .milliseconds(1))
                    }
                }
            }
            group.addTask {
                _ = try await sixteen { writer in
                    for number in 0..<100 {
                        let database = writer % 2 == 0 ? log.database : second
                        try await database.transaction { sql in
                            try AuditLog.record(
                                "\(number)", on: AuditObject("test", "\(writer)"), by: .server, at: 1, in: sql)
                        }
                    }
                    return ""
                }
                isOver.set()
            }
            try await group.waitForAll()
        }
        try await log.chain.seal()
        let report = try await log.chain.verify()
        #expect(report.findings.told.isEmpty)
        #expect(report.checked == 1600 && report.end.count == 1600 && report.unsealed == 0)
        #expect(try log.headText()?.hasPrefix("1600:") == true)
        let order = try await log.database.rows("SELECT number, sequence FROM audit_events ORDER BY number")
        #expect(try order.allSatisfy { try $0.integer("number") == $0.integer("sequence") })
        await second.close()
        await log.close()
    }

    @Test("a file of the head that cannot be written keeps no event unsealed")
    func unwritableHead() async throws {
        let log = try await AuditLogUnderTest(events: 3)
        try FileManager.default.createDirectory(atPath: log.headFile + ".new", withIntermediateDirectories: false)
        try await log.write(2)
        await #expect(throws: UnwritableFile.self) { try await log.chain.seal() }
        #expect(try await log.chain.hasUnsealed() == false)
        try FileManager.default.removeItem(atPath: log.headFile + ".new")
        #expect(try await log.chain.seal() == .current)
        #expect(try log.headText()?.hasPrefix("5:") == true)
        await log.close()
    }

    @Test("a head that could not be written is written in the next round, also when no event came since")
    func laggingHead() async throws {
        let log = try await AuditLogUnderTest(events: 3)
        let rounds = AuditRounds(chain: log.chain, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await rounds.next()
        try FileManager.default.createDirectory(atPath: log.headFile + ".new", withIntermediateDirectories: false)
        try await log.write(2)
        await rounds.next()
        #expect(try log.headText()?.hasPrefix("3:") == true)
        try FileManager.default.removeItem(atPath: log.headFile + ".new")
        await rounds.next()
        #expect(try log.headText()?.hasPrefix("5:") == true)
        await log.close()
    }

    @Test("a running server seals within a second")
    func timedSealing() async throws {
        try await withServer { server in
            try await server.fixture.anAccount(email: "bob@a.test")
            let database = server.fixture.database
            let began = ContinuousClock.now
            while try await !database.rows("SELECT 1 AS x FROM audit_events WHERE sequence IS NULL").isEmpty {
                try await Task.sleep(for: .milliseconds(20))
                try #require(began.duration(to: .now) < .seconds(5))
            }
            // With room for a machine that does other things, too.
            #expect(began.duration(to: .now) < .seconds(2))
            #expect(try await server.fixture.features.audits.verify().findings.count == 0)
        }
    }

    // MARK: Retention

    @Test("what is older than the retention goes from the front, is written down, and the rest can be checked")
    func retention() async throws {
        let log = try await AuditLogUnderTest(events: 10)
        #expect(try await log.chain.removeOld(days: 0) == 0)
        log.time.advance(days: 20)
        try await log.change(10)
        log.time.advance(days: 10)
        #expect(try await log.chain.removeOld(days: 30) == 0, "not before a day's worth has come together")
        log.time.advance(days: 2)
        #expect(try await log.chain.removeOld(days: 30) == 10)
        #expect(try await log.chain.removeOld(days: 30) == 0)
        try await log.chain.seal()
        let report = try await log.chain.verify()
        #expect(report.findings.told.isEmpty)
        #expect(report.start == 10 && report.checked == 11 && report.end.count == 21)
        let last = try await log.database.rows("SELECT action, actor FROM audit_events ORDER BY number DESC LIMIT 1")
        #expect(try last.first?.text("action").hasPrefix("remove events 1 to 10, from before ") == true)
        #expect(try last.first?.text("actor") == "(server)")
        // By hand it does not go so.
        try await log.sql("DELETE FROM audit_events WHERE sequence <= 12")
        #expect(try await log.findings().contains { $0.names(11) })
        let code = try await log.text("SELECT start_code FROM audit_chain")
        try await log.sql("UPDATE audit_chain SET start_sequence = 12, start_code = '\(code)'")
        #expect(try await log.findings().contains(.startNotAuthentic(12)))
        await log.close()
    }

    @Test("nothing of a log that is not whole is removed")
    func retentionKeepsEvidence() async throws {
        for edit in [
            "UPDATE audit_events SET action = 'x' WHERE sequence = 4", "DELETE FROM audit_events WHERE sequence = 4",
            "DELETE FROM audit_events WHERE sequence = 10",
        ] {
            let log = try await AuditLogUnderTest(events: 10)
            log.time.advance(days: 60)
            try await log.sql(edit)
            let before = try await log.snapshot()
            await #expect(throws: AuditRetentionError.self) { try await log.chain.removeOld(days: 30) }
            #expect(try await log.snapshot().rows == before.rows)
            await log.close()
        }
    }

    // MARK: Exports

    @Test("an export can be checked without the store, also a part of it")
    func export() async throws {
        let log = try await AuditLogUnderTest(events: 20)
        for from in [nil, log.time.now] {
            let lines = Mutex<[[UInt8]]>([])
            try await AuditChain.export(from: from, to: nil, of: log.database) { event, previous in
                var members = event.json.object ?? []
                if let previous { members.append(JSONValue.Member(name: "previous", value: .string(previous))) }
                lines.withLock { $0.append(JSONValue.object(members).bytes()) }
            }
            let all = lines.withLock { $0 }
            #expect(all.count == 20)
            func findings(_ lines: [[UInt8]]) throws -> [AuditFinding] {
                var check = log.chain.exportCheck()
                for line in lines { try check.add(line: line) }
                return check.report().findings.told
            }
            #expect(try findings(all).isEmpty)
            #expect(try findings(Array(all[..<7]) + Array(all[8...])).contains { $0.names(8) })
            #expect(try findings(Array(all[..<7]) + [all[8], all[7]] + Array(all[9...])).isEmpty == false)
            var changed = all
            changed[11] = Array(String(decoding: all[11], as: UTF8.self).replacing("event 11", with: "event 12").utf8)
            #expect(try findings(changed).contains { $0.names(12) })
        }
        #expect(throws: (any Error).self) {
            var check = log.chain.exportCheck()
            try check.add(line: Array("{}".utf8))
        }
        await log.close()
    }
}

private final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}

extension AuditFinding {
    /// Whether it tells of the event with this sequence.
    fileprivate func names(_ sequence: Int64) -> Bool {
        switch self {
        case .changed(let own, _), .repeated(let own, _), .otherThanHead(let own, _): own == sequence
        case .missing(let first, let last, _), .cutOff(let first, let last, _): (first...last).contains(sequence)
        case .startNotAuthentic(let start): sequence <= start
        default: false
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: the same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
