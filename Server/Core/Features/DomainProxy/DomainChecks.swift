import GatehouseDNS
import GatehouseStorage

/// What a round of checks found that somebody should know.
struct DomainChecked: Sendable {
    /// The domains whose record is missing since now.
    var missing: [String] = []
    /// Those that nobody could tell anything about.
    var unanswered: [String: DNSError] = [:]
    /// Those whose check came to no end for another reason.
    var failed: [String: any Error] = [:]
}

extension DomainProxy {
    /// How long a check counts. One that came to no end is repeated sooner.
    private static let interval = Int64.days(1)
    private static let intervalWithoutEnd = Int64.minutes(60)
    /// In a round, and of those side by side.
    private static let checksInRound = 100
    private static let checksSideBySide = 8

    /// Looks whether the records of domains are still there, of those whose day is over.
    func checkDue() async throws -> DomainChecked {
        var checked = DomainChecked()
        guard let lookUp else { return checked }
        let now = clock.now()
        let due = try await database.read { sql in
            try HostedRecord.due(before: now - Self.interval, at: now, limit: Self.checksInRound, in: sql)
        }
        // Some at once: one name server that says nothing holds up its own domain and no other.
        await withTaskGroup(of: (String, Result<Check?, any Error>).self) { group in
            var waiting = due.makeIterator()
            func begin(_ hosted: HostedRecord) {
                group.addTask {
                    do { return (hosted.domain, .success(try await check(hosted, lookUp, at: now))) } catch {
                        return (hosted.domain, .failure(error))
                    }
                }
            }
            for _ in 0..<Self.checksSideBySide { waiting.next().map(begin) }
            while let (domain, result) = await group.next() {
                if !Task.isCancelled { waiting.next().map(begin) }
                switch result {
                case .success(let check?):
                    if check.isNewlyMissing { checked.missing.append(domain) }
                    if case .nothing(let error) = check.finding, !error.isCertain { checked.unanswered[domain] = error }
                case .success(nil): break
                case .failure(let error): checked.failed[domain] = error
                }
            }
        }
        try Task.checkCancellation()
        return checked
    }

    private struct Check: Sendable {
        let finding: DomainFinding
        let isNewlyMissing: Bool
    }

    /// - Returns: nil when another process looks.
    private func check(_ hosted: HostedRecord, _ lookUp: LookUp, at now: Int64) async throws -> Check? {
        guard let record = hosted.record, try await claimCheck(of: hosted, at: now) else { return nil }
        let finding = await DomainFinding.of(hosted.domain, lookUp)
        try Task.checkCancellation()
        let time = clock.now()
        let isNew = try await database.transaction { sql in
            if finding.isCertain {
                try sql(
                    """
                    UPDATE domains SET checked_at = \(time)
                    WHERE name = \(hosted.domain) AND verified_record = \(record)
                    """)
            }
            return try HostedRecord.note(finding, of: hosted.domain, record, at: time, outbox, in: sql)
        }
        return Check(finding: finding, isNewlyMissing: isNew)
    }

    /// Of several processes at once one checks. Should it come to no end, another one does, soon.
    private func claimCheck(of hosted: HostedRecord, at now: Int64) async throws -> Bool {
        try await database.transaction { sql in
            try sql.changes(
                """
                UPDATE domains SET checked_at = \(now - Self.interval + Self.intervalWithoutEnd)
                WHERE name = \(hosted.domain) AND COALESCE(checked_at, -1) = \(hosted.checkedAt ?? -1)
                """) == 1
        }
    }
}
