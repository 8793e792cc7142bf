package import GatehouseCryptography
import GatehouseJSON
package import GatehouseStorage

/// The chain over the audit log: each sealed event has a sequence, and a code over itself and the code before it.
///
/// An event is written unsealed, in the transaction of the change, and sealed within a second, so that changes do not wait
/// for each other's codes. Any number of processes may seal; they take turns, and the chain never forks.
package struct AuditChain: Sendable {
    let database: any Database
    let keys: AuditKeys
    let head: AuditHeadFile
    let clock: Clock

    /// - Parameter database: the file of the store; the head is kept beside it.
    package init(_ database: any Database, at path: String, masterKey: SealingKey, clock: Clock) {
        self.database = database
        self.clock = clock
        keys = AuditKeys(masterKey)
        head = AuditHeadFile(path: path + ".audit-head", keys: keys)
    }

    /// Events sealed in one transaction at most: others wait for it a few milliseconds.
    private static let batch = 500

    // MARK: Sealing

    /// How the file of the head stands to the log.
    package enum HeadState: Sendable, Equatable {
        case current
        /// It does not fit the log; it is left as it is, so that `gatehouse audit verify` can tell.
        case unfit(AuditFinding)
    }

    /// Whether an event waits for its place.
    package func hasUnsealed() async throws -> Bool {
        try await !database.rows("SELECT 1 AS is_there FROM audit_events WHERE sequence IS NULL LIMIT 1").isEmpty
    }

    /// Seals all that is there, and writes the head down.
    @discardableResult
    package func seal() async throws -> HeadState {
        // Before the first event has a place, so that a missing file is always one that was taken away. A file that cannot be
        // written keeps no event unsealed.
        let before: Result<HeadState, any Error>
        do { before = .success(try await keepHead()) } catch { before = .failure(error) }
        guard try await sealBatch() > 0 else { return try before.get() }
        while try await sealBatch() > 0 {}
        return try await keepHead()
    }

    /// - Returns: how many.
    private func sealBatch() async throws -> Int {
        guard try await hasUnsealed() else { return 0 }
        let keys = keys
        return try await database.transaction { sql in
            // Whoever else seals waits here until this one has committed.
            try sql("UPDATE audit_chain SET turn = turn + 1 WHERE id = 1")
            var place = try Self.end(in: sql)
            let rows = try sql("\(AuditEvent.columns) WHERE sequence IS NULL ORDER BY number LIMIT \(Self.batch)")
            for row in rows {
                let event = try AuditEvent(row)
                // Somebody can have written any place into the store; what is wrong with it, `verify` tells.
                guard place.count < .max else { throw AuditSealingError.noPlaceLeft }
                let sequence = place.count + 1
                let code = event.code(after: place.code, at: sequence, under: keys.chain)
                try sql(
                    """
                    UPDATE audit_events SET sequence = \(sequence), code = \(code)
                    WHERE number = \(event.number) AND sequence IS NULL
                    """)
                place = AuditPlace(count: sequence, code: code)
            }
            return rows.count
        }
    }

    /// The last sealed event, or the place where the log begins when there is none.
    private static func end(in sql: borrowing Transaction) throws -> AuditPlace {
        let last = try sql(
            "SELECT sequence, code FROM audit_events WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1"
        ).first
        guard let last else { return try start(in: sql).place }
        return AuditPlace(count: try last.integer("sequence"), code: try last.optionalText("code") ?? "")
    }

    private static func start(in sql: borrowing Transaction) throws -> (place: AuditPlace, proof: String) {
        let rows = try sql("SELECT start_sequence, start_code, start_proof FROM audit_chain WHERE id = 1")
        guard let row = rows.first else { return (AuditPlace(count: -1, code: ""), "") }
        return (
            AuditPlace(count: try row.integer("start_sequence"), code: try row.text("start_code")),
            try row.text("start_proof")
        )
    }

    /// The code of the event at `sequence`, or of the place where the log begins; nil when there is none.
    private static func code(at sequence: Int64, in sql: borrowing Transaction) throws -> String? {
        let start = try start(in: sql).place
        if start.count == sequence { return start.code }
        return try sql("SELECT code FROM audit_events WHERE sequence = \(sequence)").first?.optionalText("code") ?? nil
    }

    // MARK: The head

    /// Writes down how far the log goes, unless what was written down before does not fit it.
    private func keepHead() async throws -> HeadState {
        try await head.locked {
            let content = try head.read()
            let (end, known) = try await database.read { sql in
                var known: String?
                if case .place(let place) = content { known = try Self.code(at: place.count, in: sql) }
                return (try Self.end(in: sql), known)
            }
            switch content {
            case .missing:
                guard end == .beginning else { return .unfit(.noHead(head.path)) }
                try head.write(end)
            case .notAuthentic: return .unfit(.headNotAuthentic(head.path))
            case .place(let place):
                if place.count > end.count {
                    return .unfit(.cutOff(from: end.count + 1, to: place.count, head.path))
                }
                guard known == place.code else { return .unfit(.otherThanHead(place.count, head.path)) }
                if place != end { try head.write(end) }
            }
            return .current
        }
    }

    /// Takes the log as it stands for whole, and writes down that somebody did: when the file of the head was lost.
    package func beginNewHead(by actor: Actor) async throws {
        let now = clock.now()
        let before = try head.read()
        let text =
            switch before {
            case .place(let place): "of \(place.count) events"
            case .missing: "missing"
            case .notAuthentic: "not authentic"
            }
        try await database.transaction { sql in
            try AuditLog.record(
                "begin a new head; the one before: \(text)", on: AuditObject("audit", "head"), by: actor, at: now,
                in: sql)
        }
        try await takeAsWhole()
    }

    /// Seals all that is there and writes the head down, whatever it was before. There must be an event that says why.
    package func takeAsWhole() async throws {
        while try await sealBatch() > 0 {}
        try await head.locked { try head.write(try await database.read { sql in try Self.end(in: sql) }) }
    }

    // MARK: Retention

    /// Removes sealed events that are older than so many days from the front.
    ///
    /// What goes was checked before, what stays can be checked as before, and the removal is an event itself. Since that one
    /// grows old too, nothing is removed until a day's worth has come together.
    ///
    /// - Parameter days: 0 to keep all.
    /// - Returns: how many.
    /// - Throws: `AuditRetentionError` when the log is not whole; then nothing is removed, so that the evidence stays.
    @discardableResult
    package func removeOld(days: Int64) async throws -> Int {
        guard days > 0 else { return 0 }
        let now = clock.now()
        let limit = now - .days(days)
        let oldest = try await database.rows(
            "SELECT at FROM audit_events WHERE sequence IS NOT NULL ORDER BY sequence LIMIT 1"
        ).first
        guard let oldest, try oldest.integer("at") < limit - .days(1) else { return 0 }
        guard case .current = try await keepHead() else { throw AuditRetentionError.notWhole }
        var removed = 0
        while true {
            let count = try await removeBatch(before: limit, at: now)
            removed += count
            guard count == Self.removedAtOnce else { return removed }
        }
    }

    /// One transaction removes so many at most.
    private static let removedAtOnce = 5000

    private func removeBatch(before limit: Int64, at now: Int64) async throws -> Int {
        let keys = keys
        return try await database.transaction { sql in
            try sql("UPDATE audit_chain SET turn = turn + 1 WHERE id = 1")
            let start = try Self.start(in: sql)
            guard Self.isAuthentic(start, keys) else { throw AuditRetentionError.notWhole }
            var walk = AuditWalk(keys, from: start.place)
            var count = 0
            for row in try sql(
                "\(AuditEvent.columns) WHERE sequence IS NOT NULL ORDER BY sequence LIMIT \(Self.removedAtOnce)")
            {
                let event = try AuditEvent(row)
                guard event.at < limit else { break }
                walk.step(event)
                count += 1
            }
            guard walk.findings.count == 0 else { throw AuditRetentionError.notWhole }
            guard count > 0 else { return 0 }
            let place = AuditPlace(count: walk.last, code: walk.lastCode ?? "")
            try sql("DELETE FROM audit_events WHERE sequence <= \(place.count)")
            try sql(
                """
                UPDATE audit_chain SET start_sequence = \(place.count), start_code = \(place.code),
                    start_proof = \(keys.proof(of: place, as: .start))
                WHERE id = 1
                """)
            try AuditLog.record(
                "remove events \(start.place.count + 1) to \(place.count), from before \(RFC3339.text(limit))",
                on: AuditObject("audit", String(place.count)), by: .server, at: now, in: sql)
            return count
        }
    }

    private static func isAuthentic(_ start: (place: AuditPlace, proof: String), _ keys: AuditKeys) -> Bool {
        // Before anything was removed there is nothing to prove.
        if start.place == .beginning { return true }
        return keys.isProof(start.proof, of: start.place, as: .start)
    }
}

/// Why events cannot be sealed.
package enum AuditSealingError: Error, CustomStringConvertible {
    case noPlaceLeft

    package var description: String {
        "an event of the audit log has the last place that there can be; `gatehouse audit verify` says more"
    }
}

package enum AuditRetentionError: Error, CustomStringConvertible {
    case notWhole

    package var description: String {
        "the audit log is not whole, so nothing of it is removed; `gatehouse audit verify` says what is wrong"
    }
}

// MARK: - Checking

/// What a check of the log found.
package struct AuditReport: Sendable {
    /// How far the log goes.
    package let end: AuditPlace
    /// The last event that was removed; 0 when all are kept.
    package let start: Int64
    package let checked: Int
    package let unsealed: Int
    package let findings: AuditFindings
}

extension AuditChain {
    /// What the log is compared with.
    package struct Witnesses: Sendable {
        /// Another file than that beside the store.
        package var headFile: String?
        package var expected: AuditPlace?
        package init() {}
    }

    /// Reads the whole log, as it was at one moment.
    ///
    /// - Throws: `UnreadableFile`.
    package func verify(_ witnesses: Witnesses = Witnesses()) async throws -> AuditReport {
        let file = witnesses.headFile.map { AuditHeadFile(path: $0, keys: self.keys) } ?? head
        // First, since the log may only be ahead of it.
        let content = try file.read()
        let (keys, now) = (self.keys, clock.now())
        let isServed = head.touchedAt().map { now - $0 < .seconds(15) } ?? false
        return try await database.read { sql in
            let start = try Self.start(in: sql)
            let isStartKnown = Self.isAuthentic(start, keys)
            var walk = AuditWalk(keys, from: start.place)
            if !isStartKnown {
                walk.add(.startNotAuthentic(start.place.count))
            }
            var checked = 0
            var codes: [Int64: String] = [start.place.count: start.place.code]
            var wanted: Set<Int64> = []
            if case .place(let place) = content { wanted.insert(place.count) }
            if let expected = witnesses.expected { wanted.insert(expected.count) }
            var newest: Int64 = .min
            try Self.forEach(in: sql) { event in
                walk.step(event)
                checked += 1
                newest = max(newest, event.number)
                if let sequence = event.sequence, wanted.contains(sequence) { codes[sequence] = event.code ?? "" }
            }
            let end = AuditPlace(count: walk.last, code: walk.lastCode ?? "")
            func compare(_ place: AuditPlace, _ name: String) {
                if place.count > end.count {
                    walk.add(.cutOff(from: end.count + 1, to: place.count, name))
                } else if place.count < start.place.count {
                    walk.add(.beforeStart(place.count, start: start.place.count, name))
                } else if codes[place.count] != place.code {
                    walk.add(.otherThanHead(place.count, name))
                }
            }
            switch content {
            case .missing: walk.add(.noHead(file.path))
            case .notAuthentic: walk.add(.headNotAuthentic(file.path))
            case .place(let place): compare(place, file.path)
            }
            if let expected = witnesses.expected { compare(expected, "--expect") }
            let unsealed = try Self.checkUnsealed(in: sql, newest: newest, isServed: isServed, at: now, &walk)
            return AuditReport(
                end: end, start: start.place.count, checked: checked, unsealed: unsealed, findings: walk.findings)
        }
    }

    /// - Returns: how many.
    private static func checkUnsealed(
        in sql: borrowing Transaction, newest: Int64, isServed: Bool, at now: Int64, _ walk: inout AuditWalk
    ) throws -> Int {
        let count = try sql("SELECT COUNT(*) AS n FROM audit_events WHERE sequence IS NULL").first?.integer("n") ?? 0
        guard let row = try sql("\(AuditEvent.columns) WHERE sequence IS NULL ORDER BY number LIMIT 1").first else {
            return 0
        }
        let oldest = try AuditEvent(row)
        let seconds = (now - max(oldest.at, 0)) / .microsecondsPerSecond
        if oldest.number < newest {
            walk.add(.unsealedAmong(number: oldest.number, oldest.time))
        } else if isServed, seconds > 10 {
            walk.add(.unsealedFor(number: oldest.number, oldest.time, seconds: seconds))
        }
        return Int(count)
    }

    /// All sealed events in their order, a part at a time.
    private static func forEach(in sql: borrowing Transaction, _ body: (AuditEvent) throws -> Void) throws {
        var after: Int64 = .min
        while true {
            let rows = try sql("\(AuditEvent.columns) WHERE sequence > \(after) ORDER BY sequence LIMIT 1000")
            for row in rows {
                let event = try AuditEvent(row)
                try body(event)
                after = event.sequence ?? after
            }
            if rows.count < 1000 { return }
        }
    }

    // MARK: Exports

    /// Events in the order of the log, sealed and not.
    ///
    /// - Parameters:
    ///   - from: begins with the first event at or after this time, in microseconds since 1970.
    ///   - to: ends with the last one at or before it.
    ///   - body: with the code before the event, which an export needs at its first line only.
    package static func export(
        from: Int64?, to: Int64?, of database: any Database,
        _ body: @escaping @Sendable (AuditEvent, _ previous: String?) throws -> Void
    ) async throws {
        try await database.read { sql in
            let bounds = try sql(
                """
                SELECT MIN(CASE WHEN at >= \(from ?? .min) THEN number END) AS lower,
                    MAX(CASE WHEN at <= \(to ?? .max) THEN number END) AS upper
                FROM audit_events
                """
            ).first
            guard let lower = try bounds?.optionalInteger("lower"), let upper = try bounds?.optionalInteger("upper")
            else { return }
            var next = lower
            var isFirst = true
            while true {
                let rows = try sql(
                    "\(AuditEvent.columns) WHERE number >= \(next) AND number <= \(upper) ORDER BY number LIMIT 1000")
                for row in rows {
                    let event = try AuditEvent(row)
                    var previous: String?
                    if isFirst, let sequence = event.sequence { previous = try code(at: sequence &- 1, in: sql) }
                    isFirst = false
                    try body(event, previous)
                    guard event.number < .max else { return }
                    next = event.number + 1
                }
                if rows.count < 1000 { return }
            }
        }
    }

    /// Checks the lines of an export.
    package struct ExportCheck {
        private let keys: AuditKeys
        private var walk: AuditWalk?
        private var first: Int64?
        private var checked = 0
        private var unsealed = 0

        fileprivate init(_ keys: AuditKeys) { self.keys = keys }

        /// - Throws: `JSONError`, `InvalidExport`.
        package mutating func add(line: [UInt8]) throws {
            let json = try JSONValue(parsing: line)
            let event = try AuditEvent(json)
            guard let sequence = event.sequence else {
                unsealed += 1
                return
            }
            var walk =
                self.walk
                ?? AuditWalk(keys, from: AuditPlace(count: sequence &- 1, code: json["previous"]?.string ?? ""))
            if first == nil { first = sequence }
            walk.step(event)
            checked += 1
            self.walk = walk
        }

        package func report() -> AuditReport {
            AuditReport(
                end: AuditPlace(count: walk?.last ?? 0, code: walk?.lastCode ?? ""), start: (first ?? 1) &- 1,
                checked: checked, unsealed: unsealed, findings: walk?.findings ?? AuditFindings())
        }
    }

    package func exportCheck() -> ExportCheck { ExportCheck(keys) }
}
